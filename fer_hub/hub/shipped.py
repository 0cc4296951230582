"""The checkpoints and example photos that come with fer_hub: all in a clone, only the default in a wheel."""

from pathlib import Path

DEFAULT = "photographs"
"""The folder in checkpoints/ that is included in the wheel and loaded by default."""

FILES = ("*.json", "*.safetensors", "*.onnx", "*.py", "*.png", "README.md")
"""Its files that are included in the wheel; setup.py copies them."""

VARIABLE = "FER_HUB_CHECKPOINT"
"""The environment variable, also of a Space, with the checkpoints that the app offers first: a folder or Hub id, or
several with commas between them; a Hub id may name its revision, as in owner/name@commit."""

DEVICE = "FER_HUB_DEVICE"
"""The environment variable with the device on which the app runs the networks, such as cuda; the CPU without it."""

_PACKAGE = Path(__file__).resolve().parent.parent
HOME = _PACKAGE / "shipped" if (_PACKAGE / "shipped").is_dir() else _PACKAGE.parent
"""The folder with checkpoints/ and examples/: in the installed package, or the clone that contains the package."""


def shipped_checkpoints() -> dict[str, Path]:
    """Name → folder of the included checkpoints, the default first; empty in a Space, which loads its own.

    Example:
        >>> next(iter(shipped_checkpoints()))
        'photographs'
    """
    found = {path.parent.name: path.parent for path in sorted((HOME / "checkpoints").glob("*/config.json"))}
    return {name: found[name] for name in sorted(found, key=lambda name: name != DEFAULT)}


def default_checkpoint() -> Path:
    """The folder of the checkpoint that is loaded by default.

    Raises:
        FileNotFoundError: no checkpoint is included, as in a copy of the package without its clone.
    """
    folder = HOME / "checkpoints" / DEFAULT
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"without an argument the checkpoint that comes with fer_hub is loaded, but there is none at {folder}; "
            "pass a checkpoint folder or a Hub id."
        )
    return folder


def example_photographs() -> list[Path]:
    """The included example photos."""
    return sorted((HOME / "examples").glob("*.jpg"))


def licence() -> bytes:
    """The text of fer_hub's licence, which its checkpoints share: from the clone or the installed package."""
    if (HOME / "LICENSE").is_file():
        return (HOME / "LICENSE").read_bytes()
    from importlib import metadata  # imports much, and nothing else needs it

    files = metadata.files("fer_hub") or []
    return next(file for file in files if file.name == "LICENSE").read_binary()
