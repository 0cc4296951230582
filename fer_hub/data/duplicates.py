"""Near-duplicates: images of one photograph, whether copied, compressed, cropped anew, moved, resized or mirrored.

    fer-hub duplicates --data path/to/fer2013 --output results/fer2013_duplicates.json --sheet pairs.png

finds them within and between all splits of any data set. Images of one photograph in train and test flatter every
figure measured on test; `train.py --drop-duplicates` leaves such images out of train. How they are found:
`fer_hub.data.candidates` (every image is compared with all others) and `fer_hub.data.alignment` (what decides). What
is found is a lower bound, as crops that share little of a photograph are not recognised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from fer_hub.data.alignment import Pairs, decide
from fer_hub.data.candidates import SIDE, find_candidates


def find_pairs(images: np.ndarray, *, progress: bool = False) -> Pairs:
    """All pairs of images of one photograph, sorted by position.

    The time grows with the square of the number of images; 35,887 take some minutes on two cores. The same images give
    the same pairs.

    Args:
        images: uint8 array (images, height, width), grey, or (images, height, width, 3), RGB, of any size; at least
            one image.
        progress: show progress bars.

    Raises:
        ValueError: `images` is no such array.

    Example:
        >>> photograph = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
        >>> photograph = cv2.GaussianBlur(photograph, (0, 0), 3)
        >>> pairs = find_pairs(np.stack([photograph[:50, :50], photograph[4:54, 2:52][:, ::-1]]))
        >>> pairs.first.tolist(), pairs.second.tolist(), pairs.mirrored.tolist()
        ([0], [1], [True])
    """
    small = as_compared(images)
    candidates = find_candidates(small, progress="compare images" if progress else None)
    found = decide(small, candidates, progress="align pairs" if progress else None)
    low, high = np.minimum(found.first, found.second), np.maximum(found.first, found.second)
    order = np.lexsort((high, low))
    return Pairs(low[order], high[order], found.mirrored[order], found.grey[order], found.detail[order])


def photographs(images: np.ndarray, pairs: Pairs | None = None, *, progress: bool = False) -> np.ndarray:
    """A number for every image, the same for all images of one photograph.

    Images belong together where they are a pair or where a chain of pairs leads from one to the other. Images equal
    in every pixel belong together too, even flat ones, which are no pair.

    Args:
        images, progress: as for `find_pairs`.
        pairs: from `find_pairs`, if they are known already.

    Returns:
        int64 array (images,): the position of the first image of that photograph.
    """
    pairs = find_pairs(images, progress=progress) if pairs is None else pairs
    equal: dict[bytes, int] = {}
    numbers = np.array([equal.setdefault(image.tobytes(), row) for row, image in enumerate(images)], dtype=np.int64)
    first, second = numbers[pairs.first], numbers[pairs.second]
    links = np.arange(len(numbers))
    while True:  # each takes the lowest number among its neighbours until nothing changes
        lowest = np.minimum(links[first], links[second])
        before = links.copy()
        np.minimum.at(links, first, lowest)
        np.minimum.at(links, second, lowest)
        links = links[links]
        if np.array_equal(links, before):
            return links[numbers]


def without_duplicates(images: np.ndarray, *others: np.ndarray, progress: bool = False) -> np.ndarray:
    """Positions of the images of which `others` holds no copy, int64, ascending.

    Args:
        images: as for `find_pairs`, such as train.
        others: arrays of the same kind, such as validation and test.
        progress: show progress bars.
    """
    numbers = photographs(np.concatenate([images, *others]), progress=progress)
    return np.flatnonzero(~np.isin(numbers[: len(images)], numbers[len(images) :]))


def as_compared(images: np.ndarray) -> np.ndarray:
    """Images as they are compared, grey and of 48 x 48 pixels: uint8 (images, 48, 48).

    Raises:
        ValueError: `images` is not as for `find_pairs`.
    """
    colour = images.ndim == 4 and images.shape[3] == 3
    if images.dtype != np.uint8 or not (images.ndim == 3 or colour) or 0 in images.shape:
        raise ValueError(
            "images must be a uint8 array (images, height, width) or (images, height, width, 3) with at least one "
            f"image, got {images.dtype} {images.shape}; decode all of them with one size."
        )
    if colour:
        images = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images])
    if images.shape[1:] == (SIDE, SIDE):
        return np.ascontiguousarray(images)
    smaller = min(images.shape[1:]) >= SIDE
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.stack([cv2.resize(np.ascontiguousarray(image), (SIDE, SIDE), interpolation=how) for image in images])


def groups(numbers: Mapping[str, np.ndarray]) -> list[dict[str, list[int]]]:
    """The photographs with several images.

    Args:
        numbers: split → what `photographs` says of its images.

    Returns:
        For each photograph: split → rows from 0, ascending; a split without an image of it is left out.

    Example:
        >>> groups({"train": np.array([0, 1, 0]), "test": np.array([3, 1])})
        [{'train': [0, 2]}, {'train': [1], 'test': [1]}]
    """
    found: dict[int, dict[str, list[int]]] = defaultdict(dict)
    for split, values in numbers.items():
        for row, number in enumerate(values.tolist()):
            found[number].setdefault(split, []).append(row)
    return [group for group in found.values() if sum(map(len, group.values())) > 1]


def rows_with_a_copy(known: Sequence[Mapping[str, Sequence[int]]], split: str, others: Sequence[str]) -> np.ndarray:
    """Rows of a split of which one of the other splits holds a copy, int64, ascending.

    Args:
        known: from `groups`, or the entry `groups` of a file that `fer-hub duplicates` wrote.
        split: a split's name, such as "test".
        others: names of other splits, such as ["train", "validation"].

    Example:
        >>> known = [{"train": [0, 2]}, {"train": [1], "test": [1, 4]}, {"test": [2, 3]}]
        >>> rows_with_a_copy(known, "test", ["train"]).tolist(), rows_with_a_copy(known, "train", ["test"]).tolist()
        ([1, 4], [1])
    """
    rows = [row for group in known if any(group.get(other) for other in others) for row in group.get(split, [])]
    return np.array(sorted(rows), dtype=np.int64)


def count_copies(
    numbers: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], images: Mapping[str, np.ndarray]
) -> dict[str, dict]:
    """How many images of each split are in the splits too.

    Args:
        numbers: split → what `photographs` says of its images.
        labels: split → class of each image, integers (images,).
        images: split → the images, as for `find_pairs`.

    Returns:
        Split → `images`; `copies`: split → images of the first of which the second holds another image, `exact`: those
        of them with one equal in every pixel, and `other_label`: those of them with no copy there of the same label.
    """
    result: dict[str, dict] = {}
    pixels = {split: [image.tobytes() for image in values] for split, values in images.items()}
    for split, own in numbers.items():
        row: dict = {"images": len(own), "copies": {}, "exact": {}, "other_label": {}}
        for other, values in numbers.items():
            itself = int(split == other)
            there = dict(zip(*np.unique(values, return_counts=True), strict=True))
            copied = np.array([there.get(number, 0) > itself for number in own], bool)
            equal: dict[bytes, int] = defaultdict(int)
            for value in pixels[other]:
                equal[value] += 1
            classes: dict[tuple[int, int], int] = defaultdict(int)
            for pair in zip(values.tolist(), labels[other].tolist(), strict=True):
                classes[pair] += 1
            same = [classes[pair] > itself for pair in zip(own.tolist(), labels[split].tolist(), strict=True)]
            row["copies"][other] = int(copied.sum())
            row["exact"][other] = sum(equal[value] > itself for value in pixels[split])
            row["other_label"][other] = int((copied & ~np.array(same, bool)).sum())
        result[split] = row
    return result
