"""The checkpoints and example photographs that come with fer_hub: all in a clone, the default one in a wheel."""

from pathlib import Path

DEFAULT = "fer2013"
"""The folder in checkpoints/ that a wheel carries, and that is loaded where none is named."""

FILES = ("*.json", "*.safetensors", "*.py", "*.png", "README.md")
"""What of its folder goes into the wheel; setup.py copies it."""

VARIABLE = "FER_HUB_CHECKPOINT"
"""The environment variable, also of a Space, that tells the app which checkpoint folder or Hub id to load first."""

_PACKAGE = Path(__file__).resolve().parent.parent
HOME = _PACKAGE / "shipped" if (_PACKAGE / "shipped").is_dir() else _PACKAGE.parent
"""What holds checkpoints/ and examples/: a folder of the installed package, or the clone that the package lies in."""


def shipped_checkpoints() -> dict[str, Path]:
    """Name → folder of the checkpoints that came along, the default first; empty in a Space, which loads its own.

    Example:
        >>> next(iter(shipped_checkpoints()))
        'fer2013'
    """
    found = {path.parent.name: path.parent for path in sorted((HOME / "checkpoints").glob("*/config.json"))}
    return {name: found[name] for name in sorted(found, key=lambda name: name != DEFAULT)}


def default_checkpoint() -> Path:
    """The folder of the checkpoint that is loaded where none is named.

    Raises:
        FileNotFoundError: none came along, as in a copy of the package without its clone.
    """
    folder = HOME / "checkpoints" / DEFAULT
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"without an argument the checkpoint that comes with fer_hub is loaded, but there is none at {folder}; "
            "name a checkpoint folder or a Hub id."
        )
    return folder


def example_photographs() -> list[Path]:
    """The example photographs that came along."""
    return sorted((HOME / "examples").glob("*.jpg"))
