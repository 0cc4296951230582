"""The page about many photographs: its Python runs as typed, and its command is one that is understood."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "many_photographs.md").read_text(encoding="utf-8")


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_page_is_followed_as_typed(tmp_path):
    (tmp_path / "photos").mkdir()
    shutil.copy(ROOT / "examples" / "astronaut.jpg", tmp_path / "photos")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no image")
    code, _ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)  # the other is run in tests/commands
    done = run(["-c", code], tmp_path)
    assert re.fullmatch(r"astronaut\.jpg \['\w+'\]\nbroken\.jpg cannot be read\n", done.stdout), done.stderr
    command, _ = re.findall(r"```bash\nfer-hub (.*?)\n```", PAGE, re.DOTALL)
    done = run(["-m", "fer_hub", *shlex.split(command)], tmp_path)
    assert done.returncode == 1 and "1 photograph, 0 without a face; 1 face" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces.parquet", "photos", "unreadable.txt"]
