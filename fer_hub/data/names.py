"""Names at the door: what other FER-2013 copies call the seven emotions and the three splits."""

from __future__ import annotations

import re

from fer_hub.model.configuration_fer import EMOTIONS

SPLITS = ("train", "validation", "test")

#: Kaggle's `Usage` value of each split.
USAGES = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}

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
_SPLIT_OF = {alias: split for split, aliases in _SPLIT_ALIASES.items() for alias in aliases}
_INDEX_OF = {alias: EMOTIONS.index(name) for name, aliases in _EMOTION_ALIASES.items() for alias in aliases}


def emotion_index(name: str) -> int | None:
    """Position in `EMOTIONS` of an emotion under any of its usual names, or None for an unknown name.

    Upper and lower case, and spaces around the name, make no difference.

    >>> emotion_index("Anger"), emotion_index(" happiness"), emotion_index("contempt")
    (0, 3, None)
    """
    return _INDEX_OF.get(name.strip().lower())


def split_name(name: str) -> str | None:
    """`train`, `validation` or `test` for any usual name of a split, or None for an unknown name.

    >>> split_name("Training"), split_name("PublicTest"), split_name("val"), split_name("extra")
    ('train', 'validation', 'validation', None)
    """
    return _SPLIT_OF.get(name.strip().lower())


def split_of_file(stem: str) -> str | None:
    """Split that a file name begins with, such as `train-00000-of-00001`, or None.

    >>> split_of_file("train-00000-of-00001"), split_of_file("PublicTest_17"), split_of_file("faces")
    ('train', 'validation', None)
    """
    return split_name(re.split(r"[-_.\d]", stem, maxsplit=1)[0])
