"""What pyproject.toml cannot say: a wheel carries the default checkpoint and the examples, inside the package."""

import runpy
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = runpy.run_path(str(ROOT / "fer_hub" / "hub" / "shipped.py"))
"""The names in that module, read without importing the package, which would need torch."""


class BuildWithCheckpoint(build_py):
    """Copies the files when the package is built; an editable install uses those of the clone."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        checkpoint = Path("checkpoints", SHIPPED["DEFAULT"])
        found = [path for pattern in SHIPPED["FILES"] for path in sorted((ROOT / checkpoint).glob(pattern))]
        found += sorted((ROOT / "examples").glob("*.jpg"))
        for path in found:
            target = Path(self.build_lib, "fer_hub", "shipped", path.relative_to(ROOT))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildWithCheckpoint})
