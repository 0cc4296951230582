"""The same faces everywhere: library, page and API, and the frames of a video that are searched."""

import pytest
from PIL import Image, ImageEnhance

from benchmarks.collage import EXAMPLES, PORTRAITS, collage
from fer_hub.boxes import iou
from fer_hub.detection.detector import MODELS, FaceDetector
from fer_hub.images import load_image
from fer_hub.pipeline import FERPipeline
from fer_hub.web.service import LOWEST_SCORE, Service
from tests.app.driving import PORTRAIT


def portrait(name: str) -> Image.Image:
    return load_image(EXAMPLES / f"{name}.jpg")


def cut_at_the_hairline() -> Image.Image:
    """Found only with a grey border, by the second steps of a search."""
    x0, y0, x1, y1 = PORTRAITS["grace_hopper"]
    return portrait("grace_hopper").crop((x0, y0 - 5, x1, y1)).resize((192, 192))


PHOTOS = {
    "portrait": lambda: portrait("astronaut"),
    "cut at the hairline": cut_at_the_hairline,
    "flat": lambda: ImageEnhance.Contrast(cut_at_the_hairline()).enhance(0.1),
    "upside down": lambda: portrait("astronaut").transpose(Image.Transpose.ROTATE_180),
    "group": lambda: collage(40, 3, people=8, size=(640, 480))[0],
}


@pytest.fixture(scope="module")
def service(tiny_checkpoint):
    with Service({"tiny": tiny_checkpoint}) as service:
        yield service


@pytest.mark.parametrize("min_score", [0.8, LOWEST_SCORE])
@pytest.mark.parametrize("photo", PHOTOS)
def test_page_video_and_library_find_the_same_faces(service, tiny_checkpoint, photo, min_score):
    image = PHOTOS[photo]()
    with FERPipeline.from_pretrained(tiny_checkpoint, min_score=min_score) as pipeline:
        faces = pipeline(image)
        assert faces
        assert service.faces(image, "tiny", min_score) == faces
        frames = pipeline.for_frames()(image)
    assert_alike(faces, frames)
    assert service.video_pipeline("tiny", min_score)(image) == frames


def assert_alike(faces, frames):
    """MediaPipe's own runtime searches frames: it reads pixels and rounds boxes a little differently."""
    assert len(frames) == len(faces)
    for face in faces:
        other = max(frames, key=lambda other, box=face.box: iou(other.box, box))
        assert iou(other.box, face.box) > 0.9 and abs(other.angle - face.angle) < 3
        assert other.detection_score == pytest.approx(face.detection_score, abs=0.05)


@pytest.mark.parametrize("model", MODELS)
def test_every_detector_can_be_chosen(service, model):
    image = portrait("astronaut")
    with FaceDetector(model) as detector:
        [face] = detector.detect(image)
    [found] = service.faces(image, "tiny", detection_model=model)
    assert found.detection_score == face.detection_score


def test_the_api_takes_the_detector(http):
    file = http.upload(PORTRAIT.read_bytes(), "a.jpg")
    options = ("fer2013", 0.5, False, "training")
    with FaceDetector("yunet") as detector:
        [face] = detector.detect(load_image(PORTRAIT))
    event, [told] = http.call("predict", file, *options, "yunet")
    assert event == "complete" and told["faces"][0]["detection_score"] == pytest.approx(face.detection_score, abs=1e-4)
    sentence = (
        "detection_model must be one of fused, yunet, mediapipe, short_range, full_range, got 'hog'; default fused."
    )
    assert http.refusal("predict", file, *options, "hog") == sentence
