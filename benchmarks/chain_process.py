"""What a process of `benchmarks.chain` does: `python -P benchmarks/chain_process.py NAME ARGUMENTS-AS-JSON`.

Prints its figures as JSON. Imports nothing before it must, so that start and memory are those of fer_hub.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def memory(key: str) -> float:
    """Resident memory of this process in MiB: "VmHWM" the highest so far, "VmRSS" now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(key + ":")) / 1024, 1)


def on_cores(*positions: int) -> None:
    """Keep this process and its threads on the cores at these positions among those that it may use."""
    own = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, [own[position] for position in positions])


def nothing(networks: list[str]) -> dict:
    """The least that a start can take: ONNX Runtime, NumPy and Pillow, and both networks loaded."""
    import numpy  # noqa: F401
    import onnxruntime
    import PIL.Image  # noqa: F401

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    sessions = [onnxruntime.InferenceSession(each, options, providers=["CPUExecutionProvider"]) for each in networks]
    return {"networks": len(sessions), "peak_mib": memory("VmHWM")}


def first(photo: str, options: dict) -> dict:
    """The first result of a new process."""
    from fer_hub import FERPipeline

    with FERPipeline.from_pretrained(**options) as pipeline:
        found = len(pipeline(photo))
    return {"found": found, "peak_mib": memory("VmHWM"), "torch": "torch" in sys.modules}


def turns(photos: dict[str, str], rounds: int) -> dict:
    """CPU milliseconds on one core, interleaved: photographs through the chain, and what they are compared with.

    That is the network, and one pass of BlazeFace by MediaPipe itself over the photograph of one face.
    """
    import numpy as np

    from benchmarks.timing import in_turns
    from fer_hub import FERPipeline, load_image
    from fer_hub.detection.blazeface import BlazeFace

    on_cores(0)
    loaded = {name: load_image(path) for name, path in photos.items()}
    with FERPipeline.from_pretrained() as pipeline, FERPipeline.from_pretrained(detection_model="yunet") as yunet:
        blazeface, size = BlazeFace("short_range", 0.3), pipeline.model.config.image_size
        pixels = np.random.default_rng(0).random((20, 1, size, size), np.float32)
        calls = {
            "one BlazeFace pass": lambda: blazeface.find(loaded["one"]),
            "network, one face": lambda: pipeline.model(pixels[:1]),
            "network, twenty faces": lambda: pipeline.model(pixels),
            "one face": lambda: pipeline(loaded["one"]),
            "one tilted face": lambda: pipeline(loaded["tilted"]),
            "one face, YuNet alone": lambda: yunet(loaded["one"]),
            "one face, 1280x960": lambda: pipeline(loaded["one_large"]),
            "twenty faces, 1280x960": lambda: pipeline(loaded["twenty"]),
            "twenty small faces, 1280x960": lambda: pipeline(loaded["small"]),
        }
        found = {name: len(pipeline(photo)) for name, photo in loaded.items()}
        times = in_turns(calls, rounds, clock="cpu")
        blazeface.close()
    return {"found": found, "milliseconds": {name: round(float(np.median(each)), 2) for name, each in times.items()}}


def folder(photos: list[str], cores: list[int], rounds: int) -> dict:
    """Photographs a second through `stream`, as many threads as cores; of the rounds over the folder the best.

    Args:
        photos: their paths.
        cores: positions among those that this process may use.
        rounds: over all photographs; the best is the one that other load on the machine has slowed least.
    """
    from fer_hub import FERPipeline

    on_cores(*cores)
    with FERPipeline.from_pretrained() as pipeline:
        pipeline(photos[:4])
        if hasattr(pipeline, "stream"):
            results = pipeline.stream(itertools.cycle(photos), threads=len(cores))
        else:  # an earlier version
            results = (faces for start in itertools.count(0, 16) for faces in pipeline(_sixteen(photos, start)))
        seconds, cpu = [], time.process_time()
        for _ in range(rounds):
            begin = time.perf_counter()
            for _ in photos:
                next(results)
            seconds.append(time.perf_counter() - begin)
        cpu = time.process_time() - cpu
        results.close()
    return {"per_second": len(photos) / min(seconds), "cpu_ms": 1000 * cpu / rounds / len(photos),
            "peak_mib": memory("VmHWM")}  # fmt: skip


def _sixteen(photos: list[str], start: int) -> list[str]:
    return [photos[index % len(photos)] for index in range(start, start + 16)]


def alone(photos: dict[str, str], rounds: int) -> dict:
    """CPU milliseconds of photographs through the chain on one core, for versions that lack what `turns` calls."""
    import numpy as np

    from fer_hub import FERPipeline, load_image

    on_cores(0)
    loaded = {name: load_image(path) for name, path in photos.items()}
    times: dict[str, list[float]] = {name: [] for name in photos}
    with FERPipeline.from_pretrained() as pipeline:
        found = {name: len(pipeline(photo)) for name, photo in loaded.items()}
        for _ in range(rounds):
            for name, photo in loaded.items():
                begin = time.process_time()
                pipeline(photo)
                times[name].append(1000 * (time.process_time() - begin))
    return {"found": found, "milliseconds": {name: round(float(np.median(each)), 2) for name, each in times.items()}}


def video(source: str, output: str | None) -> dict:
    """Frames per second of CPU time on one core."""
    from fer_hub import FERPipeline
    from fer_hub.video.analysis import analyse_video

    on_cores(0)
    with FERPipeline.from_pretrained() as pipeline:
        pipeline(EXAMPLES / "astronaut.jpg")
        begin = time.process_time()
        summary = analyse_video(pipeline, source, output=output)
        return {"frames": summary.frames, "frames_per_second": summary.frames / (time.process_time() - begin)}


def equal(crops: str | None, count: int, photos: list[str]) -> dict:
    """How far ONNX Runtime and PyTorch are apart on crops and on photographs.

    Args:
        crops: an uncompressed .npy file of grey images (images, 48, 48).
        count: so many of them.
        photos: files of photographs.
    """
    import numpy as np
    from PIL import Image

    from fer_hub import FERPipeline
    from fer_hub.inference.forward import logits_of_crops

    on_cores(0)
    result: dict[str, Any] = {}
    pipelines = [FERPipeline.from_pretrained(runtime=runtime) for runtime in ("onnx", "torch")]
    images = [Image.fromarray(each) for each in np.load(crops)[:count]]
    logits = [
        np.concatenate([logits_of_crops(each.model, each.image_processor, part) for part in _parts(images, 50)])
        for each in pipelines
    ]
    powers = [np.exp(each - each.max(1, keepdims=True)) for each in logits]
    shares = [each / each.sum(1, keepdims=True) for each in powers]
    result["crops"] = {
        "crops": len(images),
        "logits_apart": float(np.abs(logits[0] - logits[1]).max()),
        "probabilities_apart": float(np.abs(shares[0] - shares[1]).max()),
        "other_emotion": int((logits[0].argmax(1) != logits[1].argmax(1)).sum()),
    }
    apart, faces, other = 0.0, 0, 0
    for photo in photos:
        ours, theirs = ([each.to_dict() for each in pipeline(photo)] for pipeline in pipelines)
        other += [face["box"] for face in ours] != [face["box"] for face in theirs]
        faces += len(ours)
        for a, b in zip(ours, theirs, strict=False):
            apart = max(apart, *(abs(a["probabilities"][name] - p) for name, p in b["probabilities"].items()))
    for each in pipelines:
        each.close()
    result["photographs"] = {
        "photographs": len(photos), "faces": faces, "other_faces": other, "probabilities_apart": apart
    }  # fmt: skip
    return result


def _parts(items: list, size: int) -> Iterator[list]:
    return (items[start : start + size] for start in range(0, len(items), size))


def many(count: int, streamed: bool) -> dict:
    """Memory while so many small pictures are classified, one after the other or streamed in one thread."""
    from fer_hub import FERPipeline

    on_cores(0)
    with FERPipeline.from_pretrained() as pipeline:
        results = pipeline.stream(pictures(count), threads=1) if streamed else map(pipeline, pictures(count))
        marks = {count * share // 100: f"{share} %" for share in (1, 10, 50, 100)}
        sizes, with_face, done = {}, 0, 0
        begin = time.process_time()
        for done, faces in enumerate(results, 1):
            with_face += bool(faces)
            if done in marks:
                sizes[marks[done]] = memory("VmRSS")
                print(done, sizes, file=sys.stderr, flush=True)
        cpu = time.process_time() - begin
    return {"pictures": done, "with_a_face": with_face, "cpu_seconds": round(cpu), "mib": sizes,
            "peak_mib": memory("VmHWM")}  # fmt: skip


def pictures(count: int) -> Iterator[Any]:
    """Small RGB pictures of 80x80 pixels, no two the same: a face, moved, lit and grained; every hundredth is a wall.

    Example:
        >>> [picture.size for picture in pictures(2)]
        [(80, 80), (80, 80)]
    """
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    faces = []
    for name, box in (("astronaut", (134, 20, 316, 202)), ("grace_hopper", (100, 70, 430, 400))):
        with Image.open(EXAMPLES / f"{name}.jpg") as image:
            faces.append(np.asarray(image.convert("RGB").crop(box).resize((88, 88), Image.Resampling.BOX), np.int16))
    for number in range(count):
        x, y = random.integers(0, 9, 2)
        face = faces[number % 2][y : y + 80, x : x + 80] if number % 100 else np.full((80, 80, 3), 128, np.int16)
        grain = random.integers(-6, 7, (80, 80, 1), dtype=np.int16)
        yield Image.fromarray((face + grain + random.integers(-25, 26)).clip(0, 255).astype(np.uint8))


PARTS = {each.__name__: each for each in (nothing, first, turns, alone, folder, video, equal, many)}


if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](**json.loads(sys.argv[2]))))
