"""What to install where a package is missing that only a part of fer_hub needs."""

from importlib.util import find_spec


def missing(extra: str, *modules: str) -> ModuleNotFoundError | None:
    """The error to raise unless all these modules are installed, which the extra brings; looks, but imports nothing.

    Args:
        extra: of pyproject.toml, as "video".
        modules: names to import, as "av".

    Example:
        >>> missing("video", "json"), missing("video", "no_such_module")
        (None, ModuleNotFoundError('no_such_module must be installed for this; run pip install ".[video]" in a ...'))
    """
    absent = [name for name in modules if find_spec(name) is None]
    if not absent:
        return None
    return ModuleNotFoundError(
        f'{", ".join(absent)} must be installed for this; run pip install ".[{extra}]" in a clone of fer_hub.',
        name=absent[0],
    )
