"""What `fer-hub duplicates` does: find the near-duplicates of a data set, write them to a file, draw pairs to look at.

The file is JSON: `method` and `parameters`, `splits` with counts (`count_copies`), `pairs` (how many), `looked_at`
(what somebody counted who looked at the sheet of pairs), and `groups`: for each photograph with several images, split →
row numbers from 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fer_hub.data import alignment, candidates
from fer_hub.data.alignment import Pairs
from fer_hub.data.decoding import decode_images
from fer_hub.data.duplicates import count_copies, find_pairs, groups, photographs, rows_with_a_copy
from fer_hub.data.expressions import read_expressions
from fer_hub.files import read_json, replacing, write_text

METHOD = (
    "All images are compared with each other, as they are and mirrored, moved and shrunk, by the low frequencies of "
    "their centres; similar pairs are aligned with an affine map, and count as one photograph where the aligned "
    "centres agree in grey values and in detail. Groups are chains of such pairs and of equal images."
)

SHEET_PAIRS = 300
"""Pairs on the sheet, drawn at random with seed 0."""


def find_duplicates(
    data: str,
    *,
    output: Path | None = None,
    sheet: Path | None = None,
    looked_at: Mapping[str, int] | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_names: Sequence[str] = (),
    progress: bool = True,
) -> dict:
    """Find the images of one photograph within and between the splits of a data set; what `fer-hub duplicates` calls.

    Args:
        data: Hub dataset id, parquet, Kaggle CSV or image folder, with the splits that it has.
        output: JSON file for the result; see the top of this file. An entry `looked_at` that stands there already is
            kept where the groups are the same.
        sheet: PNG file for `SHEET_PAIRS` of the pairs.
        looked_at: counts of those who looked at the sheet, such as {"pairs": 300, "one_photograph": 299}.
        image_column, label_column, label_names: as for `load_expressions`.
        progress: show progress bars.

    Returns:
        What `output` holds.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as `load_expressions`.
    """
    splits = read_expressions(data, image_column=image_column, label_column=label_column, label_names=label_names)
    splits = {name: splits[name] for name in sorted(splits, key=_place)}
    images = {name: decode_images(split, candidates.SIDE) for name, split in splits.items()}
    labels = {name: np.asarray(split["label"][:], dtype=np.int64) for name, split in splits.items()}
    together = np.concatenate(list(images.values()))
    pairs = find_pairs(together, progress=progress)
    ends = np.cumsum([len(values) for values in images.values()])[:-1]
    numbers = dict(zip(images, np.split(photographs(together, pairs), ends), strict=True))
    result = {
        "method": METHOD,
        "parameters": parameters(),
        "splits": count_copies(numbers, labels, images),
        "pairs": len(pairs.first),
        "looked_at": dict(looked_at or {}),
        "groups": groups(numbers),
    }
    if output:
        before = read_json(output)
        if not looked_at and before.get("groups") == result["groups"]:
            result["looked_at"] = before.get("looked_at", {})
        write_text(output, as_text(result))
    if sheet:
        with replacing(sheet) as temporary:
            pairs_sheet(together, pairs).save(temporary, "PNG")
    return result


def _place(split: str) -> tuple[int, str]:
    """Sorts splits as everywhere else, whatever their order in the files, which decides among equally similar pairs."""
    usual = ("train", "validation", "test")
    return (usual.index(split) if split in usual else len(usual), split)


def parameters() -> dict:
    """The numbers that decide what is found."""
    return {
        "compared_size": candidates.SIDE,
        "window": candidates.WINDOW,
        "views": len(candidates.VIEWS),
        "least_score": candidates.LEAST_SCORE,
        "most_pairs": candidates.MOST_PAIRS,
        "least_grey_correlation": alignment.LEAST_GREY,
        "least_detail_correlation": alignment.LEAST_DETAIL,
        "least_overlap": alignment.LEAST_OVERLAP,
    }


def summary(result: Mapping) -> str:
    """What was found, a line for each two splits.

    Args:
        result: from `find_duplicates`.
    """
    lines = []
    for split, row in result["splits"].items():
        for other, copies in row["copies"].items():
            lines.append(
                f"{split}: {copies:,} of {row['images']:,} images have a copy in {other}"
                f"{' too' if split == other else ''} ({row['exact'][other]:,} of them are equal in every pixel, "
                f"{row['other_label'][other]:,} have only copies of another label)"
            )
    return "\n".join([*lines, f"{len(result['groups']):,} photographs have several images"])


def as_text(result: Mapping) -> str:
    """Readable JSON with one line for each group."""
    head = json.dumps({name: value for name, value in result.items() if name != "groups"}, indent=2)
    rows = ",\n".join(f"    {json.dumps(group)}" for group in result["groups"])
    return f'{head.removesuffix(chr(10) + "}")},\n  "groups": [\n{rows}\n  ]\n}}\n'


def pairs_sheet(images: np.ndarray, pairs: Pairs, count: int = SHEET_PAIRS, columns: int = 10) -> Image.Image:
    """Some of the pairs side by side, twice enlarged, the least sure ones first, with position and correlations.

    Args:
        images: uint8 array (images, size, size), the one that the pairs were found in.
        pairs: from `find_pairs`.
        count: how many pairs, drawn at random with seed 0.
        columns: pairs in a row.
    """
    drawn = np.random.default_rng(0).permutation(len(pairs.first))[:count]
    drawn = drawn[np.argsort(pairs.detail[drawn], kind="stable")]
    side = 2 * images.shape[1]
    width, height = 2 * side + 14, side + 16
    sheet = Image.new("L", (columns * width, max(1, -(-len(drawn) // columns)) * height), 255)
    pen = ImageDraw.Draw(sheet)
    for place, pair in enumerate(drawn):
        x, y = place % columns * width, place // columns * height
        other = images[pairs.second[pair]][:, :: -1 if pairs.mirrored[pair] else 1]
        for left, image in ((x, images[pairs.first[pair]]), (x + side + 2, other)):
            sheet.paste(Image.fromarray(np.ascontiguousarray(image)).resize((side, side)), (left, y))
        pen.text((x, y + side + 1), f"{place + 1}: {pairs.grey[pair]:.3f} {pairs.detail[pair]:.3f}", fill=0)
    return sheet


def load_groups(path: Path) -> Sequence[Mapping[str, Sequence[int]]]:
    """The groups of a file that `find_duplicates` wrote.

    Raises:
        ValueError: there is no such file, or it is another one.
    """
    return _written(path)["groups"]


def _written(path: Path) -> dict:
    """The content of a file that `find_duplicates` wrote."""
    try:
        content = read_json(path)
    except ValueError:  # neither JSON nor text
        content = {}
    kinds = {"groups": list, "splits": dict}
    if not isinstance(content, dict) or not all(isinstance(content.get(key), kind) for key, kind in kinds.items()):
        raise ValueError(f"{path} must be a file that `fer-hub duplicates --output` wrote; run that first.")
    return content


def known_copies(path: Path, sizes: Mapping[str, int]) -> np.ndarray:
    """Rows of train of which validation or test holds a copy, by a file that `find_duplicates` wrote.

    Args:
        path: that file.
        sizes: split → number of its images, to check that the file is about the same data.

    Returns:
        int64, ascending.

    Raises:
        ValueError: there is no such file, or it is about other data.
    """
    content = _written(path)
    splits = content["splits"].items()
    held = {name: split["images"] for name, split in splits if isinstance(split, dict) and "images" in split}
    if held != dict(sizes):
        raise ValueError(
            f"{path} must be about the data that is trained on, with {_sizes(sizes)}, got {_sizes(held)}; write it "
            "with `fer-hub duplicates --data ... --output ...` for the same data."
        )
    return rows_with_a_copy(content["groups"], "train", ["validation", "test"])


def _sizes(sizes: Mapping[str, int]) -> str:
    """Readable, such as "train 28,709"."""
    return ", ".join(f"{name} {count:,}" for name, count in sizes.items()) or "no splits"
