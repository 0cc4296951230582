"""How a network does on groups of images, after "Model Cards for Model Reporting" (Mitchell et al. 2019,
arXiv:1810.03993): a figure over all images hides who pays for it.

Groups are the values of a column, or fifths of a column of numbers or of a measured property.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fer_hub.data.names import natural_order
from fer_hub.data.problems import shortened
from fer_hub.detection.quality import SIZE
from fer_hub.hub.card_facts import wilson

MEASURED = {
    "brightness": "mean grey value of the crop, 0 to 255",
    "sharpness": f"mean difference of neighbouring pixels of the crop at {SIZE}x{SIZE} pixels, in grey values",
    "size": "width of the found face in pixels of the image",
    "yaw": "turn of the found head to either side in degrees, estimated from eyes and nose",
}
"""Name → what it is."""

BORDERS = {"yaw": (10.0, 20.0, 30.0, 45.0)}
"""Property → borders between its groups, where they are not fifths: most heads are turned by little."""

FIFTHS = (0.2, 0.4, 0.6, 0.8)

MOST_NUMBERS, MOST_VALUES = 10, 30
"""Numbers with more different values are cut into fifths; text with more is refused."""

LEAST_IMAGES = 30
"""Groups with fewer images are shown, but not compared."""

DRAWS = 1000
"""Number of draws for the largest difference by chance."""

NO_FACE, UNKNOWN = "no face found", "unknown"
"""Names of the groups of images without a value, of a measured property and of a column."""


@dataclass(frozen=True)
class Groups:
    """Images in groups.

    Attributes:
        names: of the groups, in their order.
        index: position of each image's group among them, int64 (images,).
    """

    names: tuple[str, ...]
    index: np.ndarray


def cut(values: Sequence[Any], by: str) -> Groups:
    """Put images into groups by a value of each.

    Numbers with more than `MOST_NUMBERS` different values are cut into fifths, with borders of three digits, and
    fewer groups where many values are equal; `BORDERS` come first. All others are a group for each value. Images
    without a value are the last group.

    Args:
        values: a number, a text or None for each image; not both numbers and texts.
        by: a key of `MEASURED`, or the name of a column.

    Raises:
        ValueError: no image has a value in the column, or there are more than `MOST_VALUES` different texts.

    Example:
        >>> cut(["b", "a", None, "b"], "camera")
        Groups(names=('a', 'b', 'unknown'), index=array([1, 0, 2, 1]))
        >>> cut([0.0, 15.0, 50.0], "yaw").names
        ('below 10', '10 to below 20', '45 and above')
    """
    known = [value for value in values if value is not None]
    different = set(known)
    if not known and by not in MEASURED:
        raise ValueError(f"--group-by {by} needs a value for some images, but none has one; group by something else.")
    text = bool(known) and isinstance(known[0], str)
    if text and len(different) > MOST_VALUES:
        raise ValueError(
            f"--group-by {by} needs a column with at most {MOST_VALUES} different values, or numbers, got "
            f"{len(different):,} values such as {shortened(str(known[0]), 60)}; join them to fewer."
        )
    if not text and (by in MEASURED or len(different) > MOST_NUMBERS):
        names, index = _ranges(values, BORDERS.get(by) or _fifths(known))
    else:
        ordered = sorted(different, key=natural_order if text else None)
        names = [value if isinstance(value, str) else f"{value:.15g}" for value in ordered]
        position = {value: number for number, value in enumerate(ordered)}
        index = [len(names) if value is None else position[value] for value in values]
    names = [*names, NO_FACE if by in MEASURED else UNKNOWN]
    present = sorted(set(index))
    return Groups(tuple(names[each] for each in present), np.searchsorted(present, index))


def _fifths(values: Sequence[float]) -> list[float]:
    borders = {float(f"{border:.3g}") for border in (np.quantile(values, FIFTHS) if values else ())}
    return sorted(border for border in borders if border > min(values))


def _ranges(values: Sequence[float | None], borders: Sequence[float]) -> tuple[list[str], list[int]]:
    """Names of the ranges between borders, and that of each value; None comes last."""
    between = [f"{low:g} to below {high:g}" for low, high in itertools.pairwise(borders)]
    names = [f"below {borders[0]:g}", *between, f"{borders[-1]:g} and above"] if borders else ["all"]
    index = [len(names) if v is None else int(np.searchsorted(borders, v, side="right")) for v in values]
    return names, index


def group_figures(
    groups: Groups,
    predicted: np.ndarray,
    labels: np.ndarray | None,
    names: Sequence[str],
    found: np.ndarray | None = None,
) -> dict:
    """The figures of every group and the largest differences between groups.

    Args:
        groups: of all images; those that have predictions come first, photographs without a face after them.
        predicted: class index of each image that has a prediction, int64 (images,).
        labels: their true classes, int64 (images,); None if unknown.
        names: class names.
        found: whether the detector finds a face in each image of `groups`, bool; None if nobody looked.

    Returns:
        JSON-ready dict with shares in [0, 1] and Wilson's 95 % intervals:

        - `groups`: for each its `name`, `images` (count); with labels `accuracy`, `accuracy_interval` and `recall`:
          class → `images`, `recall`, `interval` (classes without images are left out), without labels `predicted`:
          class → `images`, `share`, `interval`; and with `found` `looked_at` (count), `found`, `found_interval`
        - `largest`: `accuracy` with labels, `found`, and `recall`: class → what `largest_difference` says, or None
    """
    own = groups.index[: len(predicted)]
    rows = [_row(groups, number, own, predicted, labels, names, found) for number in range(len(groups.names))]
    largest: dict[str, Any] = {}
    if labels is not None:
        right = predicted == labels
        largest["accuracy"] = largest_difference(right, own, groups.names)
        largest["recall"] = {
            name: largest_difference(right[labels == each], own[labels == each], groups.names)
            for each, name in enumerate(names)
            if (labels == each).any()
        }
    if found is not None:
        largest["found"] = largest_difference(found, groups.index, groups.names)
    return {"groups": rows, "largest": largest}


def _row(
    groups: Groups,
    number: int,
    own: np.ndarray,
    predicted: np.ndarray,
    labels: np.ndarray | None,
    names: Sequence[str],
    found: np.ndarray | None,
) -> dict:
    inside = own == number
    row: dict[str, Any] = {"name": groups.names[number], "images": int(inside.sum())}
    said = predicted[inside]
    if labels is None:
        row["predicted"] = {
            name: {"images": int((said == each).sum()), **_share(said == each, "share")}
            for each, name in enumerate(names)
            if len(said)
        }
    elif len(said):
        true = labels[inside]
        row |= _share(said == true, "accuracy", "accuracy_interval")
        row["recall"] = {
            name: {"images": int((true == each).sum()), **_share(said[true == each] == each, "recall")}
            for each, name in enumerate(names)
            if (true == each).any()
        }
    if found is not None:
        seen = found[groups.index == number]
        row |= {"looked_at": len(seen), **_share(seen, "found", "found_interval")}
    return row


def _share(hits: np.ndarray, name: str, interval: str = "interval") -> dict:
    return {name: float(hits.mean()), interval: list(wilson(float(hits.sum()), len(hits)))}


def largest_difference(hits: np.ndarray, index: np.ndarray, names: Sequence[str]) -> dict | None:
    """The difference between the groups with the highest and the lowest share of hits.

    Args:
        hits: bool (images,).
        index: group of each image.
        names: of the groups.

    Returns:
        `lowest` and `highest`: names of the groups; `difference` of their shares, with its 95 % `interval` (Newcombe
        1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, method 10); and `by_chance`: what
        the largest difference exceeds in 5 % of random groups of the same sizes. The largest of many differences is
        large by chance too, so that only one above `by_chance` tells of the groups. `None` if fewer than two groups
        have `LEAST_IMAGES` images.

    Example:
        >>> found = largest_difference(np.arange(200) < 150, np.arange(200) // 100, ["a", "b"])
        >>> found["lowest"], found["highest"], found["difference"], found["by_chance"] < 0.2
        ('b', 'a', 0.5, True)
    """
    counts = np.bincount(index, minlength=len(names))
    large = np.flatnonzero(counts >= LEAST_IMAGES)
    if len(large) < 2:
        return None
    kept = np.isin(index, large)
    hits, index = hits[kept], np.searchsorted(large, index[kept])
    counts = counts[large]
    right = np.bincount(index, weights=hits)
    shares = right / counts
    low, high = int(shares.argmin()), int(shares.argmax())
    draws = np.random.default_rng(0).multivariate_hypergeometric(counts, int(hits.sum()), size=DRAWS) / counts
    (low_from, low_to), (high_from, high_to) = (wilson(right[each], counts[each]) for each in (low, high))
    difference = float(shares[high] - shares[low])
    below = np.hypot(shares[high] - high_from, low_to - shares[low])
    above = np.hypot(high_to - shares[high], shares[low] - low_from)
    return {
        "lowest": names[large[low]],
        "highest": names[large[high]],
        "difference": difference,
        "interval": [difference - float(below), difference + float(above)],
        "by_chance": float(np.quantile(np.ptp(draws, axis=1), 0.95)),
    }


def group_lines(groups: Mapping[str, Mapping]) -> list[str]:
    """The groups of one split as lines of text."""
    lines = []
    for by, entry in groups.items():
        lines.append(f"by {by} ({entry['what']})")
        for row in entry["groups"]:
            parts = [f"{row['images']:,} images"]
            if "accuracy" in row:
                parts.append(f"accuracy {with_interval(row['accuracy'], row['accuracy_interval'])}")
            if "found" in row:
                parts.append(f"face found {with_interval(row['found'], row['found_interval'])}")
            for kind, share in (("recall", "recall"), ("predicted", "share")):
                each = [f"{name} {100 * value[share]:.1f}" for name, value in row.get(kind, {}).items()]
                parts += [f"{kind} in %: {', '.join(each)}"] if each else []
            lines.append(f"  {row['name']}: " + "; ".join(parts))
        largest = entry["largest"]
        recalls = {f"recall of {name}": found for name, found in largest.get("recall", {}).items() if found}
        widest = max(recalls, key=lambda name: recalls[name]["difference"], default=None)
        told = {"accuracy": largest.get("accuracy"), "share of faces found": largest.get("found")}
        told |= {widest: recalls[widest]} if widest else {}
        lines += [f"  largest difference of {name}: {difference_text(found)}" for name, found in told.items() if found]
    return lines


def with_interval(share: float, interval: Sequence[float]) -> str:
    """A share with its interval.

    Example:
        >>> with_interval(0.5, (0.25, 0.75))
        '50.0 % (25.0 to 75.0)'
    """
    return f"{100 * share:.1f} % ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"


def difference_text(found: Mapping) -> str:
    """A largest difference in words."""
    low, high = found["interval"]
    return (
        f"{100 * found['difference']:.1f} points ({100 * low:.1f} to {100 * high:.1f}) between {found['lowest']} and "
        f"{found['highest']}; random groups of these sizes: up to {100 * found['by_chance']:.1f} in 95 of 100"
    )
