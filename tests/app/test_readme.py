"""Every snippet of front page, training page and shipped cards runs: Python blocks and shell lines, as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fer_hub.data import load_fer2013
from fer_hub.data.ferplus import FERPLUS_VOTES
from fer_hub.model import FERConfig, FERForImageClassification

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/training.md", "checkpoints/fer2013/README.md", "checkpoints/ferplus/README.md")
COVERED_ELSEWHERE = {
    "python3 start.py": "tests/house/test_start.py starts it; tests/app starts what it starts",
    "python3 start.py test": ".ci/run runs it",
}
"""Lines that a test of the suite cannot run inside itself, and who does."""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


PYTHON = [(page, number) for page in PAGES for number in range(len(blocks(page, "python")))]
SHOWN = [
    (line.partition("  #")[0].strip(), page)
    for page in PAGES
    for block in blocks(page, "bash")
    for line in block.splitlines()
    if line and not line.startswith("#")
]
"""(Command, page) without the comment beside it."""

SHELL = {line: next(page for each, page in SHOWN if each == line) for line, _ in SHOWN}
"""Command → the first page that shows it. Pages share some of them, and one run tells what there is to know."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory, small_csv, tiny_checkpoint):
    """A copy of what the snippets name: the package, scripts, examples and checkpoint, and stand-ins for "path/to"."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("fer_hub", "checkpoints", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("train.py", "app.py", "model_card.md", "requirements.txt", "packages.txt", "README.md", "NOTICE"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE")
    shutil.copy(ROOT / "examples" / "astronaut.jpg", folder / "photo.jpg")
    shutil.copy(ROOT / "examples" / "astronaut.jpg", folder / "face.png")
    make_video(folder / "clip.mp4")
    (folder / "path" / "to").mkdir(parents=True)
    (folder / "path" / "to" / "fer2013").mkdir()
    votes = folder / "path" / "to" / "fer2013new.csv"
    write_votes(small_csv, votes)
    for split, faces in load_fer2013(small_csv, ferplus_csv=votes).items():
        faces.to_parquet(folder / "path" / "to" / "fer2013" / f"{split}.parquet")
    named = {match for line in SHELL for match in re.findall(r"\bruns/[\w-]+/(?:final|second)\b", line)}
    for name in {"path/or/hub-id", "path/to/checkpoint", "runs/mine/final", "runs/fer/final", *named}:
        shutil.copytree(ROOT / "checkpoints" / ("ferplus" if name.endswith("second") else "fer2013"), folder / name)
    for emotion in ("happy", "neutral"):
        photos = folder / "path" / "to" / "photos" / emotion
        photos.mkdir(parents=True)
        for number in range(6):
            shutil.copy(ROOT / "examples" / "astronaut.jpg", photos / f"{number}.jpg")
    model = FERForImageClassification(FERConfig(architecture="scratch_cnn"))
    torch.save(model.network.state_dict(), folder / "path" / "to" / "best_model.pth")
    return folder


def write_votes(images: Path, path: Path) -> None:
    """FER+'s file for a Kaggle CSV: all ten votes for what the label says."""
    order = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # of the labels
    lines = [",".join(["Usage", "Image name", *FERPLUS_VOTES])]
    for number, row in enumerate(images.read_text().splitlines()[1:]):
        label, _, usage = row.split(",")
        votes = ("10" if name == order[int(label)] else "0" for name in FERPLUS_VOTES)
        lines.append(",".join([usage, f"fer{number:07}.png", *votes]))
    path.write_text("\n".join(lines) + "\n")


def make_video(path: Path) -> None:
    """Half a second of the astronaut."""
    import av
    from PIL import Image

    with Image.open(ROOT / "examples" / "astronaut.jpg") as photo, av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 256
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_image(photo.convert("RGB").resize((256, 256)))
        for _ in range(5):
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(folder / "hf")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(("page", "number"), PYTHON)
def test_python_blocks_run(page, number, clone, request):
    code = blocks(page, "python")[number]
    if "http://127.0.0.1:7860" in code:
        code = code.replace("http://127.0.0.1:7860", request.getfixturevalue("app_url"))
    result = run([sys.executable, "-c", code], clone)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() or "print(" not in code


@pytest.mark.parametrize("line", SHELL, ids=[f"{SHELL[line]}-{line[:70]}" for line in SHELL])
def test_shell_lines_run(line, clone):
    if line in COVERED_ELSEWHERE:
        return
    program, *words = line.split()
    programs = {"python": [], "fer-hub": ["-m", "fer_hub"]}
    assert program in programs, f"{SHELL[line]}: no rule for {line!r}; a new kind of command needs one here"
    command = [sys.executable, *programs[program], *words]
    if words[0] in ("train.py", "train"):  # the same command, cut short: a tiny network for one step
        command += ["--max_steps", "1", "--eval_strategy", "no", "--save_strategy", "no"]
        command += ["--load_best_model_at_end", "False", "--per_device_train_batch_size", "8"]
        command += ["--output_dir", str(clone / "runs" / f"new{list(SHELL).index(line)}")]
    result = run(command, clone)
    assert result.returncode == 0, result.stderr


def test_the_figures_are_those_of_the_files():
    result = run([sys.executable, "docs/make.py", "--check"], ROOT)
    assert result.returncode == 0, result.stderr
