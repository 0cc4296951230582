"""Remake what pages show of the code and its files.

python docs/make.py            # writes docs/annotated.jpg, the figures in README.md, docs/commands.md, and the drawing
                               # of the layers in CONTRIBUTING.md
python docs/make.py --texts    # all but the picture, which needs no network
python docs/make.py --check    # writes nothing; says which of the texts is not that of the files
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.house import commands_page, house  # noqa: E402 (after the path is set)
from fer_hub.commands.line import help_texts  # noqa: E402
from fer_hub.files import write_text  # noqa: E402

BEGIN, END = "<!-- figures: begin (python docs/make.py) -->", "<!-- figures: end -->"
HOUSE_MARKS = ("<!-- layers: begin (python docs/make.py --texts) -->", "<!-- layers: end -->")


CHECKPOINTS = {"fer2013": "FER-2013's labels", "ferplus": "FER+, majority of ten votes"}
"""Folder in checkpoints/ → what its test labels are."""


def speed(latency: dict, webcam: dict, load: dict) -> str:
    """How fast the networks and the app are, as measured.

    Args:
        latency: results/latency.json.
        webcam: results/webcam.json.
        load: results/load.json.
    """
    width, height = webcam["frame_size"]
    one = latency["milliseconds"]["fer2013"]
    return (
        f"A face takes {one['pipeline']:.1f} ms of one CPU core from crop to probabilities, with its mirror image "
        f"{one['pipeline_mirrored']:.1f} ms (`benchmarks/latency.py`).\n"
        f"On {webcam['cores']} CPU cores without a GPU the webcam tab answers {webcam['app_fps']:.0f} frames of "
        f"{width}x{height} per second in a real browser (`benchmarks/webcam_rate.py`; a page that only echoes frames: "
        f"{webcam['echo_fps']:.0f}), and {load['clients']} clients at once got {load['requests']:,} answers in "
        f"{load['seconds']:.0f} seconds, {load['good']:,} of them results and the rest refusals they deserved, "
        f"{load['wrong'] or 'none'} wrong, half within {load['median_seconds']:.1f} seconds (`benchmarks/load.py`)."
    )


def figures(metrics: dict[str, dict], others: dict, duplicates: dict, quick: str) -> str:
    """The front page's figures of the shipped checkpoints, and those of other packages, as Markdown.

    Args:
        metrics: metrics.json of each of `CHECKPOINTS`.
        others: results/alternatives.json.
        duplicates: results/duplicates.json.
        quick: what `speed` says.
    """
    photographs = metrics["fer2013"]["photographs"]
    names = [f"`{row['name']}` {others['versions'][row['name']]}" for row in others["alternatives"]]
    ways = {
        "crop": "the 48x48 crop itself",
        "photograph": "enlarged to 192 px, through detection and framing",
        "canvas": "the same on a grey canvas of 320x320 px",
    }
    return "\n".join(
        [
            "Each of the two shipped networks on the test split of its labels, which was looked at once, one forward "
            "pass per image; the interval is a 95 % bootstrap over the images:",
            "",
            "| checkpoint | labels | expressions | test images | right | with mirror images | macro-F1 | "
            "calibration error | validation | parameters |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *(_row(name, metrics[name]) for name in CHECKPOINTS),
            "",
            "The figures of the two cannot be compared with each other: the labels differ, and so do the images "
            "(FER+ leaves some out). With mirror images: `FERPipeline(..., flip_average=True)`, twice the work.",
            "",
            comparable(metrics, duplicates),
            "",
            "What was aimed at, what is missed and what changed: [results/checkpoints.md](results/checkpoints.md).",
            "",
            "FER-2013's test images, three ways; a missed face counts as wrong. Beside it the much-used package "
            f"{' and '.join(names)} with its default detector, measured by `benchmarks/alternatives.py` on "
            f"{others['data']['images']:,} of these images:",
            "",
            "| how the face reaches the network | fer_hub | " + " | ".join(names) + " |",
            "|---|---|" + "---|" * len(names),
            *(
                f"| {ways[way]} | {_share(photographs, way, photographs['images'])} | "
                + " | ".join(_share(row, way, others["data"]["images"]) for row in others["alternatives"])
                + " |"
                for way in ways
            ),
            "",
            "How often each expression is recognised (recall on test), weakest included:",
            *(line for name in CHECKPOINTS for line in _recalls(name, metrics[name]["test"]["recall"])),
            "",
            quick,
        ]
    )


def comparable(metrics: dict[str, dict], duplicates: dict) -> str:
    """What must be known to compare the figures with published ones, as a paragraph."""
    copies, test = duplicates["test"], metrics["ferplus"]["test"]
    return (
        f"Beside published figures: {copies['copies']} of the {copies['images']:,} FER-2013 test images have a "
        "near-copy in the official training images, which are usually trained on as they are. Ours were trained "
        "without those copies; [results/checkpoints.md](results/checkpoints.md) says what they would be worth. FER+'s "
        f"authors measure on the {test['clear_majority_images']:,} images on which more than half of the annotators "
        "agree: there "
        f"`ferplus` is right on {test['clear_majority_accuracy']:.1%}, with mirror images on "
        f"{test['flip_averaged']['clear_majority_accuracy']:.1%}; theirs was on 85.0% (arXiv:1608.01041)."
    )


def _row(name: str, metrics: dict) -> str:
    test = metrics["test"]
    low, high = test["accuracy_interval"]
    return (
        f"| `checkpoints/{name}` | {CHECKPOINTS[name]} | {len(test['recall'])} | {test['images']:,} | "
        f"**{test['accuracy']:.1%}** ({low:.1%} to {high:.1%}) | {test['flip_averaged']['accuracy']:.1%} | "
        f"{test['macro_f1']:.3f} | "
        f"{test['calibration_error']:.1%} | {metrics['validation']['accuracy']:.1%} | "
        f"{metrics['training']['parameters']:,} |"
    )


def _recalls(name: str, recall: dict[str, float]) -> list[str]:
    return [
        "",
        f"| `{name}` | " + " | ".join(recall) + " |",
        "|---|" + "---|" * len(recall),
        "| recall | " + " | ".join(f"{value:.1%}" for value in recall.values()) + " |",
    ]


def _share(row: dict, way: str, images: int) -> str:
    missed = row["missed"].get(way)
    return f"{row[way]:.1%}" + (f" ({missed / images:.1%} missed)" if missed else "")


def between(page: str, marks: tuple[str, str], text: str) -> str:
    """A page with what stands between its two marks replaced."""
    begin, end = marks
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if not after:
        raise SystemExit(f"the page must hold the marks {begin!r} and {end!r}; put them where the text belongs.")
    return f"{before}{begin}\n{text}\n{end}{after}"


def front_page_figures() -> str:
    """The figures of README.md, from checkpoints/ and results/."""
    metrics = {
        name: json.loads((ROOT / "checkpoints" / name / "metrics.json").read_text(encoding="utf-8"))
        for name in CHECKPOINTS
    }
    others, duplicates, latency, webcam, load = (
        json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("alternatives", "duplicates", "latency", "webcam", "load")
    )
    return figures(metrics, others, duplicates, speed(latency, webcam, load))


def pages() -> dict[str, str]:
    """Page → the text that it must have."""

    def page(name: str) -> str:
        return (ROOT / name).read_text(encoding="utf-8")

    return {
        "README.md": between(page("README.md"), (BEGIN, END), front_page_figures()),
        "docs/commands.md": commands_page(help_texts()),
        "CONTRIBUTING.md": between(page("CONTRIBUTING.md"), HOUSE_MARKS, house()),
    }


def picture():
    """Both example portraits with boxes and labels, and beside each its probabilities as bars."""
    from PIL import Image, ImageDraw, ImageFont

    from fer_hub import FERPipeline, draw, load_image
    from fer_hub.drawing import COLOURS

    height, bars = 420, 250
    parts = []
    with FERPipeline.from_pretrained(str(ROOT / "checkpoints" / "fer2013")) as pipeline:
        for path in sorted((ROOT / "examples").glob("*.jpg")):
            photo = load_image(path)
            faces = pipeline(photo)
            annotated = draw(photo, faces)
            annotated = annotated.resize((round(annotated.width * height / annotated.height), height))
            panel = Image.new("RGB", (bars, height), "white")
            pen, font = ImageDraw.Draw(panel), ImageFont.load_default(size=16)
            for row, (emotion, probability) in enumerate(faces[0].probabilities.items()):
                y = 50 + row * 48
                pen.text((14, y), emotion, fill="black", font=font)
                pen.text((bars - 14, y), f"{probability:.0%}", fill="black", font=font, anchor="ra")
                pen.rectangle((14, y + 22, 14 + (bars - 28) * probability, y + 32), fill=COLOURS[emotion])
            parts += [annotated, panel]
    canvas = Image.new("RGB", (sum(part.width for part in parts), height), "white")
    x = 0
    for part in parts:
        canvas.paste(part, (x, 0))
        x += part.width
    return canvas


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is out of date")
    parser.add_argument("--texts", action="store_true", help="leave the picture as it is")
    args = parser.parse_args(argv)
    changed = {
        name: text
        for name, text in pages().items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != text
    }
    if args.check:
        if changed:
            raise SystemExit(f"out of date: {', '.join(changed)}; run: python docs/make.py --texts")
        return
    for name, text in changed.items():
        write_text(ROOT / name, text)
    if not args.texts:
        picture().save(ROOT / "docs" / "annotated.jpg", quality=88)


if __name__ == "__main__":
    main()
