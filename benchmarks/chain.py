"""The chain from photograph to expressions against its floor, in ratios of one run; writes results/chain.json.

    python -m benchmarks.chain                                  # photo, start, cores, predict, video; some minutes
    python -m benchmarks.chain photo start
    python -m benchmarks.chain equal --data path/to/fer2013 --groups path/to/group_photographs
    python -m benchmarks.chain calls stream                     # 5,000 calls, and 100,000 pictures streamed: an hour
    python -m benchmarks.chain before --revision be9adb7^       # a version of the history, in a work tree of its own

photo: CPU time of one face in 640x480 pixels and of twenty in 1280x960, against one pass of MediaPipe's own BlazeFace
and the network on ONNX Runtime. start: CPU time of a new process from its first line to its first result, and its peak
memory, against `import onnxruntime, numpy, PIL` with both networks loaded, and against PyTorch; the modules of all are
compiled before, as those of installed packages are. cores: photographs a second through
`FERPipeline.stream` over a folder on one core and on two, in turns, the best of all rounds of each, as other load only
slows. predict: photographs a second of `fer-hub predict` with one worker and with two, from start to end. video:
frames a second of a CPU. equal: ONNX Runtime against PyTorch. calls, stream: memory of a process on the way. Parts
that are not asked for keep the figures of an earlier run. The exit code is 1 if a goal is missed.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from benchmarks.collage import PORTRAITS, background, person
from benchmarks.video_memory import make_video
from fer_hub.files import read_json, write_json
from fer_hub.hub.shipped import default_checkpoint

ROOT = Path(__file__).resolve().parent.parent
PROCESS = Path(__file__).with_name("chain_process.py")
YUNET = ROOT / "fer_hub" / "assets" / "face_detection" / "yunet_n_dynamic.onnx"

GOALS = {
    "one face": ("at most", 1.5),
    "twenty faces": ("at most", 4.0),
    "two cores": ("at least", 1.8),
    "two workers": ("at least", 1.8),
    "start": ("at most", 1.3),
    "start, of PyTorch's": ("at most", 0.25),
    "peak memory": ("at most", 220.0),
    "logits apart": ("at most", 1e-4),
    "other faces": ("at most", 0.0),
    "calls, memory": ("at most", 1.05),
    "stream, memory": ("at most", 1.05),
}
"""Figure of `reached` → what it shall be."""

STARTS = {
    "default": {},
    "YuNet alone": {"detection_model": "yunet"},
    "PyTorch": {"runtime": "torch"},
}
"""Ways to start: options of `FERPipeline.from_pretrained`."""

SIDE, PHOTOS = 350, 48
"""Side of the folder's photographs in pixels, and how many there are."""


def environment(root: Path = ROOT) -> dict[str, str]:
    """That of processes in which fer_hub is that of `root` and its modules are compiled once, not in each."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "FER_HUB_QUIET": "1"}


def run(part: str, arguments: dict, root: Path = ROOT) -> dict:
    """The figures of `chain_process` and the CPU seconds of that process, in which fer_hub is that of `root`."""
    command = [sys.executable, "-P", str(PROCESS), part, json.dumps(arguments)]
    with subprocess.Popen(command, cwd=root, env=environment(root), stdout=subprocess.PIPE, text=True) as process:
        told = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{part} ended with code {process.returncode}; see its lines above.")
    return {**json.loads(told.splitlines()[-1]), "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3)}


PEOPLE = {
    "one": ((1, 1), 130, (640, 480)),
    "tilted": ((1, 1), 130, (640, 480)),
    "one_large": ((1, 1), 130, (1280, 960)),
    "twenty": ((4, 5), 80, (1280, 960)),
    "small": ((4, 5), 40, (1280, 960)),
}
"""Photograph → rows and columns of people, width of their faces, and size, in pixels."""

TILT = 20.0
"""Degrees by which the head of "tilted" is turned."""


def made_photos(folder: Path) -> dict[str, str]:
    """JPEG files of `PEOPLE`."""
    found = {}
    for name, (rows, width, size) in PEOPLE.items():
        found[name] = str(folder / f"{name}.jpg")
        in_rows(rows, width, size, TILT if name == "tilted" else 0.0).save(found[name], quality=92)
    return found


def in_rows(rows: tuple[int, int], face_width: float, size: tuple[int, int], tilt: float = 0.0) -> Image.Image:
    """So many rows of so many people, all with faces of one width in pixels, tilted by so many degrees.

    Example:
        >>> in_rows((2, 3), 40, (640, 480)).size
        (640, 480)
    """
    names = sorted(PORTRAITS, reverse=True)  # the head of the second leans a little
    photo = background("gradient", size, np.random.default_rng(0))
    for index in range(rows[0] * rows[1]):
        cut, mask, _ = person(names[index % 2], face_width, tilt)
        down, along = divmod(index, rows[1])
        middle = (size[0] * (along + 0.5) / rows[1], size[1] * (down + 0.5) / rows[0])
        photo.paste(cut, (round(middle[0] - cut.width / 2), round(middle[1] - cut.height / 2)), mask)
    return photo


def made_folder(folder: Path) -> list[str]:
    """JPEG files of 350 px from those of examples/, mirrored and lit differently."""
    chosen, paths = random.Random(0), []
    examples = sorted((ROOT / "examples").glob("*.jpg"))
    for number in range(PHOTOS):
        with Image.open(examples[number % len(examples)]) as image:
            photo = ImageOps.contain(image.convert("RGB"), (SIDE, SIDE))
        photo = ImageEnhance.Brightness(ImageOps.mirror(photo) if number % 2 else photo).enhance(
            chosen.uniform(0.8, 1.2)
        )
        paths.append(str(folder / f"{number:02}.jpg"))
        photo.save(paths[-1], quality=90)
    return paths


def photo(options: argparse.Namespace, folder: Path) -> dict:
    return {"rounds": options.rounds, **run("turns", {"photos": made_photos(folder), "rounds": options.rounds})}


def start(options: argparse.Namespace, folder: Path) -> dict:
    one = made_photos(folder)["one"]
    networks = [str(YUNET), str(default_checkpoint() / "model.onnx")]
    rows: dict[str, list[dict]] = {"floor": [], **{name: [] for name in STARTS}}
    for given in STARTS.values():  # compiles what is not yet
        run("first", {"photo": one, "options": given})
    for _ in range(options.starts):
        rows["floor"].append(run("nothing", {"networks": networks}))
        for name, given in STARTS.items():
            rows[name].append(run("first", {"photo": one, "options": given}))
            print(f"start, {name}: {rows[name][-1]}", flush=True)
    return {name: {"cpu_seconds": _median([each["cpu_seconds"] for each in found]),
                   "peak_mib": _median([each["peak_mib"] for each in found])}
            for name, found in rows.items()}  # fmt: skip


def cores(options: argparse.Namespace, folder: Path, root: Path = ROOT) -> dict:
    """One core, two threads on two, and as the most that can be two processes, each on a core of its own."""
    given = {"photos": made_folder(folder), "rounds": options.cycles}
    rows: dict[str, list[dict]] = {"one core": [], "two cores": [], "two processes": []}
    for _ in range(options.turns):
        rows["one core"].append(run("folder", {**given, "cores": [0]}, root))
        rows["two cores"].append(run("folder", {**given, "cores": [0, 1]}, root))
        with ThreadPoolExecutor() as pool:
            pair = list(pool.map(lambda core: run("folder", {**given, "cores": [core]}, root), (0, 1)))
        rows["two processes"].append({key: sum(each[key] for each in pair) for key in pair[0]})
        print(f"cores: { {name: found[-1] for name, found in rows.items()} }", flush=True)
    best = {name: max(found, key=lambda row: row["per_second"]) for name, found in rows.items()}
    return {name: {"per_second": round(row["per_second"], 1), "peak_mib": row["peak_mib"]}
            for name, row in best.items()}  # fmt: skip


def predict(options: argparse.Namespace, folder: Path) -> dict:
    """`fer-hub predict` over a large folder, whole runs in turns; the best of each number of workers."""
    photos = made_folder(folder)
    large = folder / "large"
    large.mkdir()
    for number in range(options.folder):
        (large / f"{number:05}.jpg").hardlink_to(photos[number % len(photos)])
    best = {1: 0.0, 2: 0.0}
    for _ in range(options.turns):
        for workers in best:
            command = [sys.executable, "-m", "fer_hub", "predict", str(large), "--quiet", "--workers", str(workers)]
            begun = time.perf_counter()
            subprocess.run([*command, "--output", str(folder / "faces.csv")], check=True, env=environment())
            best[workers] = max(best[workers], options.folder / (time.perf_counter() - begun))
            print(f"predict, {workers}: {best[workers]:.1f} a second", flush=True)
    return {"photographs": options.folder, "one worker": round(best[1], 1), "two workers": round(best[2], 1)}


def video(options: argparse.Namespace, folder: Path) -> dict:
    path = folder / "video.mp4"
    make_video(path, 8, (640, 480), 25, people=1)
    result = {}
    for name, output in (("analysed", None), ("analysed and written", str(folder / "out.mp4"))):
        result[name] = round(run("video", {"source": str(path), "output": output})["frames_per_second"], 1)
    return result


def equal(options: argparse.Namespace, folder: Path) -> dict:
    from benchmarks.alternatives import read_test

    if options.data is None:
        raise SystemExit("equal needs --data, the folder with FER-2013's test-*.parquet.")
    images, _ = read_test(options.data)
    drawn = random.Random(0).sample(range(len(images)), options.crops)
    np.save(folder / "crops.npy", np.stack([np.asarray(images[index]) for index in drawn]))
    photos = [str(path) for path in sorted((ROOT / "examples").glob("*.jpg"))]
    if options.groups is not None:
        from benchmarks.marked_faces import marked_photographs

        for index, marked in zip(range(options.photographs), marked_photographs(options.groups), strict=False):
            photos.append(str(folder / f"group{index}.png"))
            marked.image.save(photos[-1], compress_level=1)
    return run("equal", {"crops": str(folder / "crops.npy"), "count": options.crops, "photos": photos})


def calls(options: argparse.Namespace, folder: Path) -> dict:
    return run("many", {"count": options.calls, "streamed": False})


def stream(options: argparse.Namespace, folder: Path) -> dict:
    return run("many", {"count": options.pictures, "streamed": True})


def before(options: argparse.Namespace, folder: Path) -> dict:
    """A version of the history: one photograph and twenty faces, start and memory, one core and two."""
    tree = folder / "before"
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.check_output([*git, "rev-parse", "--short", options.revision], text=True)
    subprocess.run([*git, "worktree", "add", "-q", "--detach", str(tree), options.revision], check=True)
    try:
        photos = made_photos(folder)
        given = {"photo": photos["one"], "options": {}}
        first = [run("first", given, tree) for _ in range(1 + options.starts)][1:]
        return {
            "commit": commit.strip(),
            **run("alone", {"photos": photos, "rounds": options.rounds}, tree),
            "start": {key: _median([each[key] for each in first]) for key in ("cpu_seconds", "peak_mib")},
            "cores": cores(options, folder, tree),
        }
    finally:
        subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True)


PARTS: dict[str, Callable[[argparse.Namespace, Path], dict]] = {
    each.__name__: each for each in (photo, start, cores, predict, video, equal, calls, stream, before)
}
USUAL = ("photo", "start", "cores", "predict", "video")


def reached(figures: dict) -> dict[str, float]:
    """Key of `GOALS` → ratio or figure; what was not measured is left out."""
    found: dict[str, float] = {}
    if "photo" in figures:
        times = figures["photo"]["milliseconds"]
        found["one face"] = times["one face"] / (times["one BlazeFace pass"] + times["network, one face"])
        found["twenty faces"] = times["twenty faces, 1280x960"] / times["one face"]
    if "cores" in figures:
        found["two cores"] = figures["cores"]["two cores"]["per_second"] / figures["cores"]["one core"]["per_second"]
    if "predict" in figures:
        found["two workers"] = figures["predict"]["two workers"] / figures["predict"]["one worker"]
    if "start" in figures:
        seconds = {name: row["cpu_seconds"] for name, row in figures["start"].items()}
        found["start"] = seconds["default"] / seconds["floor"]
        found["start, of PyTorch's"] = seconds["default"] / seconds["PyTorch"]
        found["peak memory"] = figures["start"]["default"]["peak_mib"]
    if "equal" in figures:
        found["logits apart"] = figures["equal"]["crops"]["logits_apart"]
        found["other faces"] = figures["equal"]["photographs"]["other_faces"]
    for part in ("calls", "stream"):
        if part in figures:
            found[f"{part}, memory"] = figures[part]["mib"]["100 %"] / figures[part]["mib"]["10 %"]
    return found


def judged(figures: dict) -> dict[str, dict]:
    """What was reached, what shall be, and whether it is."""
    result = {}
    for name, value in reached(figures).items():
        word, goal = GOALS[name]
        met = value <= goal if word == "at most" else value >= goal
        result[name] = {"reached": float(f"{value:.3g}"), word: goal, "met": bool(met)}
    return result


def _median(values: list[float]) -> float:
    return round(float(np.median(values)), 3)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", default=USUAL, metavar="PART", help=f"{', '.join(PARTS)} ({' '.join(USUAL)})"
    )
    parser.add_argument("--rounds", type=int, default=40, help="of photo and before (%(default)s)")
    parser.add_argument("--starts", type=int, default=5, help="processes of each way to start (%(default)s)")
    parser.add_argument("--turns", type=int, default=4, help="of cores and predict (%(default)s)")
    parser.add_argument("--folder", type=int, default=1920, help="photographs of predict (%(default)s)")
    parser.add_argument("--cycles", type=int, default=6, help="over the folder in each turn of cores (%(default)s)")
    parser.add_argument("--crops", type=int, default=1000, help="of equal (%(default)s)")
    parser.add_argument("--photographs", type=int, default=40, help="of groups, of equal (%(default)s)")
    parser.add_argument("--calls", type=int, default=5000, help="(%(default)s)")
    parser.add_argument("--pictures", type=int, default=100_000, help="of stream (%(default)s)")
    parser.add_argument("--data", type=Path, help="FER-2013 as parquet, for equal")
    parser.add_argument("--groups", type=Path, help="photographs with marked faces as parquet, for equal")
    parser.add_argument("--revision", default="HEAD", help="git's name of a version, for before (%(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "chain.json", help="(%(default)s)")
    options = parser.parse_args(argv)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"parts must be of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}.")
    figures = read_json(options.output)
    for name in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            figures[name] = PARTS[name](options, Path(folder))
        print(f"{name}: {json.dumps(figures[name])}", flush=True)
        figures = {
            "machine": {"architecture": platform.machine(), "python": platform.python_version(),
                        **{each: version(each) for each in ("onnxruntime", "mediapipe", "numpy", "torch")}},
            **{part: figures[part] for part in PARTS if part in figures},
            "goals": judged(figures),
        }  # fmt: skip
        write_json(options.output, figures)
    for name, row in figures["goals"].items():
        word, goal = next((word, row[word]) for word in ("at most", "at least") if word in row)
        print(f"{name:22} {row['reached']:10.3g} {word} {goal:g}{'' if row['met'] else ', missed'}")
    return int(not all(row["met"] for row in figures["goals"].values()))


if __name__ == "__main__":
    raise SystemExit(main())
