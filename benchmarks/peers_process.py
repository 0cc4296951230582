"""What a process of `benchmarks.peers` does in the environment of a package, in which fer_hub is not installed.

    python -P benchmarks/peers_process.py fer first|speed|answers|alone FOLDER CORES
    python -P benchmarks/peers_process.py fer size FOLDER CORES PACKAGES

Every package is used as its own page shows it, with its defaults. Prints JSON; boxes are x0, y0, x1, y1 in pixels.
"""

import importlib.metadata
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

NAMES = {
    "anger": "angry", "angry": "angry", "disgust": "disgust", "fear": "fear", "happy": "happy", "sad": "sad",
    "sadness": "sad", "surprise": "surprise", "surprised": "surprise", "neutral": "neutral", "contempt": "contempt",
}  # fmt: skip
"""What packages call an expression → FER-2013's name."""

EDGE = 64
"""Width in pixels of the grey around the face of each image in `faces`."""

Analyse = Callable[[object], list[dict]]
"""A decoded photograph → for each face its `box` and its `emotions`, name → score."""


def fer(cores: int) -> tuple[Callable, Analyse, Callable]:
    import cv2
    from fer.fer import FER

    cv2.setNumThreads(cores)
    detector = FER()

    def analyse(image):
        found = detector.detect_emotions(image)
        return [{"box": _corners(each["box"]), "emotions": each["emotions"]} for each in found]

    return lambda path: cv2.imread(str(path)), analyse, map


def facex(cores: int) -> tuple[Callable, Analyse, Callable]:
    from concurrent.futures import ThreadPoolExecutor

    import cv2
    from facex import PoolManager

    cv2.setNumThreads(cores)
    pool = PoolManager(pool_size=cores)

    def analyse(image):
        return [{"box": _corners(each["bbox"]), "emotions": each["emot"]} for each in pool.predict(image)]

    def in_threads(function, items):
        with ThreadPoolExecutor(cores) as threads:
            yield from threads.map(function, items)

    return lambda path: cv2.imread(str(path)), analyse, in_threads


def fer_hub(cores: int) -> tuple[Callable, Analyse, Callable]:
    from fer_hub import FERPipeline, load_image

    pipeline = FERPipeline.from_pretrained()

    def faces(found):
        return [{"box": each.box, "emotions": dict(each.probabilities)} for each in found]

    def streamed(_, paths):
        return (faces(found) for found in pipeline.stream(paths, threads=cores))

    return load_image, lambda image: faces(pipeline(image)), streamed


PACKAGES = {"fer": fer, "facex": facex, "fer_hub": fer_hub}


def _corners(box: Iterable) -> list[float]:
    x, y, width, height = (float(value) for value in box)
    return [x, y, x + width, y + height]


def peak_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024, 1)


def emotion_of(faces: list[dict]) -> str | None:
    """The emotion with the highest score in the largest face, under FER-2013's name; `None` if there is no face."""
    if not faces:
        return None
    scores = max(faces, key=lambda face: (face["box"][2] - face["box"][0]) * (face["box"][3] - face["box"][1]))
    return NAMES[max(scores["emotions"], key=scores["emotions"].get)]


def installed_mb(packages: list[str]) -> float:
    """Size in MB of packages and all that they require, by the lists of files that were installed."""
    seen, left, size = set(), list(packages), 0
    while left:
        name = left.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen:
            continue
        seen.add(key)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        size += sum(path.stat().st_size for each in found.files or [] if (path := Path(each.locate())).is_file())
        # what is only for an extra, or another system, is not there or is not followed
        left += [re.split(r"[\s;<>=!~\[(]", need)[0] for need in found.requires or [] if "extra ==" not in need]
    return round(size / 1e6, 1)


def speed(package: str, folder: Path, cores: int) -> dict:
    """Photographs a second over `folder/photos` with their CPU time, CPU time of the frame, and peak memory."""
    load, analyse, together = PACKAGES[package](cores)
    photos = sorted((folder / "photos").glob("*.jpg"))
    frame, times = load(folder / "frame.jpg"), []
    for _ in range(10):
        begin = time.process_time()
        analyse(frame)
        times.append(1000 * (time.process_time() - begin))
    begin, cpu = time.perf_counter(), time.process_time()
    for _ in together(analyse, photos if together.__name__ == "streamed" else (load(path) for path in photos)):
        pass
    begin, cpu = time.perf_counter() - begin, time.process_time() - cpu
    return {"per_second": len(photos) / begin, "cpu_ms": 1000 * cpu / len(photos), "frame_ms": sorted(times)[5],
            "peak_mib": peak_mib()}  # fmt: skip


def answers(package: str, folder: Path) -> dict:
    """The emotion of every image in `folder/faces`, the boxes in each of `folder/groups`."""
    load, analyse, _ = PACKAGES[package](1)
    faces = [emotion_of(analyse(load(path))) for path in _files(folder / "faces")]
    return {"faces": faces, "groups": [[f["box"] for f in analyse(load(path))] for path in _files(folder / "groups")]}


def alone(package: str, folder: Path) -> dict:
    """The emotion that the network says of the face in every image of `folder/faces`, whose place is given."""
    import numpy as np

    load, _, _ = PACKAGES[package](1)
    images = [np.asarray(load(path))[EDGE:-EDGE, EDGE:-EDGE].copy() for path in _files(folder / "faces")]
    if package == "fer":
        from fer.fer import FER

        whole = FER(offsets=(0, 0))  # by default it expands the given box by 10 px
        rows = [whole.detect_emotions(each, face_rectangles=[(0, 0, *each.shape[1::-1])]) for each in images]
        rows = [row[0]["emotions"] for row in rows]
    elif package == "facex":
        from facex import PoolManager

        classifier = PoolManager(pool_size=1).pool[0]
        rows = [classifier.detect_emotion(each[..., 0]) for each in images]
    else:
        from fer_hub import FERPipeline

        rows = FERPipeline.from_pretrained().classify_crops(images)
    return {"alone": [NAMES[max(row, key=row.get)] for row in rows]}


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.iterdir())


def main() -> None:
    package, part, folder, cores = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    if part == "first":
        load, analyse, _ = PACKAGES[package](cores)
        found = len(analyse(load(folder / "frame.jpg")))
        print(json.dumps({"found": found, "peak_mib": peak_mib()}))
    elif part == "size":
        print(json.dumps({"mb": installed_mb(sys.argv[5:])}))
    elif part == "speed":
        print(json.dumps(speed(package, folder, cores)))
    else:
        print(json.dumps(answers(package, folder) if part == "answers" else alone(package, folder)))


if __name__ == "__main__":
    main()
