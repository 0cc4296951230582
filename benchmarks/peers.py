"""fer_hub beside packages whose networks come with them, all measured in the same run; writes results/peers.json.

    python -m benchmarks.peers path/to/environments --data path/to/fer2013 --groups path/to/group_photographs

Makes an environment for each package in the folder, where there is none yet, from PyPI and npm: `fer`, `facex` and
`@vladmandic/face-api`. Each is used as its own page shows it, with its defaults, on one core: CPU milliseconds of a
frame of 640x480 with one face; photographs of 350 px a second, also on two cores in the way that the package has for
them; CPU seconds from the first line of a new process to the first result; peak memory; size of what was installed;
accuracy on FER-2013's test images, enlarged to 192 px on a canvas of 320 px, which OpenCV's detector needs, through
detector and network of the package, and of the network alone, told where the face is; recall of faces from 24 px and
precision on photographs of groups. Samples are drawn with a seed; what is not measured keeps its earlier figures.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.alternatives import on_canvas, photograph, read_test
from benchmarks.chain import made_folder, made_photos
from benchmarks.marked_faces import marked_photographs, match
from fer_hub.files import read_json, write_json
from fer_hub.hub.card_facts import wilson
from fer_hub.hub.shipped import default_checkpoint
from fer_hub.results import Face

ROOT = Path(__file__).resolve().parent.parent

PYTHON = {"fer": ["-r", str(ROOT / "benchmarks" / "alternatives-requirements.txt")],
          "facex": ["facex==1.1.0"]}  # fmt: skip
NODE = {"face-api": ["@vladmandic/face-api@1.7.15", "@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0",
                     "jpeg-js@0.4.4"]}  # fmt: skip
"""Environment → what pip or npm installs in it."""

NOT_MEASURED = {
    "deepface": "no network is in its wheel; it fetches them when first used, from no package registry",
    "rmn": "the same",
    "hsemotion-onnx": "the same",
    "emotiefflib": "the same",
}

PARTS = ("answers", "alone", "speed")

PHOTOS = 24
"""Photographs of the folder."""

LEAST_HEIGHT = 24
"""Height in pixels of the faces whose recall is measured."""

ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "{cores}"),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "FER_HUB_QUIET": "1",
}


def install(folder: Path) -> None:
    """Make the environments that are not there yet."""
    for name, packages in PYTHON.items():
        if not (folder / name / "bin" / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
            subprocess.run([folder / name / "bin" / "python", "-m", "pip", "install", "-q", *packages], check=True)
    for name, packages in NODE.items():
        if not (folder / name / "node_modules").exists():
            (folder / name).mkdir(parents=True, exist_ok=True)
            options = ["--prefix", folder / name, "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run([shutil.which("npm") or "npm", "install", *options, *packages], check=True)


def run(environments: Path, name: str, part: str, folder: Path, cores: int = 1, *more: str) -> dict:
    """The figures of a process in a package's environment, and its CPU seconds."""
    given = {key: value.format(cores=cores) for key, value in ONE_THREAD.items()}
    environment = {**os.environ, **given}
    if name in NODE:
        command = ["node", str(ROOT / "benchmarks" / "peers_face_api.mjs"), str(environments / name), part]
    else:
        python = sys.executable if name == "fer_hub" else str(environments / name / "bin" / "python")
        if name == "fer_hub":
            environment["PYTHONPATH"] = str(ROOT)
        command = [python, "-P", str(ROOT / "benchmarks" / "peers_process.py"), name, part]
    command += [str(folder), str(cores), *more]
    own = sorted(os.sched_getaffinity(0))[:cores]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, own)
    ) as process:
        told = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name}, {part} ended with code {process.returncode}; see its lines above.")
    return {**json.loads(told.splitlines()[-1]), "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2)}


def prepared(folder: Path, options: argparse.Namespace) -> tuple[list[str], list]:
    """Write what all packages get into a folder; returns the labels of the faces, and the marked photographs."""
    (folder / "photos").mkdir()
    made_folder(folder / "photos")
    for path in sorted((folder / "photos").iterdir())[PHOTOS:]:
        path.unlink()
    Path(made_photos(folder)["one"]).rename(folder / "frame.jpg")
    images, emotions = read_test(options.data)
    drawn = sorted(random.Random(0).sample(range(len(images)), options.images))
    (folder / "faces").mkdir()
    for index in drawn:
        canvas = on_canvas(photograph(images[index]))
        canvas.convert("RGB").save(folder / "faces" / f"{index:05}.jpg", quality=98)
    marked = list(marked_photographs(options.groups))
    marked = [marked[index] for index in sorted(random.Random(0).sample(range(len(marked)), options.photographs))]
    (folder / "groups").mkdir()
    for index, each in enumerate(marked):
        each.image.save(folder / "groups" / f"{index:03}.jpg", quality=95)
    return [emotions[index] for index in drawn], marked


def accuracy(answers: list[str | None], emotions: list[str]) -> dict:
    """Share of right answers with its 95 % interval, and how many faces were missed, which count as wrong."""
    right = sum(answer == emotion for answer, emotion in zip(answers, emotions, strict=True))
    return {
        "accuracy": round(right / len(emotions), 4),
        "interval": [round(edge, 4) for edge in wilson(right, len(emotions))],
        "missed": answers.count(None),
    }


def found(boxes: list[list], marked: list) -> dict:
    """Recall of the faces of at least `LEAST_HEIGHT` px, with their number, and precision, at an overlap of 0.4."""
    seen = faces = right = wrong = 0
    for given, photo in zip(boxes, marked, strict=True):
        which, counts = match([Face(tuple(box), 1.0) for box in given], photo)
        right += int(((which >= 0) & counts).sum())
        wrong += int((which < 0).sum())
        large = photo.counts & (photo.heights >= LEAST_HEIGHT)
        faces += int(large.sum())
        seen += int(np.isin(np.flatnonzero(large), which).sum())
    return {
        "faces": faces,
        "recall": round(seen / faces, 4),
        "interval": [round(edge, 4) for edge in wilson(seen, faces)],
        "precision": round(right / max(1, right + wrong), 4),
    }


def size(environments: Path, name: str, folder: Path) -> float:
    """MB of what was installed for a package; for fer_hub of its own files and of what it requires."""
    if name in NODE:
        files = [path for path in (environments / name / "node_modules").rglob("*") if path.is_file()]
        return round(sum(path.stat().st_size for path in files) / 1e6, 1)
    if name != "fer_hub":
        return run(environments, name, "size", folder, 1, name)["mb"]
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    own = [path for top in (ROOT / "fer_hub", default_checkpoint()) for path in top.rglob("*") if path.is_file()]
    names = [need.partition(">")[0] for need in needed]
    return round(run(environments, name, "size", folder, 1, *names)["mb"] + sum(p.stat().st_size for p in own) / 1e6, 1)


def speed(environments: Path, name: str, folder: Path, rounds: int) -> dict:
    """Times and memory; the best of all rounds, as other load only slows, and medians of CPU times."""
    starts = [run(environments, name, "first", folder) for _ in range(rounds)]
    one, two = ([run(environments, name, "speed", folder, cores) for _ in range(rounds)] for cores in (1, 2))
    return {
        "start_seconds": float(np.median([each["cpu_seconds"] for each in starts])),
        "frame_ms": round(float(np.median([each["frame_ms"] for each in one])), 1),
        "cpu_ms": round(float(np.median([each["cpu_ms"] for each in one])), 1),
        "per_second": [round(max(each["per_second"] for each in found), 1) for found in (one, two)],
        "peak_mib": max(each["peak_mib"] for each in one),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environments", type=Path, help="folder for the packages' environments, some GB")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013 as parquet")
    parser.add_argument("--groups", type=Path, required=True, help="photographs with marked faces as parquet")
    parser.add_argument("--images", type=int, default=500, help="of FER-2013's test split (%(default)s)")
    parser.add_argument("--photographs", type=int, default=40, help="of groups (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each kind for speed (%(default)s)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="(both)")
    names = ["fer_hub", *PYTHON, *NODE]
    parser.add_argument("--packages", nargs="+", choices=names, default=names, help="(all)")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "peers.json", help="(%(default)s)")
    options = parser.parse_args(argv)
    install(options.environments)
    rows = read_json(options.output).get("rows", {})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        emotions, marked = prepared(folder, options)
        for name in options.packages:
            row = rows.setdefault(name, {})
            if "answers" in options.parts:
                said = run(options.environments, name, "answers", folder)
                row["faces"], row["groups"] = accuracy(said["faces"], emotions), found(said["groups"], marked)
                row["installed_mb"] = size(options.environments, name, folder)
            if "alone" in options.parts:
                row["alone"] = accuracy(run(options.environments, name, "alone", folder)["alone"], emotions)
            if "speed" in options.parts:
                row |= speed(options.environments, name, folder, options.rounds)
            print(f"{name}: {json.dumps(row)}", flush=True)
    packages = {
        name: [each for each in needs if not each.startswith(("-r", "/"))] for name, needs in {**PYTHON, **NODE}.items()
    }
    figures = {"date": date.today().isoformat(), "packages": packages, "images": options.images}
    figures |= {"photographs": options.photographs, "seed": 0, "rows": rows, "not_measured": NOT_MEASURED}
    write_json(options.output, figures)


if __name__ == "__main__":
    main()
