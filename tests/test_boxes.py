"""Box arithmetic: hand-computed values, and properties of every box."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fer_hub.boxes import (
    area,
    centre,
    check_box,
    clip,
    containment,
    expand,
    intersection,
    iou,
    move_inside,
    nms,
    scale,
    shift,
    square,
)

coordinates = st.integers(-500, 500)
sizes = st.integers(1, 400)


@st.composite
def some_box(draw):
    x, y = draw(coordinates), draw(coordinates)
    return (x, y, x + draw(sizes), y + draw(sizes))


@pytest.mark.parametrize(
    ("a", "b", "common", "union"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 100, 100),
        ((0, 0, 10, 10), (5, 5, 20, 20), 25, 100 + 225 - 25),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0, 200),  # they only touch
        ((0, 0, 10, 10), (30, 30, 40, 40), 0, 200),
    ],
)
def test_overlap_by_hand(a, b, common, union):
    assert intersection(a, b) == common
    assert iou(a, b) == common / union


@given(some_box(), some_box())
def test_overlap_is_symmetric_and_bounded(a, b):
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= containment(a, b) <= 1
    assert intersection(a, b) <= min(area(a), area(b))
    assert iou(a, a) == containment(a, a) == 1


@given(some_box(), some_box(), coordinates, coordinates, st.sampled_from([0.25, 0.5, 2, 4]))
def test_overlap_does_not_depend_on_origin_and_scale(a, b, dx, dy, factor):
    assert math.isclose(iou(shift(a, dx, dy), shift(b, dx, dy)), iou(a, b))
    assert math.isclose(iou(scale(a, factor), scale(b, factor)), iou(a, b))


def test_empty_boxes_overlap_nothing():
    assert iou((5, 5, 5, 5), (5, 5, 5, 5)) == containment((5, 5, 5, 9), (0, 0, 9, 9)) == 0


@given(some_box(), sizes, sizes)
def test_clip_is_the_part_inside_the_image(box, width, height):
    clipped = clip(box, width, height)
    assert area(clipped) == intersection(box, (0, 0, width, height))
    assert clip(clipped, width, height) == clipped


@given(some_box())
def test_square_keeps_the_centre_and_covers_the_box(box):
    x0, y0, x1, y1 = square(box)
    assert x1 - x0 == y1 - y0 == max(box[2] - box[0], box[3] - box[1])
    assert centre((x0, y0, x1, y1)) == centre(box)
    assert intersection((x0, y0, x1, y1), box) == area(box)
    assert square(box, 8)[2] - square(box, 8)[0] == 8


@given(some_box(), st.sampled_from([0, 0.25, 0.5, 1.5]))
def test_expand_grows_each_side_by_the_margin(box, margin):
    grown = expand(box, margin)
    assert centre(grown) == centre(box)
    assert math.isclose(area(grown), area(box) * (1 + 2 * margin) ** 2)


@given(some_box(), sizes, sizes)
def test_move_inside_keeps_the_size_and_stays_within(box, width, height):
    moved = move_inside(box, width, height)
    assert (moved[2] - moved[0], moved[3] - moved[1]) == (box[2] - box[0], box[3] - box[1])
    for low, high, limit in ((moved[0], moved[2], width), (moved[1], moved[3], height)):
        if high - low <= limit:
            assert low >= 0 and high <= limit
        else:
            assert (low + high) / 2 == limit / 2
    if clip(box, width, height) == box:
        assert moved == box


@given(st.lists(st.tuples(some_box(), st.floats(0, 1)), max_size=12))
def test_nms_keeps_the_best_of_each_place(found):
    boxes, scores = [box for box, _ in found], [score for _, score in found]
    kept = nms(boxes, scores, max_iou=0.3, max_containment=0.7)
    assert [scores[i] for i in kept] == sorted((scores[i] for i in kept), reverse=True)

    def rivals(i, j):
        return iou(boxes[i], boxes[j]) > 0.3 or containment(boxes[i], boxes[j]) > 0.7

    assert not any(rivals(i, j) for i in kept for j in kept if i != j)
    for i in set(range(len(boxes))) - set(kept):
        assert any(rivals(i, k) and scores[k] >= scores[i] for k in kept)


def test_nms_drops_a_small_box_inside_a_large_one():
    large, inside, apart = (0, 0, 100, 100), (40, 40, 60, 60), (200, 0, 220, 20)
    assert nms([inside, large, apart], [0.6, 0.9, 0.5]) == [1, 2]
    assert nms([inside, large, apart], [0.6, 0.9, 0.5], max_containment=1) == [1, 0, 2]
    assert nms([], []) == []


def test_check_box_gives_plain_numbers():
    checked = check_box(np.array([1, 2, 3, 4], np.int64))
    assert checked == (1, 2, 3, 4) and {type(v) for v in checked} == {int}
    assert {type(v) for v in check_box(np.array([1, 2, 3, 4], np.float32))} == {float}
    fractions = torch.tensor([10.5, 20.25, 30.75, 60.5])
    assert check_box(fractions) == (10.5, 20.25, 30.75, 60.5)
    assert {type(v) for v in check_box(fractions.int())} == {int}


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((1, 2, 3), "box must be four finite numbers (x0, y0, x1, y1) in pixels, got (1, 2, 3)."),
        ((1, 2, 3, math.nan), "box must be four finite numbers (x0, y0, x1, y1) in pixels, got (1, 2, 3, nan)."),
        (
            (0, 0, 1, 10**400),
            f"box must be four finite numbers (x0, y0, x1, y1) in pixels, got (0, 0, 1, {10**400}).",
        ),
        ("face", "box must be four finite numbers (x0, y0, x1, y1) in pixels, got 'face'."),
        (None, "box must be four finite numbers (x0, y0, x1, y1) in pixels, got None."),
        (
            (30, 2, 10, 40),
            "box must have x0 < x1 and y0 < y1, got (30, 2, 10, 40); the order is left, top, right, bottom.",
        ),
    ],
)
def test_check_box_refuses_invalid_boxes(box, message):
    with pytest.raises(ValueError) as error:
        check_box(box)
    assert str(error.value) == message
