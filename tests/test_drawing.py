"""Drawing: colours, label positions, every size of photo; the photo itself is not modified."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from fer_hub import EMOTIONS
from fer_hub.drawing import COLOURS, colour_of, draw
from fer_hub.fonts import Line, _has, split_by_font
from fer_hub.images import load_image
from fer_hub.results import FacePrediction
from fer_hub.video.tracking import TrackedFace


def prediction(box: tuple, emotion: str = "happy", probability: float = 0.93) -> FacePrediction:
    others = [name for name in EMOTIONS if name != emotion]
    rest = (1 - probability) / len(others)
    return FacePrediction(box, 0.9, emotion, {emotion: probability} | dict.fromkeys(others, rest))


def count(image: Image.Image, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(image) == colour).all(2).sum())


def test_every_emotion_has_a_distinct_colour():
    assert list(COLOURS) == [*EMOTIONS, "contempt"]
    for one, other in itertools.combinations(COLOURS.values(), 2):
        assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 80


SEEN_AS = {  # Machado et al. 2009, A Physiologically-based Model for Simulation of Color Vision Deficiency, severity 1
    "all colours": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colour: tuple[int, int, int], seen_as: list) -> np.ndarray:
    """CIE L*a*b* (D65) of an sRGB colour as people with that vision see it."""
    part = np.array(colour) / 255
    linear = np.clip(seen_as @ np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4), 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    xyz /= (0.9505, 1, 1.089)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", SEEN_AS)
def test_colour_blind_people_can_distinguish_the_colours(vision):
    seen = {name: lab(colour, np.array(SEEN_AS[vision])) for name, colour in COLOURS.items()}
    for one, other in itertools.combinations(seen, 2):  # 2 to 3 is a difference that is just seen
        assert np.linalg.norm(seen[one] - seen[other]) > (30 if "contempt" in (one, other) else 16), (one, other)


def test_colours_of_other_labels_are_stable():
    labels = ["joy", "calm", "awe"]
    assert len({colour_of(name, labels) for name in labels}) == 3
    assert colour_of("joy", labels) == colour_of("joy", list(labels))
    assert colour_of("unheard of") in COLOURS.values()


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_box_and_label_have_the_colour_of_the_emotion(emotion):
    photo = Image.new("RGB", (320, 240), (120, 120, 120))
    drawn = draw(photo, [prediction((100, 80, 180, 160), emotion)])
    pixels = (np.asarray(drawn) == COLOURS[emotion]).all(2)
    assert pixels[80, 100:180].all() and pixels[159, 100:180].all()
    assert pixels[80:160, 100].all() and pixels[80:160, 179].all()
    assert not pixels[90:150, 110:170].any()  # the face itself stays free
    assert pixels[60:78, 100:150].sum() > 300  # the label above it


def test_the_photo_is_not_modified():
    photo = Image.new("RGB", (320, 240), (120, 120, 120))
    before = photo.tobytes()
    drawn = draw(photo, [prediction((100, 80, 180, 160))])
    assert photo.tobytes() == before
    assert drawn.size == photo.size and drawn.tobytes() != before


def test_without_faces_it_is_a_copy():
    photo = Image.new("RGB", (32, 24), (1, 2, 3))
    drawn = draw(photo, [])
    assert drawn is not photo and drawn.tobytes() == photo.tobytes()


def test_the_copy_is_upright_as_the_boxes_are():
    photo = Image.new("L", (60, 40))
    photo.getexif()[0x0112] = 6
    assert draw(photo, []).size == (40, 60)


@pytest.mark.parametrize("size", [(8, 8), (16, 16), (48, 48), (200, 100), (1280, 720), (4000, 3000)])
def test_every_size_of_photo(size):
    width, height = size
    box = (width // 4, height // 4, max(width // 4 + 1, 3 * width // 4), max(height // 4 + 1, 3 * height // 4))
    photo = Image.new("RGB", size, (120, 120, 120))
    drawn = draw(photo, [prediction(box, "surprise")])
    assert drawn.size == size
    assert count(drawn, COLOURS["surprise"]) > 0


def test_text_scales_with_the_photo():
    def label_height(factor: int) -> int:
        photo = Image.new("RGB", (400 * factor, 400 * factor), (120, 120, 120))
        box = tuple(factor * edge for edge in (100, 150, 300, 350))
        column = (np.asarray(draw(photo, [prediction(box)])) == COLOURS["happy"]).all(2)[: 148 * factor, 102 * factor]
        return int(column.sum())

    assert label_height(1) >= 11
    assert label_height(4) == pytest.approx(4 * label_height(1), rel=0.15)


@pytest.mark.parametrize(
    "box", [(0, 0, 60, 60), (340, 0, 400, 60), (0, 240, 60, 300), (340, 240, 400, 300), (0, 0, 400, 300)]
)
def test_labels_at_the_edges_are_whole(box):
    """A label has as many coloured pixels in a corner as in the middle, so it is not clipped."""
    photo = Image.new("RGB", (400, 300), (120, 120, 120))
    width, height = box[2] - box[0], box[3] - box[1]
    middle = (170, 120, 170 + width, 120 + height) if width == 60 else None
    drawn = count(draw(photo, [prediction(box)]), COLOURS["happy"])
    if middle:
        assert drawn == pytest.approx(count(draw(photo, [prediction(middle)]), COLOURS["happy"]), rel=0.12)
    else:
        assert drawn > 1500


def test_labels_do_not_cover_other_faces():
    """Two faces, one above the other: the lower label would cover the upper face if it stood above its box."""
    photo = Image.new("RGB", (400, 300), (120, 120, 120))
    upper, lower = (150, 60, 230, 140), (150, 143, 230, 223)
    drawn = np.asarray(draw(photo, [prediction(upper, "sad"), prediction(lower, "happy")]))
    inside = drawn[66:134, 156:224]
    assert (inside == (120, 120, 120)).all()


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 500),
    st.integers(1, 500),
    st.lists(
        st.tuples(st.floats(-0.2, 1.0), st.floats(-0.2, 1.0), st.floats(0.02, 0.9), st.sampled_from(EMOTIONS)),
        max_size=6,
    ),
)
def test_any_boxes_can_be_drawn(width, height, faces):
    predictions = [
        prediction((x * width, y * height, (x + side) * width, (y + side) * height), emotion)
        for x, y, side, emotion in faces
    ]
    assert draw(Image.new("RGB", (width, height)), predictions).size == (width, height)


def test_an_id_stands_before_the_emotion():
    """The label of a tracked face is that of an untracked one, with its id in front, and stays whole."""
    box = (100, 80, 220, 200)
    photo, plain = Image.new("RGB", (400, 300), (120, 120, 120)), prediction(box)
    tracked = TrackedFace(plain.box, plain.detection_score, plain.emotion, plain.probabilities, face_id=12)
    widths = []
    for face in (plain, tracked):
        row = (np.asarray(draw(photo, [face])) == COLOURS["happy"]).all(2)[76, :]
        widths.append(int(np.flatnonzero(row).max() - np.flatnonzero(row).min()))
    letters = ImageFont.load_default(size=16)
    longer = letters.getlength("12: happy 93 %") / letters.getlength("happy 93 %")
    assert widths[1] / widths[0] == pytest.approx(longer, rel=0.08)


def test_paths_are_accepted():
    path = Path(__file__).resolve().parent.parent / "examples" / "astronaut.jpg"
    assert draw(path, [prediction((174, 71, 276, 174))]).size == load_image(path).size


def test_a_list_of_lists_is_refused():
    with pytest.raises(TypeError) as error:
        draw(Image.new("RGB", (9, 9)), [[prediction((0, 0, 5, 5))]])
    assert str(error.value) == (
        "predictions must be the FacePrediction values that FERPipeline returns for one photo, got list."
    )


@pytest.mark.parametrize("names", ["счастье грусть", "高兴 悲伤", "행복 슬픔", "سعيد حزين", "うれしい かなしい"])
def test_names_in_other_scripts_are_drawn_each_in_its_own_shape(names):
    """A font that lacks a character draws the same box for every one."""
    one, other = names.split()
    pictures = []
    for name in (one, other, one[0] * len(other), "\uffff" * len(one)):
        face = FacePrediction((20, 60, 120, 160), 0.9, name, {name: 0.93, "x": 0.07})
        pictures.append(np.asarray(draw(Image.new("RGB", (400, 200), "white"), [face])))
    for index, picture in enumerate(pictures):
        assert not any(np.array_equal(picture, later) for later in pictures[index + 1 :])
    for name in (one, other):
        assert all(_has(number, character) for part, number in split_by_font(name) for character in part)


def test_letters_of_another_script_stay_on_one_line_with_the_figures():
    line = Line("高兴 93 %", 30)
    canvas = Image.new("L", (300, 60), 0)
    line.draw(ImageDraw.Draw(canvas), (0, 0), 255)
    left, top, right, bottom = canvas.getbbox()
    assert line.bbox[0] <= left + 1 and line.bbox[1] <= top + 1
    assert right <= line.bbox[2] + 1 and bottom <= line.bbox[3] + 1
