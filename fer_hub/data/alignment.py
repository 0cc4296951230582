"""Whether two images show one photograph: one is laid over the other, then their centres are compared.

The alignment is OpenCV's `findTransformECC` (Evangelidis and Psarakis 2008, doi:10.1109/TPAMI.2008.113) with an affine
map. Two correlations of the aligned centres count: that of the grey values, and that of the detail, a band of
frequencies without the light and shade that any two faces share. Of pairs of FER-2013 looked at by eye, those above
both limits are one photograph, whatever watermark or brightness; those with a correlation of the grey values alone of
.95 and more are often two people.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from tqdm.auto import tqdm

from fer_hub.ahead import cores
from fer_hub.data.candidates import SIDE, VIEWS, Candidates

LEAST_GREY = 0.9
"""Least correlation of the aligned grey values, -1 to 1."""

LEAST_DETAIL = 0.93
"""Least correlation of the aligned detail, -1 to 1."""

LEAST_OVERLAP = 0.7
"""Least share of the centre that lies inside the other image."""

_CENTRE = slice(7, 41)  # of 48 pixels
_ENDS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 1e-3)
_INSIDE = np.full((SIDE, SIDE), 255, np.uint8)


@dataclass(frozen=True)
class Pairs:
    """Pairs of images of one photograph, each once.

    Attributes:
        first, second: positions of the two, int64 (pairs,).
        mirrored: whether one is the mirror image of the other, bool (pairs,).
        grey, detail: correlations of the aligned centres, float32 (pairs,), up to 1.
    """

    first: np.ndarray
    second: np.ndarray
    mirrored: np.ndarray
    grey: np.ndarray
    detail: np.ndarray


def decide(images: np.ndarray, candidates: Candidates, *, progress: str | None = None) -> Pairs:
    """Those of the candidates that show one photograph.

    Args:
        images: uint8 array (images, 48, 48), the one that the candidates were found in.
        candidates: from `find_candidates`.
        progress: text beside a progress bar; no bar if `None`.
    """
    pairs = list(zip(candidates.first, candidates.second, candidates.view, strict=True))
    parts = [pairs[start : start + 500] for start in range(0, len(pairs), 500)]

    def compare_all(part: list[tuple[int, int, int]]) -> list[tuple[float, float]]:
        return [compare(images[first], images[second], *VIEWS[view]) for first, second, view in part]

    rows: list[tuple[float, float]] = []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # its own threads cost more than such small images
    try:
        with ThreadPoolExecutor(cores()) as pool:
            bar = tqdm(total=len(pairs), desc=progress, disable=progress is None, unit="pair")
            for done in pool.map(compare_all, parts):
                rows += done
                bar.update(len(done))
            bar.close()
    finally:
        cv2.setNumThreads(threads)
    grey, detail = np.array(rows, np.float32).reshape(-1, 2).T
    same = (grey >= LEAST_GREY) & (detail >= LEAST_DETAIL)
    mirrored = np.array([VIEWS[view][3] for view in candidates.view], bool)
    return Pairs(candidates.first[same], candidates.second[same], mirrored[same], grey[same], detail[same])


def compare(
    first: np.ndarray, second: np.ndarray, scale: float = 1, dx: float = 0, dy: float = 0, mirrored: bool = False
) -> tuple[float, float]:
    """Correlations of the centre of one image with the part of the other that it lies on.

    Args:
        first, second: uint8 arrays (48, 48).
        scale, dx, dy, mirrored: where the search for the alignment begins, as one of `VIEWS`.

    Returns:
        Correlation of the grey values and of the detail, -1 to 1; both 0 where one is flat or too little overlaps.
    """
    if mirrored:
        second = np.ascontiguousarray(second[:, ::-1])
    centre = np.ascontiguousarray(first[_CENTRE, _CENTRE])
    middle = (SIDE - 1) / 2
    corner = middle - scale * (middle - _CENTRE.start)
    start = np.array([[scale, 0, corner + dx], [0, scale, corner + dy]], np.float32)
    try:
        _, found = cv2.findTransformECC(centre, second, start.copy(), cv2.MOTION_AFFINE, _ENDS, None, 5)
    except cv2.error:  # it does not converge, as with flat images: the start is judged
        found = start
    size, inverse = centre.shape[::-1], cv2.WARP_INVERSE_MAP
    inside = cv2.warpAffine(_INSIDE, found, size, flags=cv2.INTER_NEAREST | inverse) > 0
    if not np.isfinite(found).all() or inside.mean() < LEAST_OVERLAP:
        return 0.0, 0.0
    laid = cv2.warpAffine(
        second.astype(np.float32), found, size, flags=cv2.INTER_CUBIC | inverse, borderMode=cv2.BORDER_REPLICATE
    )
    grey = centre.astype(np.float32)
    return _correlation(grey[inside], laid[inside]), _correlation(_detail(grey)[inside], _detail(laid)[inside])


def _detail(image: np.ndarray) -> np.ndarray:
    """The difference of two blurs, a band of frequencies."""
    return cv2.GaussianBlur(image, (0, 0), 0.8) - cv2.GaussianBlur(image, (0, 0), 3)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, 0 where one of the two is flat."""
    one, other = one - one.mean(), other - other.mean()
    length = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / length if length > 1e-3 else 0.0
