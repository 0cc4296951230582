"""A folder of image files, `train/<emotion>/*.jpg`, of FER-2013 or with custom classes."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, Image, NamedSplit
from PIL import Image as PILImage
from tqdm.auto import tqdm

from fer_hub.data.names import emotion_index, natural_order, split_name
from fer_hub.data.problems import Problems
from fer_hub.heic import register_heic
from fer_hub.model.configuration_fer import EMOTIONS

logger = logging.getLogger(__name__)

_EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp")
_HEIF_EXTENSIONS = (".heic", ".heif")  # iPhone photos, if pillow-heif is installed
_DESKTOP_FILES = ("thumbs.db", "desktop.ini", "__macosx")  # created by file managers, as are names with a leading dot
_KAGGLE_NAME = re.compile(r"(PublicTest|PrivateTest)_", re.IGNORECASE)


def is_image_folder(root: Path, *, any_class: bool = False) -> bool:
    """Whether `root` has a subfolder named like a split or an emotion; with `any_class`, any subfolder at all."""
    return any(
        any_class or split_name(folder.name) or emotion_index(folder.name) is not None for folder in _folders(root)
    )


def load_image_folder(root: Path, *, any_class: bool = False) -> dict[str, Dataset]:
    """The splits of an image folder: `<split>/<emotion>/<image>`, or `<emotion>/<image>` for train alone.

    Files whose name begins with `PublicTest_` are validation and those with `PrivateTest_` test, whichever
    folder they are in (Kaggle's image folder has both in `test`); a log line gives their number. The dataset
    contains the absolute paths, ordered by emotion and then by file name; every file is decoded once to check it,
    with a progress bar.

    Args:
        root: the folder.
        any_class: take the folder names as class names, in natural order (`names.natural_order`), instead of
            requiring those of `EMOTIONS`. A folder is then a split if it has the name of one and contains folders.

    Raises ValueError, naming the folders or files, for folders that are neither split nor emotion, for images
    outside an emotion folder, for files in an emotion folder that are not images and for unreadable images.
    """
    folders = _folders(root)
    split_folders = {folder: split_name(folder.name) for folder in folders}
    if any_class:
        in_splits = any(split and _folders(folder) for folder, split in split_folders.items())
    else:
        in_splits = all(emotion_index(folder.name) is None for folder in folders)
    files: dict[str, list[tuple[str, str]]] = {}
    if not in_splits:
        _collect(root, "train", files, any_class)
    else:
        unknown = [folder.name for folder, split in split_folders.items() if split is None]
        if unknown:
            raise ValueError(
                f"{root}: unknown folder {', '.join(map(repr, unknown))}; the folders must be train, "
                f"validation and test, so rename it or move it away."
            )
        for folder, split in split_folders.items():
            files.setdefault(split, [])  # so that an empty split folder is reported
            _collect(folder, split, files, any_class)
    _check_names([path for entries in files.values() for _, path in entries])
    _check_readable(root, [path for entries in files.values() for _, path in entries])
    found = {name for entries in files.values() for name, _ in entries}
    names = sorted(found, key=natural_order) if any_class else list(EMOTIONS)
    return {split: _dataset(split, entries, names) for split, entries in files.items()}


def _check_names(paths: list[str]) -> None:
    """Refuse names that are no text, as the table of the images and everything written about it is UTF-8."""
    for path in paths:
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "backslashreplace").decode("utf-8")
            raise ValueError(f"names of folders and images must be UTF-8, got {shown}; rename it.") from None


def _collect(folder: Path, split: str, files: dict[str, list[tuple[str, str]]], any_class: bool) -> None:
    """Add (class name, path) of every image under `folder/<class>` to the split it belongs to."""
    problems = Problems(str(folder), unit="file")
    extensions = (*_EXTENSIONS, *(_HEIF_EXTENSIONS if register_heic() else ())) if any_class else _EXTENSIONS
    moved = dict.fromkeys(("validation", "test"), 0)
    for entry in _entries(folder):
        if entry.is_file():
            if entry.suffix.lower() in extensions:
                problems.add(entry.name, f"not in the folder of {'a class' if any_class else 'an emotion'}")
            continue
        index = emotion_index(entry.name)
        if index is None and not any_class:
            problems.add(entry.name, "a folder that names no emotion")
            continue
        for path in _entries(entry):
            if not path.is_file() or path.suffix.lower() not in extensions:
                problems.add(f"{entry.name}/{path.name}", "not an image file")
                continue
            named = _KAGGLE_NAME.match(path.name)
            target = split_name(named[1]) if named else split
            if target != split:
                moved[target] += 1
            files.setdefault(target, []).append((entry.name if any_class else EMOTIONS[index], str(path.resolve())))
    where = "one folder per class" if any_class else f"folders named {', '.join(EMOTIONS)}"
    problems.raise_if_any(
        f"images must be in {where} and end in {', '.join(extensions)}, so move, rename or delete these"
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


def _dataset(split: str, entries: list[tuple[str, str]], names: list[str]) -> Dataset:
    features = Features({"image": Image(), "label": ClassLabel(names=names)})
    rows = sorted((names.index(name), path) for name, path in entries)
    columns = {"image": [path for _, path in rows], "label": [index for index, _ in rows]}
    return Dataset.from_dict(columns, features=features, split=NamedSplit(split))


def _entries(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in _DESKTOP_FILES
    )


def _folders(root: Path) -> list[Path]:
    return [path for path in _entries(root) if path.is_dir()]
