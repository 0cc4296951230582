"""FER-2013 as a folder of image files, `train/<emotion>/*.jpg`."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from datasets import Dataset, Features, Image, NamedSplit
from PIL import Image as PILImage
from tqdm.auto import tqdm

from fer_hub.data.columns import LABEL
from fer_hub.data.names import emotion_index, split_name
from fer_hub.data.problems import Problems
from fer_hub.model.configuration_fer import EMOTIONS

logger = logging.getLogger(__name__)

_EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp")
_DESKTOP_FILES = ("thumbs.db", "desktop.ini", "__macosx")  # written by file managers, as are names with a dot
_KAGGLE_NAME = re.compile(r"(PublicTest|PrivateTest)_", re.IGNORECASE)


def is_image_folder(root: Path) -> bool:
    """Whether `root` has a subfolder named as a split or as an emotion."""
    return any(split_name(folder.name) or emotion_index(folder.name) is not None for folder in _folders(root))


def load_image_folder(root: Path) -> dict[str, Dataset]:
    """The splits of an image folder: `<split>/<emotion>/<image>`, or `<emotion>/<image>` for train alone.

    Files whose name begins with `PublicTest_` are validation and those with `PrivateTest_` test, whichever
    folder they stand in (Kaggle's image folder has both in `test`); a log line tells how many. The dataset
    holds the absolute paths, in the order of the emotions and then of the file names; every file is decoded
    once to check it, with a progress bar.

    Raises ValueError, naming the folders or files, for folders that are neither split nor emotion, for images
    outside an emotion folder, for files in an emotion folder that are not images and for unreadable images.
    """
    folders = _folders(root)
    split_folders = {folder: split_name(folder.name) for folder in folders}
    files: dict[str, list[tuple[int, str]]] = {}
    if any(emotion_index(folder.name) is not None for folder in folders):
        _collect(root, "train", files)
    else:
        unknown = [folder.name for folder, split in split_folders.items() if split is None]
        if unknown:
            raise ValueError(
                f"{root}: unknown folder {', '.join(map(repr, unknown))}; the folders must be train, "
                f"validation and test, so rename it or move it away."
            )
        for folder, split in split_folders.items():
            files.setdefault(split, [])  # an empty split folder must be reported, not overlooked
            _collect(folder, split, files)
    _check_readable(root, [path for entries in files.values() for _, path in entries])
    return {split: _dataset(split, sorted(entries)) for split, entries in files.items()}


def _collect(folder: Path, split: str, files: dict[str, list[tuple[int, str]]]) -> None:
    """Add (emotion index, path) of every image under `folder/<emotion>` to the split it belongs to."""
    problems = Problems(str(folder), unit="file")
    moved = dict.fromkeys(("validation", "test"), 0)
    for entry in _entries(folder):
        if entry.is_file():
            if entry.suffix.lower() in _EXTENSIONS:
                problems.add(entry.name, "not in the folder of an emotion")
            continue
        index = emotion_index(entry.name)
        if index is None:
            problems.add(entry.name, "a folder that names no emotion")
            continue
        for path in _entries(entry):
            if not path.is_file() or path.suffix.lower() not in _EXTENSIONS:
                problems.add(f"{entry.name}/{path.name}", "not an image file")
                continue
            named = _KAGGLE_NAME.match(path.name)
            target = split_name(named[1]) if named else split
            if target != split:
                moved[target] += 1
            files.setdefault(target, []).append((index, str(path.resolve())))
    problems.raise_if_any(
        f"images must lie in folders named {', '.join(EMOTIONS)} and end in "
        f"{', '.join(_EXTENSIONS)}, so move, rename or delete these"
    )
    for target, count in moved.items():
        if count:
            logger.info("%s: %d images are %s by their file names", folder, count, target)


def _check_readable(root: Path, paths: list[str]) -> None:
    problems = Problems(str(root), unit="file")
    for path in tqdm(paths, desc=f"Checking images of {root.name}", unit="image", delay=1):
        try:
            with PILImage.open(path) as image:
                image.load()
        except (OSError, ValueError, SyntaxError, PILImage.DecompressionBombError) as error:
            problems.add(path, f"cannot be read ({error})")
    problems.raise_if_any("restore these files from their source or delete them")


def _dataset(split: str, entries: list[tuple[int, str]]) -> Dataset:
    features = Features({"image": Image(), "label": LABEL})
    columns = {"image": [path for _, path in entries], "label": [index for index, _ in entries]}
    return Dataset.from_dict(columns, features=features, split=NamedSplit(split))


def _entries(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name.lower() not in _DESKTOP_FILES
    )


def _folders(root: Path) -> list[Path]:
    return [path for path in _entries(root) if path.is_dir()]
