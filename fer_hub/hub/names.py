"""Names of checkpoints: those meant as folders, and those with a revision."""

from pathlib import Path

FOLDERS = ("checkpoints", "runs", "results", "recipes")
"""First parts of the paths that our documentation writes; on the Hub they would be the names of owners."""


def check_name(checkpoint: str | Path) -> None:
    """Refuse a path such as `checkpoints/fer2013` where there is no such folder, before anybody asks the Hub for it.

    The owner of that name on the Hub could be anybody; nothing is downloaded and no code of theirs runs.

    Raises:
        FileNotFoundError: the name looks like a path of ours and is no folder here.

    Example:
        >>> check_name("owner/name")
        >>> check_name("runs/no-such-training/final")
        Traceback (most recent call last):
        ...
        FileNotFoundError: checkpoint must be a checkpoint folder or a Hub id, got 'runs/no-such-training/final', ...
    """
    parts = Path(checkpoint).parts
    if len(parts) > 1 and parts[0] in FOLDERS and not Path(checkpoint).exists():
        raise FileNotFoundError(
            f"checkpoint must be a checkpoint folder or a Hub id, got {str(checkpoint)!r}, which looks like a folder, "
            f"but there is none in {Path.cwd()}; start from the folder that holds {parts[0]}, or give the whole path."
        )


def split_revision(checkpoint: str | Path) -> tuple[str, str | None]:
    """A Hub id with a revision after `@` → both; a path, or an id without, has `None`.

    Example:
        >>> split_revision("owner/name@3f1c"), split_revision("owner/name"), split_revision("runs/mine/final")
        (('owner/name', '3f1c'), ('owner/name', None), ('runs/mine/final', None))
    """
    name, _, revision = str(checkpoint).partition("@")
    if not revision or name.count("/") != 1 or Path(checkpoint).exists():
        return str(checkpoint), None
    return name, revision
