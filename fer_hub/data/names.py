"""Usual names of the emotions and the three splits, and the sort order of custom class names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from fer_hub.model.configuration_fer import EMOTIONS

SPLITS = ("train", "validation", "test")

#: Kaggle's `Usage` value of each split.
USAGES = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}

IMAGE_EXTENSIONS = (".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp")

_SPLIT_ALIASES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "publictest"),
    "test": ("test", "testing", "privatetest"),
}
_EMOTION_ALIASES = {
    "angry": ("angry", "anger"),
    "disgust": ("disgust", "disgusted"),
    "fear": ("fear", "fearful", "afraid", "scared"),
    "happy": ("happy", "happiness", "joy"),
    "sad": ("sad", "sadness"),
    "surprise": ("surprise", "surprised"),
    "neutral": ("neutral",),
}
_MORE_ALIASES = {"contempt": ("contempt", "contemptuous")}  # in FER+, not among the seven of FER-2013

#: The eight expressions of FER+ in the order of its votes, under this project's names.
FERPLUS_EMOTIONS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")

_SPLIT_OF = {alias: split for split, aliases in _SPLIT_ALIASES.items() for alias in aliases}
_INDEX_OF = {alias: EMOTIONS.index(name) for name, aliases in _EMOTION_ALIASES.items() for alias in aliases}
_NAME_OF = {alias: name for name, aliases in (_EMOTION_ALIASES | _MORE_ALIASES).items() for alias in aliases}


def emotion_index(name: str) -> int | None:
    """Position in `EMOTIONS` of an emotion under any of its usual names, or None for an unknown name.

    Case and spaces around the name are ignored.

    >>> emotion_index("Anger"), emotion_index(" happiness"), emotion_index("contempt")
    (0, 3, None)
    """
    return _INDEX_OF.get(name.strip().lower())


def expression_name(name: str) -> str:
    """This project's name for an expression of FER-2013 or FER+; any other name without spaces around it, composed.

    >>> expression_name("Happiness"), expression_name("contemptuous"), expression_name(" Bored")
    ('happy', 'contempt', 'Bored')
    """
    return _NAME_OF.get(name.strip().lower(), plain_name(name))


def plain_name(name: str) -> str:
    """A name without spaces around it, its letters composed (NFC): macOS writes é in names of files as e and an accent.

    >>> plain_name(" cafe\u0301 ") == "caf\u00e9"
    True
    """
    return unicodedata.normalize("NFC", name.strip())


def known_classes(names: Sequence[str]) -> tuple[str, ...] | None:
    """The classes of FER-2013 or FER+, if the names are exactly these, in any order and under any usual name.

    >>> known_classes(["Anger", "Contempt"]) is None
    True
    >>> known_classes(["sadness", "joy", "neutral", "anger", "fear", "disgust", "surprise"]) == EMOTIONS
    True
    """
    ours = [expression_name(name) for name in names]
    return next((known for known in (EMOTIONS, FERPLUS_EMOTIONS) if sorted(ours) == sorted(known)), None)


def natural_order(name: str) -> list:
    """Key for natural sorting: case-insensitive, numbers by their value.

    >>> sorted(["Level 10", "level 9", "calm"], key=natural_order)
    ['calm', 'level 9', 'Level 10']
    """
    parts = re.split(r"(\d+)", name.casefold())
    return [[int(part) if part.isdecimal() else part for part in parts], name]


def split_name(name: str) -> str | None:
    """`train`, `validation` or `test` for any usual name of a split, or None for an unknown name.

    >>> split_name("Training"), split_name("PublicTest"), split_name("val"), split_name("extra")
    ('train', 'validation', 'validation', None)
    """
    return _SPLIT_OF.get(name.strip().lower())


def split_of_file(stem: str) -> str | None:
    """The split at the beginning of a file name such as `train-00000-of-00001`, or None.

    >>> split_of_file("train-00000-of-00001"), split_of_file("PublicTest_17"), split_of_file("faces")
    ('train', 'validation', None)
    """
    return split_name(re.split(r"[-_.\d]", stem, maxsplit=1)[0])
