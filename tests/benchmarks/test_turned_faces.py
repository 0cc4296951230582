"""Where a face is in a photograph that is turned or cut."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.turned_faces import TURNS, _cut, _rotated, _rotated_box

BOX = (20, 30, 60, 70)


def photograph() -> Image.Image:
    """Grey, with a white square where the face is."""
    image = Image.new("RGB", (200, 120), (128, 128, 128))
    image.paste((255, 255, 255), BOX)
    return image


@pytest.mark.parametrize("turn", TURNS)
def test_the_place_turns_with_the_photograph(turn):
    white = np.argwhere(np.asarray(_rotated(photograph(), turn))[:, :, 0] > 200)
    y, x = white.mean(0) + 0.5
    x0, y0, x1, y1 = _rotated_box(BOX, (200, 120), turn)
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((x, y), abs=1.5)
    assert (x1 - x0, y1 - y0) == pytest.approx((40, 40))


@pytest.mark.parametrize(
    ("edge", "size", "rest"),
    [
        (0, (160, 120), (0, 30, 20, 70)),
        (1, (200, 70), (20, 0, 60, 20)),
        (2, (40, 120), (20, 30, 40, 70)),
        (3, (200, 50), (20, 30, 60, 50)),
    ],
)
def test_every_edge_cuts_off_the_share(edge, size, rest):
    part, left = _cut(photograph(), BOX, 0.5, edge)
    assert part.size == size and left == rest
    assert np.asarray(part.crop(rest)).min() == 255
    assert (np.asarray(part)[:, :, 0] == 255).sum() == 800
