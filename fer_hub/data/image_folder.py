"""A folder of image files, `train/<emotion>/*.jpg`, of FER-2013 or with custom classes."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, Image, NamedSplit
from PIL import Image as PILImage
from tqdm.auto import tqdm

from fer_hub.data.names import IMAGE_EXTENSIONS, emotion_index, natural_order, split_name
from fer_hub.data.problems import Problems, shortened
from fer_hub.files import is_leftover
from fer_hub.heic import register_heic
from fer_hub.model.configuration_fer import EMOTIONS

logger = logging.getLogger(__name__)

_HEIF_EXTENSIONS = (".heic", ".heif")  # iPhone photos, if pillow-heif is installed
_TEXT_EXTENSIONS = (".csv", ".html", ".json", ".jsonl", ".log", ".md", ".pdf", ".rtf", ".txt", ".xml", ".yaml", ".yml")
_KAGGLE_NAME = re.compile(r"(PublicTest|PrivateTest)_", re.IGNORECASE)


def is_image_folder(root: Path, *, any_class: bool = False) -> bool:
    """Whether `root` has a subfolder named like a split or an emotion; with `any_class`, of images or of a split."""
    return any(
        (split_name(folder.name) and (not any_class or _folders(folder)))
        or (
            any_class and any(path.suffix.lower() in (*IMAGE_EXTENSIONS, *_HEIF_EXTENSIONS) for path in entries(folder))
        )
        or (not any_class and emotion_index(folder.name) is not None)
        for folder in _folders(root)
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

    Text files beside the images are left out, with a log line that names them.

    Raises ValueError, naming the folders or files, for folders that are neither split nor emotion, for images
    outside an emotion folder, for files in an emotion folder that are neither image nor text and for unreadable images.
    """
    folders = _folders(root)
    split_folders = {folder: split_name(folder.name) for folder in folders}
    if any_class:
        in_splits = any(split and _folders(folder) for folder, split in split_folders.items())
    else:
        in_splits = all(emotion_index(folder.name) is None for folder in folders)
    files: dict[str, list[tuple[str, str]]] = {}
    texts: list[str] = []
    if not in_splits:
        _collect(root, "train", files, texts, any_class)
    else:
        unknown = [folder.name for folder, split in split_folders.items() if split is None]
        if unknown:
            raise ValueError(
                f"{root}: unknown folder {', '.join(map(repr, unknown))}; the folders must be train, "
                f"validation and test, so rename it or move it away."
            )
        for folder, split in split_folders.items():
            files.setdefault(split, [])  # so that an empty split folder is reported
            _collect(folder, split, files, texts, any_class)
    if texts:
        named = shortened(", ".join(os.path.relpath(path, root) for path in texts), 300)
        logger.warning("%s: left out, as they are not images: %d, %s", root, len(texts), named)
    _check_names([path for each in files.values() for _, path in each])
    _check_readable(root, [path for each in files.values() for _, path in each])
    found = {name for each in files.values() for name, _ in each}
    names = sorted(found, key=natural_order) if any_class else list(EMOTIONS)
    return {split: _dataset(split, each, names) for split, each in files.items()}


def _check_names(paths: list[str]) -> None:
    """Refuse names that are no text, as the table of the images and everything written about it is UTF-8."""
    for path in paths:
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "backslashreplace").decode("utf-8")
            raise ValueError(f"names of folders and images must be UTF-8, got {shown}; rename it.") from None


def _collect(
    folder: Path, split: str, files: dict[str, list[tuple[str, str]]], texts: list[str], any_class: bool
) -> None:
    """Add (class name, path) of every image under `folder/<class>` to the split it belongs to, and text files."""
    problems = Problems(str(folder), unit="file")
    extensions = photo_extensions() if any_class else IMAGE_EXTENSIONS
    moved = dict.fromkeys(("validation", "test"), 0)
    for entry in entries(folder):
        if entry.is_file():
            if entry.suffix.lower() in extensions:
                problems.add(entry.name, f"not in the folder of {'a class' if any_class else 'an emotion'}")
            continue
        index = emotion_index(entry.name)
        if index is None and not any_class:
            problems.add(entry.name, "a folder that names no emotion")
            continue
        for path in entries(entry):
            if path.is_file() and path.suffix.lower() in _TEXT_EXTENSIONS:
                texts.append(str(path))
                continue
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


def _dataset(split: str, images: list[tuple[str, str]], names: list[str]) -> Dataset:
    features = Features({"image": Image(), "label": ClassLabel(names=names)})
    rows = sorted((names.index(name), path) for name, path in images)
    columns = {"image": [path for _, path in rows], "label": [index for index, _ in rows]}
    return Dataset.from_dict(columns, features=features, split=NamedSplit(split))


def photo_extensions() -> tuple[str, ...]:
    """Endings of files, in lower case, that are read as photographs here, of iPhones too with pillow-heif."""
    return (*IMAGE_EXTENSIONS, *(_HEIF_EXTENSIONS if register_heic() else ()))


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, without the files of file managers."""
    return sorted(path for path in folder.iterdir() if not is_leftover(path.name))


def _folders(root: Path) -> list[Path]:
    return [path for path in entries(root) if path.is_dir()]
