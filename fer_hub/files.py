"""Writing files so that they appear whole or not at all."""

import json
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file under a temporary name beside its place, then move it there."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_json(path: Path, content: object) -> None:
    """Write readable JSON with a closing newline; content that JSON cannot hold leaves the old file alone."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
