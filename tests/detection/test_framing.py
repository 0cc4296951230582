"""FER-2013's framing: the square that follows from a box, and the command that measures the constants."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks import framing
from benchmarks.framing import measure_framing
from fer_hub.boxes import centre, scale, shift
from fer_hub.detection.framing import FER_BOX_SCALE, FER_CENTRE_RAISE, face_crop, frame_box
from fer_hub.images import load_image
from fer_hub.results import Face

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_frame_is_a_raised_square():
    x0, y0, x1, y1 = frame_box((100, 200, 150, 250))
    assert x1 - x0 == pytest.approx(50 * FER_BOX_SCALE)
    assert y1 - y0 == pytest.approx(50 * FER_BOX_SCALE)
    assert centre((x0, y0, x1, y1)) == pytest.approx((125, 225 - 50 * FER_CENTRE_RAISE))


@given(st.integers(-300, 300), st.integers(-300, 300), st.integers(1, 400), st.integers(1, 400), st.floats(0.1, 10))
def test_the_frame_moves_and_grows_with_the_box(x, y, width, height, factor):
    box = (x, y, x + width, y + height)
    assert frame_box(shift(box, 7, -9)) == pytest.approx(shift(frame_box(box), 7, -9), abs=1e-6)
    assert frame_box(scale(box, factor)) == pytest.approx(scale(frame_box(box), factor), abs=1e-6)


@pytest.mark.parametrize(("angle", "middle"), [(90, (59, 50)), (-90, (41, 50)), (180, (50, 59)), (0, (50, 41))])
def test_the_frame_of_a_turned_head_lies_towards_its_forehead(angle, middle):
    assert centre(frame_box((0, 0, 100, 100), angle)) == pytest.approx(middle)


def test_a_box_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"^box must have x0 < x1 and y0 < y1, got \(5, 0, 1, 9\);"):
        frame_box((5, 0, 1, 9))


def test_faces_that_are_framed_so_measure_so():
    """Crops made with the constants must give the constants back."""
    from fer_hub.detection.detector import FaceDetector
    from fer_hub.images import crop

    with FaceDetector("short_range") as detector:
        crops = []
        for path in (EXAMPLES / "astronaut.jpg", EXAMPLES / "grace_hopper.jpg"):
            image = load_image(path)
            [face] = detector.detect(image)
            crops.append(crop(image, frame_box(face.box), 192))
    measured = measure_framing(crops, "short_range")
    assert (measured["images"], measured["found"]) == (2, 2)
    assert measured["box_scale"] == pytest.approx(FER_BOX_SCALE, abs=0.06)
    assert measured["centre_raise"] == pytest.approx(FER_CENTRE_RAISE, abs=0.04)
    assert measured["overlap"] > 0.9


def test_measuring_without_a_face_is_refused():
    with pytest.raises(ValueError) as error:
        measure_framing([Image.new("L", (48, 48))], "short_range")
    assert str(error.value) == "the images must show faces, but in none of 1 one was found."


def test_the_command_measures_the_constants_on_the_real_data(fer2013_folder, capsys):
    framing.main([str(fer2013_folder), "--images", "60", "--seed", "3"])
    result = json.loads(capsys.readouterr().out)
    assert result["seed"] == 3
    for model, least in (("fused", 56), ("mediapipe", 56), ("short_range", 56), ("full_range", 48)):
        assert result[model]["images"] == 60
        assert result[model]["found"] >= least
        assert result[model]["box_scale"] == pytest.approx(FER_BOX_SCALE, abs=0.05)
        assert result[model]["centre_raise"] == pytest.approx(FER_CENTRE_RAISE, abs=0.03)
        assert result[model]["overlap"] > 0.7


def test_the_command_refuses_no_images(capsys):
    with pytest.raises(SystemExit):
        framing.main(["somewhere", "--images", "0"])
    assert capsys.readouterr().err.endswith("error: --images must be at least 1, got 0.\n")


def test_a_crop_is_the_frame_upright_in_the_size_that_was_asked_for():
    """Of a head turned by a quarter the crop is that of the upright head."""
    photo = load_image(EXAMPLES / "astronaut.jpg")
    assert photo.size == (512, 512)
    x0, y0, x1, y1 = box = (170, 90, 270, 190)
    upright = face_crop(photo, Face(box, 0.9), 96)
    assert upright.size == (96, 96) and face_crop(photo, Face(box, 0.9), None).size == (117, 117)
    assert np.abs(np.asarray(upright, int) - photo.resize((96, 96), box=frame_box(box), resample=2)).mean() < 2
    turned = photo.transpose(Image.Transpose.ROTATE_270)  # clockwise by a quarter: (x, y) comes to (512 - y, x)
    again = face_crop(turned, Face((512 - y1, x0, 512 - y0, x1), 0.9, angle=90), 96)
    assert np.abs(np.asarray(again, int) - np.asarray(upright)).mean() < 2
