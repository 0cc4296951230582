"""Finding faces: the portraits, groups, close-ups, odd sizes, what is no face, and how a detector lives and dies."""

import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from benchmarks.collage import PORTRAITS, collage
from fer_hub.boxes import iou, scale, shift
from fer_hub.detection import fused_search
from fer_hub.detection.blazeface import FILES, QUIET
from fer_hub.detection.blazeface_onnx import FILE as BLAZEFACE
from fer_hub.detection.detector import MODELS, FaceDetector
from fer_hub.detection.mediapipe_search import shrunk
from fer_hub.detection.onnx_network import FOLDER
from fer_hub.detection.score import calibrated
from fer_hub.detection.yunet import FILE as YUNET
from fer_hub.images import load_image
from fer_hub.results import KEYPOINTS, Face

ROOT = Path(__file__).resolve().parents[2]


def portrait(name: str) -> Image.Image:
    return load_image(ROOT / "examples" / f"{name}.jpg")


@pytest.fixture(scope="module")
def detector():
    with FaceDetector() as detector:
        yield detector


@pytest.mark.parametrize(
    ("file", "digest"),
    [
        (FILES["short_range"], "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"),
        (FILES["full_range"], "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"),
        (BLAZEFACE, "1e87a7821e6ebe7c266cf5d441008b7393d406d92a19c42710b112c02fc1628c"),
        (YUNET, "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12"),
    ],
)
def test_the_model_files_are_the_ones_of_the_notice(file, digest):
    assert hashlib.sha256((FOLDER / file).read_bytes()).hexdigest() == digest
    assert digest in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert file in (FOLDER / "NOTICE").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", [*MODELS, "both"])
@pytest.mark.parametrize("name", PORTRAITS)
def test_portraits_are_found_alike_by_every_model(model, name):
    with FaceDetector(model) as detector:
        [face] = detector.detect(portrait(name))
    assert iou(face.box, PORTRAITS[name]) > 0.9
    assert face.detection_score > 0.75


@pytest.mark.parametrize("name", PORTRAITS)
def test_keypoints_are_where_they_belong(detector, name):
    [face] = detector.detect(portrait(name))
    assert tuple(face.keypoints) == KEYPOINTS
    right, left, nose, mouth, right_ear, left_ear = (np.array(point) for point in face.keypoints.values())
    # the right eye of who faces the camera is on the left of the image
    assert right_ear[0] < right[0] < nose[0] < left[0] < left_ear[0]
    assert max(right[1], left[1]) < nose[1] < mouth[1] < face.box[3]


@pytest.mark.parametrize("longer_side", [100, 300, 1400, 3000])
def test_the_size_of_the_photo_does_not_matter(detector, longer_side):
    image = portrait("grace_hopper")
    factor = longer_side / max(image.size)
    resized = image.resize((round(image.width * factor), round(image.height * factor)), reducing_gap=3.0)
    [face] = detector.detect(resized)
    assert iou(scale(face.box, 1 / factor), PORTRAITS["grace_hopper"]) > 0.85


def test_a_mirrored_photo_gives_mirrored_faces(detector):
    image = portrait("astronaut")
    [face], [mirrored] = detector.detect(image), detector.detect(ImageOps.mirror(image))
    x0, y0, x1, y1 = mirrored.box
    assert iou(face.box, (image.width - x1, y0, image.width - x0, y1)) > 0.9
    assert mirrored.keypoints["left_eye"][0] == pytest.approx(image.width - face.keypoints["right_eye"][0], abs=4)


def test_a_thumbnail_of_48_pixels(detector):
    image = portrait("grace_hopper").crop((128, 76, 408, 356))
    [face] = detector.detect(image.resize((48, 48)))
    assert iou(scale(shift(face.box, 0, 0), 280 / 48), shift(PORTRAITS["grace_hopper"], -128, -76)) > 0.7


@pytest.mark.parametrize("name", PORTRAITS)
def test_a_close_up_cut_at_the_hairline(detector, name):
    x0, y0, x1, y1 = PORTRAITS[name]
    image = portrait(name).crop((x0, y0 - 5, x1, y1)).resize((400, 400))
    [face] = detector.detect(image)
    assert iou(face.box, (0, 0, 400, 400)) > 0.7


def group(columns: int, rows: int, cell: int, face_width: float) -> tuple[Image.Image, list[tuple]]:
    """A photo of many people on grey, and where their faces are."""
    image = Image.new("RGB", (columns * cell, rows * cell), (150, 150, 160))
    truth = []
    for index in range(columns * rows):
        name = list(PORTRAITS)[index % 2]
        box = PORTRAITS[name]
        factor = face_width / (box[2] - box[0])
        person = portrait(name)
        person = person.resize((round(person.width * factor), round(person.height * factor)), reducing_gap=3.0)
        box = scale(box, factor)
        left, top = max(0, round((box[0] + box[2] - cell) / 2)), max(0, round((box[1] + box[3] - cell) / 2))
        x, y = index % columns * cell, index // columns * cell
        image.paste(person.crop((left, top, min(left + cell, person.width), min(top + cell, person.height))), (x, y))
        truth.append(shift(box, x - left, y - top))
    return image, truth


@pytest.mark.parametrize(("name", "hidden", "contrast"), [("grace_hopper", 0.5, 1), ("grace_hopper", 0, 0.032)])
def test_hard_close_ups_are_found_by_looking_again(detector, monkeypatch, name, hidden, contrast):
    x0, y0, x1, y1 = PORTRAITS[name]
    x, y, width = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0
    around = [int(edge) for edge in (x - 0.65 * width, y - 0.75 * width, x + 0.65 * width, y + 0.55 * width)]
    close_up = portrait(name).crop(around)
    truth = shift(PORTRAITS[name], -around[0], -around[1])
    close_up.paste((90, 90, 90), (0, 0, int(hidden * close_up.width), close_up.height))
    close_up = ImageEnhance.Contrast(close_up).enhance(contrast)
    if hidden:
        assert iou(detector.detect(close_up)[0].box, truth) > 0.35  # YuNet frames the half that is seen
    with FaceDetector("mediapipe") as detector:
        least = calibrated(0.5, "mediapipe")
        [face] = detector.detect(close_up, least)
        assert least <= face.detection_score < calibrated(0.75, "mediapipe") and iou(face.box, truth) > 0.45
        assert detector.detect(close_up, face.detection_score + 0.01) == []
        monkeypatch.setattr("fer_hub.detection.mediapipe_search.UNSURE", -1.0)  # no other way finds it
        assert detector.detect(close_up, least) == []


@pytest.mark.parametrize(("columns", "rows", "cell", "face_width"), [(4, 3, 220, 70), (6, 4, 300, 90)])
def test_people_in_a_group_are_found_once_each(detector, columns, rows, cell, face_width):
    image, truth = group(columns, rows, cell, face_width)
    faces = detector.detect(image)
    matches = [sum(iou(face.box, box) > 0.5 for face in faces) for box in truth]
    assert set(matches) <= {0, 1} and sum(matches) == len(faces)
    assert len(faces) >= 0.9 * len(truth)


@pytest.fixture(scope="module")
def thorough():
    with FaceDetector(search="thorough") as detector:
        yield detector


def matches(faces: list[Face], truth: list[tuple]) -> int:
    """How many faces are where one is; each counts once."""
    left = list(truth)
    for face in faces:
        if best := max((box for box in left if iou(face.box, box) > 0.4), key=lambda b: iou(face.box, b), default=None):
            left.remove(best)
    return len(truth) - len(left)


def test_small_faces_of_a_large_photo_are_found(thorough):
    found = people = more = 0
    for seed in range(3):
        photo, truth = collage(32, seed)
        faces = thorough.detect(photo)
        hits = matches(faces, truth)
        found, people, more = found + hits, people + len(truth), more + len(faces) - hits
    assert found >= 0.95 * people and more == 0, (found, people, more)


@pytest.mark.parametrize("tilt", [-45, -30, 30, 45])
def test_tilted_heads_are_found_and_their_angle_is_known(thorough, tilt):
    photo = Image.new("RGB", (640, 640), "gray")
    head = portrait("grace_hopper").rotate(-tilt, Image.Resampling.BICUBIC)
    photo.paste(head.resize((head.width * 2 // 3, head.height * 2 // 3)), (50, 50))
    [face] = thorough.detect(photo)
    assert face.angle == pytest.approx(tilt, abs=12)


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize(
    ("turn", "angle"),
    [(Image.Transpose.ROTATE_270, 90), (Image.Transpose.ROTATE_180, 180), (Image.Transpose.ROTATE_90, -90)],
)
def test_turned_photos_are_understood(thorough, name, turn, angle):
    image = portrait(name)
    [upright], [face] = thorough.detect(image), thorough.detect(image.transpose(turn))
    assert (face.angle - angle + 180) % 360 - 180 == pytest.approx(0, abs=12)
    # back as the photo was: the same box, the same eyes
    width, height = image.size
    back = {
        90: lambda x, y: (y, height - x),
        180: lambda x, y: (width - x, height - y),
        -90: lambda x, y: (width - y, x),
    }
    corners = [back[angle](*face.box[:2]), back[angle](*face.box[2:])]
    xs, ys = zip(*corners, strict=True)
    assert iou((min(xs), min(ys), max(xs), max(ys)), upright.box) > 0.8
    eye = back[angle](*face.keypoints["left_eye"])
    assert np.abs(np.subtract(eye, upright.keypoints["left_eye"])).max() < 0.15 * (upright.box[2] - upright.box[0])


def test_upright_faces_have_no_angle(detector):
    assert [face.angle for name in PORTRAITS for face in detector.detect(portrait(name))] == [0, 0]


def test_faces_come_largest_first(detector):
    image = Image.new("RGB", (900, 600), "white")
    image.paste(portrait("astronaut").resize((300, 300)), (0, 0))
    image.paste(portrait("grace_hopper"), (350, 0))
    faces = detector.detect(image)
    assert len(faces) == 2
    assert faces[0].area > 2 * faces[1].area and faces[0].box[0] > 350


@pytest.mark.parametrize("size", [(1, 1), (48, 48), (640, 480), (1500, 1000), (3000, 1), (1, 3000)])
@pytest.mark.parametrize("colour", ["black", "white", "teal", "peru"])
def test_plain_images_show_nobody(detector, size, colour):
    assert detector.detect(Image.new("RGB", size, colour)) == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [(64, 64), (320, 240), (640, 480)])
def test_noise_shows_nobody(detector, size, seed):
    random = np.random.default_rng(seed)
    assert detector.detect(Image.fromarray(random.integers(0, 256, (*size[::-1], 3), np.uint8))) == []


def test_a_higher_score_leaves_faces_out(detector):
    image = portrait("astronaut")
    [face] = detector.detect(image)
    with FaceDetector(min_score=min(1.0, face.detection_score + 0.01)) as strict:
        assert strict.detect(image) == []


@pytest.mark.parametrize("convert", [np.asarray, lambda image: image.convert("L"), lambda image: image.convert("RGBA")])
def test_other_kinds_of_images_are_converted(detector, convert):
    [face] = detector.detect(convert(portrait("astronaut")))
    assert iou(face.box, PORTRAITS["astronaut"]) > 0.9


def test_exif_orientation_is_applied(detector):
    image = portrait("astronaut").transpose(Image.Transpose.ROTATE_90)
    image.getexif()[0x0112] = 6
    [face] = detector.detect(image)
    assert iou(face.box, PORTRAITS["astronaut"]) > 0.9


def test_threads_share_a_detector(detector):
    images = [portrait(name) for name in PORTRAITS] * 8
    expected = [detector.detect(image) for image in images[:2]] * 8
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(detector.detect, images)) == expected


def test_a_broken_detector_is_renewed():
    import mediapipe

    image = portrait("astronaut")
    with FaceDetector("short_range") as detector:
        before = detector.detect(image)
        native = detector._search.close_up._native
        grey = mediapipe.Image(image_format=mediapipe.ImageFormat.GRAY8, data=np.zeros((64, 64), np.uint8))
        with pytest.raises(RuntimeError):
            native.detect(grey)  # breaks it for good
        assert detector.detect(image) == before
        assert detector._search.close_up._native is not native


def test_frames_are_searched_by_mediapipe_s_own_runtime():
    detector = FaceDetector(min_score=0.7, search="fast")
    frames = detector.for_frames()
    assert (frames.runtime, frames.min_score, frames.search) == ("mediapipe", 0.7, "fast")
    assert frames is detector.for_frames() is frames.for_frames()
    [face], [other] = detector.detect(portrait("astronaut")), frames.detect(portrait("astronaut"))
    assert iou(face.box, other.box) > 0.95 and face.detection_score == pytest.approx(other.detection_score, abs=0.02)
    detector.close()
    for closed in (lambda: frames.detect(portrait("astronaut")), detector.for_frames):
        with pytest.raises(RuntimeError, match="is closed"):
            closed()


CLOSED = "the face detector must be open, but is closed; create a new FaceDetector."


def test_a_closed_detector_says_so():
    detector = FaceDetector()
    assert len(detector.detect(portrait("astronaut"))) == 1
    detector.close()
    detector.close()
    with pytest.raises(RuntimeError) as error:
        detector.detect(portrait("astronaut"))
    assert str(error.value) == CLOSED


def test_closing_while_others_detect_ends_cleanly():
    detector, image, started = FaceDetector(), portrait("astronaut"), threading.Barrier(5)

    def work() -> str:
        started.wait()
        try:
            while True:
                assert len(detector.detect(image)) == 1
        except RuntimeError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(work) for _ in range(4)]
        started.wait()
        detector.close()
        assert {task.result() for task in tasks} == {CLOSED}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"model": "long_range"},
            "model must be one of fused, yunet, mediapipe, short_range, full_range, got 'long_range'; fused is the "
            "default.",
        ),
        ({"min_score": 1.5}, "min_score must be a number from 0 to 1, got 1.5; the default is 0.8."),
        ({"min_score": "high"}, "min_score must be a number from 0 to 1, got 'high'; the default is 0.8."),
        (
            {"search": "deep"},
            "search must be one of fast, normal, thorough, got 'deep'; normal is the default.",
        ),
        ({"runtime": "torch"}, "runtime must be one of onnx, mediapipe, got 'torch'; onnx is the default."),
        ({"min_score": True}, "min_score must be a number from 0 to 1, got True; the default is 0.8."),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError) as error:
        FaceDetector(**arguments)
    assert str(error.value) == message


SCRIPT = """
import sys
from fer_hub.detection import fused_search
from fer_hub.detection.detector import FaceDetector
from fer_hub.images import load_image
assert not {{"mediapipe", "onnxruntime"}} & set(sys.modules)
detector = FaceDetector()
print(len(detector.detect(load_image("examples/astronaut.jpg"))))
print("still heard", file=sys.stderr)
{end}
"""


@pytest.mark.parametrize(
    "end", ["", "detector.close()", "del detector", "detector = None; import gc; gc.collect()", "raise SystemExit(3)"]
)
def test_a_program_is_quiet_and_ends_cleanly(end):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(end=end)], cwd=ROOT, capture_output=True, text=True, timeout=300,
        env=os.environ | {QUIET: "1"},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n", "still heard\n")
    assert done.returncode == (3 if "Exit" in end else 0)


def test_a_program_without_standard_error_works():
    script = "import os; os.close(2)\n" + SCRIPT.format(end="").replace('print("still heard", file=sys.stderr)', "")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=300)
    assert (done.stdout, done.returncode) == ("1\n", 0)


def test_what_mediapipe_says_is_shown_when_it_fails(tmp_path):
    script = """
import pathlib
import fer_hub.detection.blazeface as blazeface
from PIL import Image
blazeface.FOLDER = pathlib.Path({folder!r})
try:
    blazeface.BlazeFace("short_range", 0.5).find(Image.new("RGB", (64, 64)))
except (RuntimeError, ValueError) as error:
    print(type(error).__name__)
"""
    (tmp_path / FILES["short_range"]).write_bytes(b"not a model")
    done = subprocess.run(
        [sys.executable, "-c", script.format(folder=str(tmp_path))],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.stdout in ("RuntimeError\n", "ValueError\n")
    assert done.stderr


def test_threads_hear_nothing_and_lose_nothing():
    """Several detectors start in several threads while another one writes lines of its own."""
    script = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from fer_hub.detection import fused_search
from fer_hub.detection.detector import FaceDetector
from fer_hub.images import load_image
photo = load_image("examples/astronaut.jpg")
detectors = [FaceDetector(), FaceDetector("short_range"), FaceDetector("full_range")]
done = threading.Event()
def write():
    for number in range(100):
        print(f"line {number}", file=sys.stderr, flush=True)
        done.wait(0.02)
writer = threading.Thread(target=write)
writer.start()
with ThreadPoolExecutor(4) as pool:
    found = list(pool.map(lambda number: len(detectors[number % 3].detect(photo)), range(18)))
done.set()
writer.join()
print(set(found))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300,
                          env=os.environ | {QUIET: "1"})  # fmt: skip
    assert done.stdout == "{1}\n"
    # a thread of MediaPipe's own may write the end of its line when what it was written for is over already
    said = [line for line in done.stderr.splitlines() if line]
    assert sorted(said) == sorted(f"line {number}" for number in range(100))


def test_a_search_redirects_nothing():
    """Only what is said while a model is loaded or closed is kept away, and only where that is asked for."""
    script = """
import os
from types import SimpleNamespace
from PIL import Image
from fer_hub.detection.blazeface import BlazeFace
class Native:
    _handle, count = None, 0
    def detect(self, image):
        self.count += 1
        os.write(2, b"INFO: [environment.cc:36] search %d\\n" % self.count)
        return SimpleNamespace(detections=[])
model = BlazeFace("short_range", 0.5)
model._create = Native
for _ in range(2):
    model.find(Image.new("RGB", (64, 64)))
"""
    for environment, heard in (({"FER_HUB_QUIET": "1"}, "2"), ({}, "12")):
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300,
                              env=without(QUIET) | environment)  # fmt: skip
        assert done.stderr == "".join(f"INFO: [environment.cc:36] search {number}\n" for number in heard)


def test_a_child_process_made_while_a_model_loads_keeps_its_standard_error():
    script = """
import os
from fer_hub.detection.blazeface import _quiet
with _quiet():
    if os.fork() == 0:
        os.write(2, b"INFO: [child.cc:1] heard\\n")
        os._exit(0)
    os.wait()
    os.write(2, b"INFO: [parent.cc:1] not heard\\n")
    os.write(2, b"ERROR: Exception in ASGI application\\n")
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300,
                          env=os.environ | {QUIET: "1"})  # fmt: skip
    assert done.stderr == "INFO: [child.cc:1] heard\nERROR: Exception in ASGI application\n"


def without(name):
    return {key: value for key, value in os.environ.items() if key != name}


def test_a_large_photo_is_made_small_once(monkeypatch):
    photo = Image.effect_noise((1600, 1200), 40).convert("RGB")  # nobody, so that every step has its turn
    made = []

    def counting(image, longer, **how):
        made.append(image is photo)
        return shrunk(image, longer, **how)

    monkeypatch.setattr(fused_search, "shrunk", counting)
    with FaceDetector() as detector:
        assert detector.detect(photo) == []
    assert made.count(True) == 1


def test_results_are_faces(detector):
    assert all(type(face) is Face for face in detector.detect(portrait("astronaut")))


def test_faces_of_fer2013_are_found(detector, fer2013_folder):
    from fer_hub.data import load_fer2013

    train = load_fer2013(fer2013_folder)["train"]
    found = {"close-up": 0, "canvas": 0}
    for index in np.random.default_rng(1).permutation(len(train))[:60]:
        face = train[int(index)]["image"].resize((192, 192), Image.Resampling.BICUBIC).convert("RGB")
        canvas = Image.new("RGB", (320, 320), (128, 128, 128))
        canvas.paste(face, (64, 64))
        found["close-up"] += len(detector.detect(face)) > 0
        found["canvas"] += len(detector.detect(canvas)) > 0
    assert min(found.values()) >= 0.95 * 60, found
