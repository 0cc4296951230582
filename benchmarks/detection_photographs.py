"""What the face detector finds on real photographs, and what it costs; parts of `benchmarks.detection`."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from benchmarks.collage import background, collage, person
from benchmarks.marked_faces import BANDS, MIN_IOU, marked_photographs, match, pictures_of_nobody
from fer_hub.boxes import Box, iou, shift
from fer_hub.detection.blazeface import BlazeFace
from fer_hub.detection.detector import DEFAULT_MIN_SCORE, FaceDetector
from fer_hub.detection.mediapipe_search import look_from_afar
from fer_hub.detection.watching import Watcher

LOWEST = 0.05
"""The score from which on curves and average precision are measured."""

ATTRIBUTES = {
    "heavy blur": ("blur", 2),
    "partly occluded": ("occlusion", 1),
    "heavily occluded": ("occlusion", 2),
    "odd pose": ("odd_pose", 1),
    "odd light": ("odd_light", 1),
}
"""Name in the report → attribute and value."""

ATTRIBUTES_FROM = 32
"""Height in pixels of the faces whose attributes are reported."""

FLOORS = {"precision": 0.98, "recall from 24": 0.84, "average_precision": 0.64}
"""What the default must reach on photographs of groups; the command fails below."""

MOST_FALSE = 12
"""Most pictures without people in which the default may see a face."""

VIDEO_FRAMES, VIDEO_SIZE = 100, (640, 480)

FACES, MEGAPIXELS = (0, 1, 5, 20, 100), (0.3, 1, 4, 12)


def on_groups(folder: Path, detector: FaceDetector) -> tuple[dict, list]:
    """Recall by height and attribute, precision and average precision on photographs with every face marked.

    Returns:
        the report, and for every box (score, whether it is a face) down to `LOWEST`.
    """
    heights, attributes, found, scored, cost = [], [], [], [], 0.0
    right = wrong = photos = 0
    for photo in marked_photographs(folder):
        start = time.process_time()
        faces = detector.detect(photo.image)
        cost, photos = cost + time.process_time() - start, photos + 1
        which, counts = match(faces, photo)
        right += int(((which >= 0) & counts).sum())
        wrong += int((which < 0).sum())
        seen = np.isin(np.arange(len(photo.boxes)), which)
        heights += photo.heights[photo.counts].tolist()
        found += seen[photo.counts].tolist()
        values = zip(*(photo.attributes[name] for name in ("blur", "occlusion", "odd_pose", "odd_light")), strict=True)
        attributes += [row for row, use in zip(values, photo.counts, strict=True) if use]
        more = detector.detect(photo.image, LOWEST)
        which, counts = match(more, photo)
        scored += [
            (face.detection_score, index >= 0) for face, index, use in zip(more, which, counts, strict=True) if use
        ]
    heights, found = np.array(heights), np.array(found)
    columns = dict(zip(("blur", "occlusion", "odd_pose", "odd_light"), np.array(attributes).T, strict=True))

    def recall(chosen: np.ndarray) -> dict:
        return {"faces": int(chosen.sum()), "recall": round(float(found[chosen].mean()), 4) if chosen.any() else None}

    report = {
        "photographs": photos,
        "min_score": detector.min_score,
        "precision": round(right / max(1, right + wrong), 4),
        "false": wrong,
        "recall from 24": round(float(found[heights >= 24].mean()), 4),
        "average_precision": round(average_precision(scored, len(heights)), 4),
        "height": {f"{a}-{b}": recall((heights >= a) & (heights < b)) for a, b in BANDS},
        "attributes": {
            name: recall((columns[column] == value) & (heights >= ATTRIBUTES_FROM))
            for name, (column, value) in ATTRIBUTES.items()
        },
        "cpu_ms_per_photo": round(1000 * cost / photos, 1),
    }
    return report, [*scored, len(heights)]


def average_precision(scored: list[tuple[float, bool]], faces: int) -> float:
    """Area under precision over recall, precision made to fall (Everingham et al. 2010); `faces` were there."""
    right = np.array([hit for _, hit in sorted(scored, key=lambda pair: -pair[0])], float)
    recall = right.cumsum() / max(1, faces)
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0) * precision).sum())


def on_nobody(folder: Path, detector: FaceDetector) -> dict:
    """In how many pictures without people a face is seen, at some scores."""
    best = [
        max((face.detection_score for face in detector.detect(picture)), default=0.0)
        for _, picture in pictures_of_nobody(folder)
    ]
    return {"pictures": len(best), "with_a_face": sum(score >= detector.min_score for score in best)}


def draw_curves(scored: list, path: Path) -> None:
    """Precision and recall over the score, and the share of faces by score, as a PNG."""
    *pairs, faces = scored
    scores, right = (np.array(values, float) for values in zip(*pairs, strict=True))
    limits = np.linspace(LOWEST, 0.99, 60)
    kept = [right[scores >= limit] for limit in limits]
    figure, (left, other) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    left.plot(limits, [part.mean() if len(part) else np.nan for part in kept], label="precision")
    left.plot(limits, [part.sum() / faces for part in kept], label="recall, all sizes")
    left.axvline(DEFAULT_MIN_SCORE, color="grey", linestyle=":", label="default limit")
    left.set(xlabel="least detection score", ylim=(0, 1.02), title="Faces on photographs of groups")
    left.legend()
    edges = np.linspace(0, 1, 11)
    bins = [(scores >= low) & (scores < low + 0.1) for low in edges[:-1]]
    middles = [scores[inside].mean() for inside in bins if inside.any()]
    other.plot([0, 1], [0, 1], color="grey", linestyle=":")
    other.plot(middles, [right[inside].mean() for inside in bins if inside.any()], marker="o")
    other.set(xlabel="detection score", ylabel="share that are faces", ylim=(0, 1.02), title="What a score means")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def costs_by_size(repeats: int) -> dict:
    """Detection time as a ratio to one pass of MediaPipe's BlazeFace over the same photograph, CPU time of one core.

    Returns:
        `faces`: number of faces in 1280x960 pixels → ratio and milliseconds; `megapixels`: one face in photographs of
        so many → the same.
    """
    one_pass = BlazeFace("short_range", 0.5)
    report: dict = {"faces": {}, "megapixels": {}}
    with FaceDetector() as detector:
        for count in FACES:
            width = 90 if count < 20 else 60 if count < 100 else 26  # the largest at which there is room for so many
            photo, truth = collage(width, 1, people=count, size=(1280, 960), kind="gradient")
            assert len(truth) == count, (count, len(truth))
            report["faces"][str(count)] = _ratio(detector, one_pass, photo, repeats)
        for megapixels in MEGAPIXELS:
            size = (round((megapixels * 4e6 / 3) ** 0.5), round((megapixels * 3e6 / 4) ** 0.5))
            photo = collage(size[0] / 5, 1, people=1, size=size, kind="gradient")[0]
            report["megapixels"][str(megapixels)] = _ratio(detector, one_pass, photo, repeats)
        photo = collage(160, 2, people=1, size=(640, 480), kind="gradient")[0]
        report["one face in 640x480"] = _ratio(detector, one_pass, photo, repeats)
        known = detector.detect(photo)
        alone = _cpu(lambda: detector.follow(photo, known), repeats)
        report["one face followed in 640x480"] = {"ms": round(1000 * alone, 2)}
        report["video"] = video_costs(detector)
    one_pass.close()
    return report


def video_costs(detector: FaceDetector) -> dict:
    """Detection in the frames of a video of two moving faces, by a `Watcher` and by a search of every frame.

    Returns:
        number of `frames` and `size` of them, and for `watched` and `searched` CPU milliseconds per frame and the share
        of the faces that are found.
    """
    frames = [_frame(index) for index in range(VIDEO_FRAMES)]
    report: dict = {"frames": VIDEO_FRAMES, "size": list(VIDEO_SIZE)}
    for name, finder in (("watched", Watcher(detector)), ("searched", detector)):
        found, start = 0, time.process_time()
        for image, boxes in frames:
            faces = finder.detect(image)
            found += sum(any(iou(face.box, box) > MIN_IOU for face in faces) for box in boxes)
        cost = (time.process_time() - start) / VIDEO_FRAMES
        report[name] = {"ms_per_frame": round(1000 * cost, 2), "found": round(found / VIDEO_FRAMES / 2, 4)}
    return report


def _frame(index: int) -> tuple[Image.Image, list[Box]]:
    """A frame in which one head goes from left to right and back, and a smaller one up and down."""
    image, boxes = background("gradient", VIDEO_SIZE, np.random.default_rng(0)), []
    for name, width, place in (
        ("astronaut", 110, (round(40 * math.sin(index / 8)) + 60, 130)),
        ("grace_hopper", 70, (420, round(40 * math.sin(index / 10)) + 120)),
    ):
        head, mask, box = person(name, width)
        image.paste(head, place, mask)
        boxes.append(shift(box, *place))
    return image, boxes


def _ratio(detector: FaceDetector, one_pass: BlazeFace, photo: Image.Image, repeats: int) -> dict:
    whole = (0, 0, *photo.size)
    detector.detect(photo)
    look_from_afar(one_pass, photo, whole, padded=False)
    search = _cpu(lambda: detector.detect(photo), repeats)
    single = _cpu(lambda: look_from_afar(one_pass, photo, whole, padded=False), repeats)
    found = len(detector.detect(photo))
    return {
        "found": found,
        "ms": round(1000 * search, 2),
        "blazeface_ms": round(1000 * single, 2),
        "ratio": round(search / single, 2),
    }


def _cpu(work: Callable[[], object], repeats: int) -> float:
    """The least CPU seconds that a piece of work took."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)
