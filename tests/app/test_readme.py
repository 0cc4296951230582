"""Every snippet of the front page, the pages for Python and training, and the shipped cards runs.

The front page and docs/python.md are followed as a newcomer would: all their blocks, in order, as typed, in a fresh
copy of the repository and an environment in `.venv`. Of the others each block runs by itself, in a process that begins
with the large libraries imported. Trainings are cut short.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from fer_hub.data import load_fer2013
from fer_hub.data.ferplus import FERPLUS_VOTES
from fer_hub.model import FERConfig, FERForImageClassification
from tests.preloaded import LARGE, Preloaded
from tests.training.keras_2 import of_keras_2

ROOT = Path(__file__).resolve().parents[2]
CARDS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("checkpoints/*/README.md"))
PAGES = ("docs/training.md", "docs/photographs.md", *CARDS)
FOLLOWED = ("README.md", "docs/python.md")
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
    for name in ("fer_hub", "checkpoints", "examples", "recipes", "results"):
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
    always = {"path/or/hub-id", "path/to/checkpoint", "runs/mine/final", "runs/fer/final", "runs/base/final"}
    for name in always | named:
        shutil.copytree(ROOT / "checkpoints" / ("ferplus" if name.endswith("second") else "fer2013"), folder / name)
    for emotion in ("happy", "neutral"):
        photos = folder / "path" / "to" / "photos" / emotion
        photos.mkdir(parents=True)
        for number in range(6):
            shutil.copy(ROOT / "examples" / "astronaut.jpg", photos / f"{number}.jpg")
    (folder / "path" / "to" / "people").mkdir()
    lines = ["file_name,label,age,camera"]
    for number in range(12):
        shutil.copy(photos / "0.jpg", folder / "path" / "to" / "people" / f"{number}.jpg")
        lines.append(f"{number}.jpg,{('happy', 'neutral')[number % 2]},{20 + number},phone")
    (folder / "path" / "to" / "people" / "metadata.csv").write_text("\n".join(lines) + "\n")
    model = FERForImageClassification(FERConfig(architecture="scratch_cnn"))
    torch.save(model.network.state_dict(), folder / "path" / "to" / "best_model.pth")
    write_keras_files(folder)
    return folder


def write_keras_files(folder: Path) -> None:
    """model.h5, and model.json with weights.h5, of one small network of seven classes."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layers = [keras.layers.Input((48, 48, 1)), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten()]
    network = keras.Sequential([*layers, keras.layers.Dense(7, activation="softmax")])
    network.save(folder / "model.h5")
    of_keras_2(network, folder)


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


@pytest.fixture
def fresh(tmp_path, small_csv):
    """A fresh copy of the repository with an environment in .venv, Kaggle's CSV, photographs and a video."""
    folder = tmp_path / "fer_hub"
    left_out = ("__pycache__", ".*", "runs", "tests", "node_modules")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    [packages] = folder.glob(".venv/lib/python*/site-packages")
    (packages / "those_of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / "path" / "to" / "fer2013").mkdir(parents=True)
    shutil.copy(small_csv, folder / "path" / "to" / "fer2013" / "fer2013.csv")
    for emotion in ("happy", "neutral"):
        photos = folder / "path" / "to" / "photos" / emotion
        photos.mkdir(parents=True)
        for number in range(6):
            shutil.copy(ROOT / "examples" / "astronaut.jpg", photos / f"{number}.jpg")
    make_video(folder / "clip.mp4")
    return folder


def followed(page: str) -> list[str]:
    """The blocks of a page in their order, as a newcomer types them into a shell."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(bash|python)\n(.*?)^```", text, re.M | re.S)
    return [code if language == "bash" else f"python - <<'SNIPPET'\n{code}SNIPPET\n" for language, code in found]


CUT = "--max-steps 1 --eval-strategy no --save-strategy no --load-best-model-at-end False"
"""What makes a training short, whatever it trains."""

SHELL_START = f"""python() {{
    if [ "$1" = train.py ]; then command python "$@" {CUT}; else command python "$@"; fi
}}
"""
"""Before what a newcomer types: trainings end after a step."""

WINDOW = (("cv2.VideoCapture(0)", 'cv2.VideoCapture("clip.mp4")'), ('cv2.imshow("fer_hub", ', "print(type("),
          ("cv2.waitKey(1)", "-1"), ("))[:, :, ::-1])", "))[:, :, ::-1]))"))  # fmt: skip
"""The webcam loop reads a file and opens no window here: machines that test have neither camera nor screen."""


@pytest.mark.slow
@pytest.mark.parametrize("page", FOLLOWED)
def test_a_newcomer_can_follow_the_page(page, fresh, request):
    if sys.platform == "win32" or not shutil.which("bash"):
        pytest.skip("needs bash")
    script = "".join(code for code in followed(page) if code.strip() not in COVERED_ELSEWHERE)
    if page != "README.md":
        script = f"source .venv/bin/activate\n{script}"
    if "http://127.0.0.1:7860" in script:
        script = script.replace("http://127.0.0.1:7860", request.getfixturevalue("app_url"))
    for shown, here in WINDOW:
        assert page == "README.md" or shown in script
        script = script.replace(shown, here)
    command = ["bash", "-euc", SHELL_START + script]
    result = subprocess.run(command, cwd=fresh, env=environment(fresh), capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    if page == "README.md":
        assert (
            result.stdout.startswith("(") and "] happy" not in result.stdout and ") happy ReadOnly({" in result.stdout
        )
        assert re.search(r"\[\{'label': 'happy', 'score': 0\.[89]", result.stdout)  # transformers alone, on the crop
        assert (fresh / "faces.csv").is_file() and (fresh / "runs" / "fer" / "final" / "README.md").is_file()


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(folder / "hf")}


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """What runs Python's words in a folder, with all that `environment` says."""
    folder = tmp_path_factory.mktemp("python")
    with Preloaded(LARGE, folder, environment(folder)) as interpreter:
        yield interpreter.run


@pytest.mark.parametrize(("page", "number"), PYTHON)
def test_python_blocks_run(page, number, clone, python, request):
    code = blocks(page, "python")[number]
    if "http://127.0.0.1:7860" in code:
        code = code.replace("http://127.0.0.1:7860", request.getfixturevalue("app_url"))
    result = python(["-c", code], clone)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() or "print(" not in code


@pytest.mark.parametrize("line", SHELL, ids=[f"{SHELL[line]}-{line[:70]}" for line in SHELL])
def test_shell_lines_run(line, clone, python):
    if line in COVERED_ELSEWHERE:
        return
    known = {"python": [], "fer-hub": ["-m", "fer_hub"]}
    first, *words = line.split()
    assert first in known, f"{SHELL[line]}: no rule for {line!r}; a new kind of command needs one here"
    command = [*known[first], *words]
    if "train.py" in line:  # the same command, cut short: a tiny network for one step
        command += [*CUT.split(), "--per-device-train-batch-size", "8"]
        command += ["--output-dir", str(clone / "runs" / f"new{list(SHELL).index(line)}")]
    result = python(command, clone)
    assert result.returncode == 0, result.stderr


def test_the_figures_are_those_of_the_files():
    """Also where docs/make.py runs as a program; tests/house/test_numbers.py says which are not."""
    command = [sys.executable, "docs/make.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, env=environment(ROOT), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
