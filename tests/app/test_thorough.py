"""The thorough search of the running app: small, tilted and turned faces, and the minimum detection score."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.collage import PORTRAITS, collage
from benchmarks.detection import costs, turned
from fer_hub.boxes import iou
from fer_hub.images import load_image
from fer_hub.web.texts import COSTS
from tests.app.driving import PORTRAIT


def jpeg(image):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95)
    return stream.getvalue()


@pytest.fixture(scope="module")
def boxes(http):
    """Boxes of the faces that /predict detects in a photo."""

    def found(file, *options):
        event, told = http.call("predict", file, "fer2013", 0.5, *options)
        assert event == "complete", told
        return [tuple(face["box"].values()) for face in told[0]["faces"]]

    return found


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_sideways_photo_without_exif_orientation(http, boxes, angle):
    upright = load_image(PORTRAIT.parent / "grace_hopper.jpg")
    photo, [truth] = turned(upright, [PORTRAITS["grace_hopper"]], angle)
    file = http.upload(jpeg(photo), "turned.jpg")
    for thorough in (False, True):
        assert max(iou(box, truth) for box in boxes(file, thorough)) > 0.8


def test_small_faces_of_a_large_photo(http, boxes):
    for side, normal in ((32, 0.95), (16, 0)):  # the normal search finds those of 32 px, but not all of 16
        photo, truth = collage(side, 0)
        file = http.upload(jpeg(photo), "crowd.jpg")
        counts = {}
        for thorough in (False, True):
            found = boxes(file, thorough)
            counts[thorough] = sum(any(iou(box, face) > 0.4 for box in found) for face in truth)
            assert len(found) == counts[thorough]
        assert counts[True] >= 0.95 * len(truth) and counts[False] >= normal * len(truth)
    assert counts[False] < counts[True]


def test_every_photo_endpoint_can_search_thoroughly(http):
    photo, _ = collage(48, 0)
    file = http.upload(jpeg(photo.transpose(Image.Transpose.ROTATE_180)))
    options = ("fer2013", 0.8)
    assert http.call("classify", file, *options) == ("complete", [{}])
    assert http.call("classify", file, *options, True)[1][0]["label"]
    [[plain]], [[thorough]] = (http.call("predict_batch", [file], *options, flag)[1] for flag in (False, True))
    assert len(plain["faces"]) == 0 and len(thorough["faces"]) >= 20
    pictures = []
    for flag in (False, True):
        _, [picture] = http.call("annotate", file, *options, flag)
        pictures.append(np.asarray(Image.open(io.BytesIO(http.client.get(picture["url"]).content)), int))
    assert np.abs(pictures[0] - pictures[1]).max() > 100  # a box


@pytest.mark.parametrize("value", ["yes", 1, None, [True]])
def test_thorough_must_be_true_or_false(http, value):
    file = http.upload(PORTRAIT.read_bytes(), "a.jpg")
    sentence = f"thorough must be true or false, got {value!r}; default false."
    assert http.refusal("predict", file, "fer2013", 0.5, value) == sentence


def test_the_costs_on_the_page_are_the_measured_ones():
    report = json.loads((PORTRAIT.parents[1] / "results" / "detection.json").read_text(encoding="utf-8"))
    assert json.loads(COSTS.read_text(encoding="utf-8")) == costs(report)


def test_costs_are_the_difference_between_the_searches():
    row = {search: {"cpu_ms_per_photo": cost} for search, cost in (("normal", 100.0), ("thorough", 512.4))}
    cheap = {search: {"cpu_ms_per_photo": cost} for search, cost in (("normal", 8.0), ("thorough", 61.0))}
    searches = {"portrait": cheap, "nobody": cheap, "32 px": row, "96 px": cheap}
    report = {"photo_size": (1920, 1080), "people_per_photo": 24, "searches": searches}
    assert costs(report) == {"portrait_ms": 50, "crowd_ms": [50, 410], "photo_size": [1920, 1080], "people": 24}


def test_videos_respect_the_minimum_score_too(http, short_video):
    file = http.upload(short_video.read_bytes(), "a.mp4")
    event, told = http.call("predict_video", file, "fer2013", 1, 1)
    assert event == "complete" and told[0]["face_count"] == 0
    sentence = "min_score must be a number from 0.3 to 1, got 0.1; default 0.8."
    assert http.refusal("predict_video", file, "fer2013", 1, 0.1) == sentence
