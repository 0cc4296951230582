"""Sentences of which a test reads the culprit and the value: the whole sentence stands in one test only."""

import re


def says(text: str, wanted: str) -> bool:
    """Whether a text is `wanted`, in which `...` stands for any words.

    Example:
        >>> says("depths must be positive, got 0; give more.", "depths must ... got 0; ...")
        True
        >>> says("widths must be positive, got 0; give more.", "depths must ... got 0; ...")
        False
    """
    return re.fullmatch(".*".join(map(re.escape, wanted.split("..."))), text, re.S) is not None
