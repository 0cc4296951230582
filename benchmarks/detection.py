"""Recall and cost of each search of the face detector.

    python -m benchmarks.detection                                       # a few minutes
    python -m benchmarks.detection --fer2013 path/to/fer2013             # and what levelling tilted heads is worth

Prints, and writes to results/detection.json, recall by height and attribute, precision and average precision on
photographs of groups with every face marked, and false faces on pictures without people, where these are (`--data`),
with curves over the score in results/detection.png; exit code 1 if the default lies below its floors. Of press
photographs turned, and cut by the border, what is found, and named as labelled by the default checkpoint. Then
detection time as a ratio to one pass of BlazeFace by MediaPipe, for 0 to 100 faces and 0.3 to 12 megapixels, and of the
frames of a video. And for everybody, recall by width of the face in photos of 1920x1080 pixels with 24 people, recall
for tilted heads and turned photos, what is found in the two portraits and in photos with nobody, and CPU
milliseconds per photo, always with the searches taking turns on the same photos. What the thorough search costs more
than the normal one is also written to fer_hub/assets/search_costs.json, from where the app's page has it. A face counts
as found if a box overlaps its own by more than 0.4 (intersection over union). The photos are made of two portraits, see
`benchmarks.collage`: the figures tell the searches apart, they do not tell how many faces of the world are found.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
from PIL import Image

from benchmarks.collage import BACKGROUNDS, EXAMPLES, PORTRAITS, background, collage
from benchmarks.detection_photographs import FLOORS, MOST_FALSE, costs_by_size, draw_curves, on_groups, on_nobody
from benchmarks.marked_faces import DATA
from benchmarks.turned_faces import on_press
from fer_hub.boxes import Box, iou
from fer_hub.detection.close_look import eye_angle
from fer_hub.detection.detector import SEARCHES, FaceDetector
from fer_hub.detection.framing import frame_box
from fer_hub.files import read_json, write_json
from fer_hub.images import crop, load_image
from fer_hub.results import Face

SECTIONS = ("photographs", "turned", "time", "collages")
"""Parts of the report, which can be measured one by one; the others stay as they are."""

WIDTHS = (32, 40, 48, 64, 96)
TILTS = (0, 15, 30, 45)
TURNS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
"""Degrees clockwise → how Pillow calls it."""

SIZE = (1920, 1080)

PEOPLE = 24
"""In every photo of that size that is not empty, as far as there is room."""


def found_faces(faces: list[Face], truth: list[Box]) -> list[tuple[Face, Box]]:
    """Pairs of a face and the box that it found; every box at most once."""
    pairs, left = [], list(truth)
    for face in faces:
        best = max(left, key=lambda box: iou(face.box, box), default=None)
        if best is not None and iou(face.box, best) > 0.4:
            left.remove(best)
            pairs.append((face, best))
    return pairs


def measure(photos: list[tuple[Image.Image, list[Box]]], detectors: dict[str, FaceDetector], angle: float) -> dict:
    """Search → recall, false positives and CPU milliseconds per photo, and how many angles are right within 20°."""
    sums = {search: np.zeros(5) for search in detectors}
    for photo, truth in photos:
        for search, detector in detectors.items():
            start = time.process_time()
            faces = detector.detect(photo)
            cost = time.process_time() - start
            pairs = found_faces(faces, truth)
            right = sum(abs((face.angle - angle + 180) % 360 - 180) <= 20 for face, _ in pairs)
            sums[search] += (len(pairs), len(truth), len(faces) - len(pairs), right, cost)
    return {
        search: {
            "faces": int(faces),
            "recall": round(found / faces, 3) if faces else None,
            "angle_right": round(right / found, 3) if found else None,
            "false_positives": int(more),
            "cpu_ms_per_photo": round(1000 * cost / len(photos), 1),
        }
        for search, (found, faces, more, right, cost) in sums.items()
    }


def turned(photo: Image.Image, truth: list[Box], angle: int) -> tuple[Image.Image, list[Box]]:
    """A photo turned clockwise, with its boxes."""
    width, height = photo.size
    corners = {
        90: lambda x0, y0, x1, y1: (height - y1, x0, height - y0, x1),
        180: lambda x0, y0, x1, y1: (width - x1, height - y1, width - x0, height - y0),
        270: lambda x0, y0, x1, y1: (y0, width - x1, y1, width - x0),
    }[angle]
    return photo.transpose(TURNS[angle]), [corners(*box) for box in truth]


def costs(report: dict) -> dict:
    """What the thorough search costs more than the normal one, in milliseconds of CPU time per photo, to tens.

    Args:
        report: what goes to results/detection.json.

    Returns:
        `portrait_ms`; `crowd_ms`, the least and the most among the photos of many people; `photo_size` in pixels and
        `people` of these.
    """
    more = {
        name: round((row["thorough"]["cpu_ms_per_photo"] - row["normal"]["cpu_ms_per_photo"]) / 10) * 10
        for name, row in report["searches"].items()
    }
    crowds = [cost for name, cost in more.items() if name not in ("portrait", "nobody")]
    return {
        "portrait_ms": more["portrait"],
        "crowd_ms": [min(crowds), max(crowds)],
        "photo_size": list(report["photo_size"]),
        "people": report["people_per_photo"],
    }


def levelling(data: str, checkpoint: str, images: int) -> dict:
    """Tilt → accuracy on validation faces of FER-2013, cut out as they are, and turned back by their eyes."""
    from fer_hub import FERPipeline
    from fer_hub.data import load_fer2013

    validation = load_fer2013(data)["validation"]
    chosen = np.random.default_rng(0).permutation(len(validation))[:images]
    rows = {}
    with (
        FaceDetector("short_range", search="thorough") as detector,
        FERPipeline.from_pretrained(checkpoint) as pipeline,
    ):
        names = list(pipeline.model.config.id2label.values())
        for tilt in TILTS:
            labels, angles, upright, level = [], [], [], []
            for index in chosen:
                example = validation[int(index)]
                face = example["image"].convert("RGB").resize((120, 120), Image.Resampling.BICUBIC).convert("RGBA")
                face = face.rotate(-tilt, Image.Resampling.BICUBIC, expand=True)
                canvas = Image.new("RGB", (240, 240), (128, 128, 128))
                canvas.paste(face, (120 - face.width // 2, 120 - face.height // 2), face)
                if faces := detector.detect(canvas):
                    angle = eye_angle(faces[0])
                    labels.append(names[example["label"]])
                    angles.append(abs(angle))
                    upright.append(crop(canvas, frame_box(faces[0].box), 48))
                    level.append(crop(canvas, frame_box(faces[0].box, angle), 48, angle=angle))
            right = [
                np.array([max(row, key=row.__getitem__) for row in pipeline.classify_crops(crops)]) == np.array(labels)
                for crops in (upright, level)
            ]
            accuracy = {"never": right[0].mean(), "always": right[1].mean()}
            for least in (5, 10, 15, 20, 30):
                accuracy[f"from {least} degrees"] = np.where(np.array(angles) >= least, right[1], right[0]).mean()
            rows[str(tilt)] = {"images": images, "found": len(labels)} | {
                name: round(float(value), 4) for name, value in accuracy.items()
            }
            print(f"levelling, tilt {tilt}: {rows[str(tilt)]}", flush=True)
    return rows


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detection", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=5, help="per row of the tables (%(default)s)")
    parser.add_argument("--repeats", type=int, default=10, help="of every time measured (%(default)s)")
    parser.add_argument("--every", type=int, default=4, help="use every so many press photographs (%(default)s)")
    parser.add_argument("--fer2013", help="FER-2013: also measures what levelling is worth, on its validation images")
    parser.add_argument("--checkpoint", default="checkpoints/fer2013", help="for that (%(default)s)")
    parser.add_argument("--images", type=int, default=1000, help="for that, how many (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("results/detection.json"), help="(%(default)s)")
    parser.add_argument(
        "--costs", type=Path, default=Path("fer_hub/assets/search_costs.json"), help="for the page (%(default)s)"
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="sections to measure anew (all)")
    parser.add_argument(
        "--data",
        type=Path,
        default=DATA,
        help="folder of group_photographs, no_faces and press_photographs (%(default)s)",
    )
    args = parser.parse_args(argv)

    report = read_json(args.output) if args.output.exists() else {}
    failed = measure_photographs(args.data, report, args.output) if "photographs" in args.only else []
    if "turned" in args.only:
        measure_turned(args.data / "press_photographs", report, args.every)
    if "time" in args.only:
        report["time"] = costs_by_size(args.repeats)
        print(json.dumps(report["time"], indent=1))
    if "collages" in args.only:
        report |= measure_collages(args.photos)
        write_json(args.costs, costs(report))
    if args.fer2013:
        report["levelling"] = levelling(args.fer2013, args.checkpoint, args.images)
    write_json(args.output, report)
    if failed:
        raise SystemExit("below the floors: " + "; ".join(failed))


def measure_photographs(data: Path, report: dict, output: Path) -> list[str]:
    """Measure what real photographs are there for; returns what lies below the floors."""
    failed = []
    group, nobody = data / "group_photographs", data / "no_faces"
    for folder in (group, nobody):
        if not folder.is_dir():
            print(
                f"left out, as there is no folder {folder}: photographs with marked faces and pictures without people"
            )
            return failed
    with FaceDetector() as detector:
        report["groups"], scored = on_groups(group, detector)
        report["nobody"] = on_nobody(nobody, detector)
    draw_curves(scored, output.with_suffix(".png"))
    print(json.dumps({"groups": report["groups"], "nobody": report["nobody"]}, indent=1))
    failed += [
        f"{name} {report['groups'][name]} < {least}" for name, least in FLOORS.items() if report["groups"][name] < least
    ]
    if report["nobody"]["with_a_face"] > MOST_FALSE:
        failed.append(f"{report['nobody']['with_a_face']} pictures without people show a face, more than {MOST_FALSE}")
    return failed


def measure_turned(folder: Path, report: dict, step: int) -> None:
    """Measure press photographs turned and cut by the border, where these are there."""
    if not folder.is_dir():
        print(f"left out, as there is no folder {folder}: photographs with one labelled face, turned and cut")
        return
    from fer_hub.pipeline import FERPipeline

    with FERPipeline.from_pretrained() as pipeline:
        report["press"] = on_press(folder, pipeline, step)
    print(json.dumps(report["press"], indent=1))


def measure_collages(count: int) -> dict:
    """What each search finds on photographs made of two portraits."""
    portraits = [(load_image(EXAMPLES / f"{name}.jpg"), [box]) for name, box in PORTRAITS.items()]
    rows: dict[str, tuple[list, float]] = {"portrait": (portraits * count, 0), "nobody": ([], 0)}
    for seed in range(max(count, len(BACKGROUNDS))):
        kind = BACKGROUNDS[seed % len(BACKGROUNDS)]
        rows["nobody"][0].append((background(kind, SIZE, np.random.default_rng(seed)), []))
    for width in WIDTHS:
        rows[f"{width} px"] = ([collage(width, seed, people=PEOPLE) for seed in range(count)], 0)
    for tilt in TILTS[1:]:
        photos = [collage(48, 100 + seed, people=PEOPLE, tilt=0, lean=tilt) for seed in range(count)]
        rows[f"48 px, heads tilted {tilt}"] = (photos, tilt)
    for turn in TURNS:
        photos = [turned(*collage(48, 200 + seed, people=PEOPLE), turn) for seed in range(count)]
        rows[f"48 px, photo turned {turn}"] = (photos, turn)

    detectors = {search: FaceDetector(search=search) for search in SEARCHES}
    results: dict[str, dict] = {}
    for detector in detectors.values():
        detector.detect(Image.new("RGB", SIZE))  # loads the models
        detector.detect(collage(96, 0)[0])
    print(f"{'':28}" + "".join(f"{search:>32}" for search in SEARCHES))
    for name, (photos, angle) in rows.items():
        results[name] = measure(photos, detectors, angle)
        cells = []
        for result in results[name].values():
            recall = "" if result["recall"] is None else f"{result['recall']:.1%} found, "
            cells.append(f"{recall}{result['false_positives']} false, {result['cpu_ms_per_photo']:.0f} ms")
        print(f"{name:28}" + "".join(f"{cell:>32}" for cell in cells), flush=True)
    for detector in detectors.values():
        detector.close()
    return {"photo_size": SIZE, "people_per_photo": PEOPLE, "searches": results}


if __name__ == "__main__":
    main()
