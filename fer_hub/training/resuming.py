"""Finds the checkpoint from which an interrupted training resumes."""

import json
import logging
import re
from pathlib import Path

from safetensors import SafetensorError, safe_open

logger = logging.getLogger(__name__)

WRITTEN_LAST = "trainer_state.json"
"""The last file that the Trainer writes of a checkpoint; without it the checkpoint is incomplete."""


def complete_checkpoints(output_dir: str | Path) -> list[Path]:
    """The complete `checkpoint-*` folders of a run, the newest first."""
    return [folder for folder in _checkpoints(output_dir) if _is_whole(folder)]


def _checkpoints(output_dir: str | Path) -> list[Path]:
    folders = [path for path in Path(output_dir).glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return sorted(folders, key=lambda path: int(path.name.removeprefix("checkpoint-")), reverse=True)


def find_checkpoint(output_dir: str, resume: bool) -> str | None:
    """The newest complete `checkpoint-*` folder of a run, or None for a new run.

    A folder that was being written when the run was interrupted, or whose weights are truncated, is skipped; training
    writes it again.

    Raises:
        SystemExit: `resume` without anything to resume, or a new run would mix with an old one in `output_dir`.
    """
    folders = _checkpoints(output_dir)
    if not resume:
        if folders:
            raise SystemExit(
                f"output_dir must be a folder without an earlier run, but {output_dir} contains {folders[0].name}; "
                "add --resume to continue it, or choose another --output-dir."
            )
        return None
    for folder in folders:
        if _is_whole(folder):
            return str(folder)
        logger.warning(f"{folder.name} is incomplete and is skipped")
    if folders:
        raise SystemExit(
            f"--resume needs a complete checkpoint-* folder, but {output_dir} has none; start again in another "
            "--output-dir."
        )
    raise SystemExit(f"--resume needs a checkpoint-* folder in {output_dir}, but there is none; leave --resume out.")


def _is_whole(folder: Path) -> bool:
    try:
        json.loads((folder / WRITTEN_LAST).read_text(encoding="utf-8"))
        for weights in folder.glob("*.safetensors"):  # cut off where a disk was full or a copy was interrupted
            with safe_open(weights, "pt"):
                pass
    except (OSError, ValueError, SafetensorError):
        return False
    return True
