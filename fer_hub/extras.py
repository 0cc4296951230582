"""Errors for missing optional packages, which name the extra to install."""

from importlib.util import find_spec


def missing(extra: str, *modules: str) -> ModuleNotFoundError | None:
    """The error to raise if any of these modules is not installed, otherwise None; imports nothing.

    Args:
        extra: the extra of pyproject.toml with these modules, such as "video".
        modules: import names, such as "av".

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
