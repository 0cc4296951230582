"""Imports that wait until they are needed, of modules whose packages import them at once.

Used by detection. Imports nothing of fer_hub.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader


class _Later(MetaPathFinder):
    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname in self._names else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def later(*names: str) -> Iterator[None]:
    """Inside, modules of these full names are imported without running: each runs when it is first used.

    Modules that are loaded already, and all others, are imported as ever.

    Example:
        >>> with later("this"):
        ...     import this
        >>> type(this).__name__  # it would print a poem
        '_LazyModule'
    """
    finder = _Later(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
