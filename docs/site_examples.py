"""An extension of griffe, which reads the docstrings: a section "Example:" is one of examples, whose code is code."""

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Name the sections as griffe knows them."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every object that was read."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.M)
