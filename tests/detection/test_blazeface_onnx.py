"""BlazeFace through ONNX Runtime: the same faces as through MediaPipe, alone and in a batch, of the same weights."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from benchmarks.collage import EXAMPLES, PORTRAITS, collage
from fer_hub.boxes import iou
from fer_hub.detection.blazeface import FILES, BlazeFace
from fer_hub.detection.blazeface_onnx import FILE, BlazeFaceOnnx
from fer_hub.detection.onnx_network import FOLDER
from fer_hub.images import load_image

SIZES = [(640, 480), (192, 192), (480, 640), (257, 333), (1280, 960)]


def pictures() -> list[Image.Image]:
    """Portraits and a group in sizes of searches and looks, tilted, mirrored, dark, and one with nobody."""
    photos = [load_image(path) for path in sorted(EXAMPLES.glob("*.jpg"))]
    found = [photo.resize(SIZES[index % len(SIZES)]) for index, photo in enumerate(photos * 2)]
    found += [photo.rotate(angle, fillcolor=(128, 128, 128)) for photo in photos[:3] for angle in (25, -60, 180)]
    found += [photo.point(lambda value: value // 4) for photo in photos[:2]]
    found += [collage(120, seed, people=3, size=(640, 480))[0] for seed in range(3)]
    return [*found, Image.new("RGB", (200, 300), "gray")]


@pytest.fixture(scope="module")
def ours():
    return BlazeFaceOnnx(0.3)


def test_mediapipe_finds_the_same_faces(ours):
    """But for what lies at the threshold; MediaPipe cuts off the fractions of a box, and what is beyond two edges."""
    theirs, apart, count = BlazeFace("short_range", 0.3), [], 0
    for image in pictures():
        found, expected = ours.find(image), theirs.find(image)
        for some, others in ((found, expected), (expected, found)):
            sure = [face for face in some if face.detection_score > 0.35]
            assert all(max((iou(face.box, other.box) for other in others), default=0) > 0.5 for face in sure)
        for face in expected:
            same = max(found, key=lambda other, box=face.box: iou(other.box, box), default=None)
            if same is None or iou(same.box, face.box) <= 0.5:
                continue
            count += 1
            pixel = max(image.size) / 192
            corners = np.floor(np.subtract(same.box, np.minimum(same.box, 0)[[0, 1, 0, 1]]))
            assert face.box == pytest.approx(corners, abs=1 + 2 * pixel)
            points = [list(each.keypoints.values()) for each in (same, face)]
            apart.append((same.detection_score - face.detection_score, np.abs(np.subtract(*points)).max() / pixel))
            assert list(same.keypoints) == list(face.keypoints)
    theirs.close()
    scores, points = np.abs(apart).T
    assert count > 25
    assert np.median(scores) < 0.005 and np.quantile(scores, 0.9) < 0.02 and scores.max() < 0.1
    assert np.median(points) < 0.5 and points.max() < 5


def test_a_batch_is_what_its_images_are(ours):
    images = [collage(130, seed, people=2, size=size)[0] for seed, size in enumerate([(640, 480), (480, 640)])]
    for alone, together in zip(map(ours.find, images), ours.find_all(images), strict=True):
        assert len(alone) == len(together) > 0
        for one, other in zip(alone, together, strict=True):
            assert other.detection_score == pytest.approx(one.detection_score, abs=1e-5)
            assert other.box == pytest.approx(one.box, abs=0.01)
    assert ours.find_all([]) == []


def test_threads_get_what_one_gets(ours):
    images = [load_image(path).resize((300, 300)) for path in sorted(EXAMPLES.glob("*.jpg"))[:3]] * 6
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ours.find, images)) == [ours.find(image) for image in images]


@pytest.mark.parametrize("size", [(1, 1), (33, 7), (1, 2000)])
def test_tiny_images_show_nobody(ours, size):
    assert ours.find(Image.new("RGB", size)) == []


def test_a_face_that_the_upper_edge_cuts_keeps_its_place(ours):
    """MediaPipe moves its box down to the edge."""
    x0, y0, x1, y1 = PORTRAITS["astronaut"]
    photo = load_image(EXAMPLES / "astronaut.jpg").crop((x0 - 60, y0 + 10, x1 + 60, y1 + 130))
    face = ours.find(photo)[0]
    x, y = face.keypoints["nose_tip"]
    assert face.box[1] < 0 and abs((face.box[0] + face.box[2]) / 2 - x) + abs((face.box[1] + face.box[3]) / 2 - y) < 40


def test_the_file_is_the_conversion_of_mediapipe_s():
    for needed in ("tflite", "onnx"):
        pytest.importorskip(needed)
    from benchmarks.convert_blazeface import converted

    assert converted((FOLDER / FILES["short_range"]).read_bytes()) == (FOLDER / FILE).read_bytes()
