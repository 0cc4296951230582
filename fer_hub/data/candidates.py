"""Which pairs of images may show one photograph: an exhaustive comparison of small features.

The centre of every image is compared with every other image as it is and mirrored, moved and shrunk. A feature is the
low frequencies (discrete cosine transform) of a blurred view of 10 x 10 points, higher ones raised, so that it says
what is special about a face and not what all faces share. `fer_hub.data.alignment` decides about the pairs.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn import functional
from tqdm.auto import tqdm

SIDE = 48
"""Images are compared in this size, in pixels; offsets and windows count in it."""

WINDOW = 32
"""Side of the centre that is looked for in the other image, in pixels."""

VIEWS = tuple(
    (scale, dx, dy, mirrored)
    for mirrored in (False, True)
    for scale in (1.0, 1.2)
    for dx in (-4, 0, 4)
    for dy in (-4, 0, 4)
)
"""How the other image is seen: side of the window / `WINDOW`, its centre's offset in pixels, whether mirrored. Scales
below 1 are covered by asking the other way round."""

LEAST_SCORE = 0.8
"""Pairs whose features correlate less are not looked at. Of FER-2013's recropped pairs 98 % are above it, of other
pairs 2 in 10,000."""

MOST_PAIRS = 20
"""At most as many candidates for each image, the most similar ones."""

_POINTS, _NUMBERS, _BLUR, _POWER = 10, 64, 2.0, 0.7
_BLOCK = 512  # a block of scores stays in the cache of a core
_ENOUGH = 1000  # images, for their mean to say what all of them share


@dataclass(frozen=True)
class Candidates:
    """Pairs of images, each once.

    Attributes:
        first, second: positions of the two, int64 (pairs,).
        view: position in `VIEWS` of the view of the second that resembles the centre of the first, int64 (pairs,).
        score: correlation of their features, float32 (pairs,), `LEAST_SCORE` to 1.
    """

    first: np.ndarray
    second: np.ndarray
    view: np.ndarray
    score: np.ndarray


@torch.inference_mode()
def find_candidates(images: np.ndarray, *, progress: str | None = None) -> Candidates:
    """Pairs of similar images, the first by position first, so that the result does not depend on chance.

    Args:
        images: uint8 array (images, 48, 48).
        progress: text beside a progress bar; no bar if `None`.
    """
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), _BLUR) for image in images.astype(np.float32)])
    pixels = torch.from_numpy(blurred)
    centres = _standardise(_view(pixels, VIEWS[0][0], 0, 0))
    mean = centres.mean(0) if len(centres) >= _ENOUGH else torch.zeros(centres.shape[1])
    to_feature = _raised_frequencies()
    known = _feature(centres, mean, to_feature)
    turned = [number for number, view in enumerate(VIEWS) if view[0] != 1]  # the views with scale 1 hold both ways
    found: list[tuple[np.ndarray, ...]] = []
    starts = range(0, len(images), _BLOCK)
    for start in tqdm(starts, desc=progress, disable=progress is None, unit="block"):
        block = pixels[start : start + _BLOCK]
        seen = torch.stack(
            [
                _feature(_standardise(_view(block.flip(2) if mirrored else block, scale, dx, dy)), mean, to_feature).T
                for scale, dx, dy, mirrored in VIEWS
            ]
        )
        rows = []
        for other in starts:
            part = known[other : other + _BLOCK]
            numbers = range(len(VIEWS)) if other <= start else turned
            scores = _highest(part, seen, numbers)
            if other == start:
                scores.fill_diagonal_(-1)
            first, second = np.divmod(np.flatnonzero(scores.numpy() >= LEAST_SCORE), scores.shape[1])
            views = torch.einsum("pf,vfp->pv", part[first], seen[:, :, second]).argmax(1).numpy()
            rows.append((first + other, second + start, views, scores.numpy()[first, second]))
        found.append(_best(*(np.concatenate(parts) for parts in zip(*rows, strict=True)), by=1))
    return _once(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _highest(part: torch.Tensor, seen: torch.Tensor, numbers) -> torch.Tensor:
    """The highest score of every pair over some of the views."""
    highest, scores = None, torch.empty(len(part), seen.shape[2])
    for number in numbers:
        torch.mm(part, seen[number], out=scores)
        highest = scores.clone() if highest is None else torch.maximum(highest, scores, out=highest)
    return highest


def _view(pixels: torch.Tensor, scale: float, dx: float, dy: float) -> torch.Tensor:
    """Grey values on a grid of 10 x 10 points over a window of the images, float32 (images, 100)."""
    points = ((torch.arange(_POINTS) + 0.5) / _POINTS * 2 - 1) * WINDOW * scale / SIDE
    y, x = torch.meshgrid(points + 2 * dy / SIDE, points + 2 * dx / SIDE, indexing="ij")
    grid = torch.stack([x, y], -1)[None]
    parts = [
        functional.grid_sample(
            part[:, None], grid.expand(len(part), -1, -1, -1), padding_mode="border", align_corners=False
        )
        for part in pixels.split(4096)
    ]
    return torch.cat(parts).flatten(1)


def _standardise(rows: torch.Tensor) -> torch.Tensor:
    """Rows of mean 0 and length 1; a flat image gives zeros."""
    rows = rows - rows.mean(1, keepdim=True)
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-3)


def _feature(rows: torch.Tensor, mean: torch.Tensor, to_feature: torch.Tensor) -> torch.Tensor:
    rows = (rows - mean) @ to_feature
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-6)


def _raised_frequencies() -> torch.Tensor:
    """The map from 100 grey values to the 64 lowest frequencies but the mean, times frequency to the power 0.7."""
    waves = cv2.dct(np.eye(_POINTS), flags=cv2.DCT_ROWS)  # a column for each frequency
    both = np.einsum("yu,xv->yxuv", waves, waves).reshape(_POINTS**2, _POINTS**2)
    frequency = np.hypot(*np.indices((_POINTS, _POINTS)).reshape(2, -1))
    lowest = np.argsort(frequency, kind="stable")[1 : _NUMBERS + 1]
    return torch.from_numpy((both[:, lowest] * frequency[lowest] ** _POWER).astype(np.float32))


def _best(*columns: np.ndarray, by: int) -> tuple[np.ndarray, ...]:
    """The `MOST_PAIRS` rows with the highest score, the last column, for each value of column `by`."""
    order = np.lexsort((columns[0], -columns[-1], columns[by]))
    owner = columns[by][order]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    return tuple(column[order[rank < MOST_PAIRS]] for column in columns)


def _once(first: np.ndarray, second: np.ndarray, view: np.ndarray, score: np.ndarray) -> Candidates:
    """Each pair once, by the way round that has the higher score."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((first, -score, high, low))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    kept = order[new]
    return Candidates(first[kept].astype(np.int64), second[kept].astype(np.int64), view[kept], score[kept])
