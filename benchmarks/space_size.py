"""Measures what a Space or container installs: the packages of its requirements and all that they bring, in megabytes.

    python -m benchmarks.space_size

The packages are those of the environment that runs it, which must hold requirements.txt with PyTorch for CPUs; one with
CUDA is not measured. Writes results/space_size.json.
"""

import argparse
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from fer_hub.files import write_json
from fer_hub.hub.space_files import requirements

ROOT = Path(__file__).resolve().parents[1]


def brought(lines: Iterable[str]) -> set[str]:
    """Canonical names of the installed packages that requirements bring, their own requirements included.

    Example:
        >>> {"numpy"} <= brought(["numpy==2.4.6  # arrays"])
        True
    """
    found: set[str] = set()
    waiting = [(line.partition("#")[0].strip(), frozenset()) for line in lines]
    while waiting:
        line, extras = waiting.pop()
        try:
            wanted = Requirement(line)
        except InvalidRequirement:  # an option of pip, or nothing
            continue
        name = canonicalize_name(wanted.name)
        if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            continue
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if name in found and not wanted.extras:
            continue
        found.add(name)
        waiting += [(each, frozenset(wanted.extras)) for each in package.requires or []]
    return found


def megabytes(names: Iterable[str]) -> float:
    """Size of the files of installed packages in 10^6 bytes, bytecode included."""
    total = 0
    for name in names:
        for file in metadata.files(name) or []:
            path = Path(file.locate())
            total += path.stat().st_size if path.is_file() else 0
    return round(total / 1e6)


def main() -> None:
    """Measure and write results/space_size.json."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    rows = {}
    for runtime in ("onnx", "cpu"):
        names = brought(requirements(text, runtime).splitlines())
        rows[runtime] = {"packages": len(names), "megabytes": megabytes(names)}
    write_json(ROOT / "results" / "space_size.json", rows)
    print(rows)


if __name__ == "__main__":
    main()
