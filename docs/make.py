"""Remake what the front page shows: its picture, and its figures from checkpoints/ and results/.

    python docs/make.py            # writes docs/annotated.jpg and the figures in README.md
    python docs/make.py --check    # writes nothing; says whether README.md's figures are those of the files
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fer_hub.files import write_text  # noqa: E402 (after the path is set)

BEGIN, END = "<!-- figures: begin (python docs/make.py) -->", "<!-- figures: end -->"


def figures(metrics: dict, others: dict) -> str:
    """The front page's figures of the 7-class checkpoint, and those of other packages, as Markdown."""
    test, photographs = metrics["test"], metrics["photographs"]
    low, high = test["accuracy_interval"]
    names = [f"`{row['name']}` {others['versions'][row['name']]}" for row in others["alternatives"]]
    ways = {
        "crop": "the 48x48 crop itself",
        "photograph": "enlarged to 192 px, through detection and framing",
        "canvas": "the same on a grey canvas of 320x320 px",
    }
    return "\n".join(
        [
            f"The shipped network, {metrics['training']['parameters']:,} parameters, on the {test['images']:,} images "
            f"of FER-2013's test split, which was looked at once: **{test['accuracy']:.1%}** right (95 % interval "
            f"{low:.1%} to {high:.1%}), macro-F1 {test['macro_f1']:.3f}, calibration error "
            f"{test['calibration_error']:.1%}; on validation {metrics['validation']['accuracy']:.1%}.",
            "",
            "The same images, three ways; a missed face counts as wrong. Beside it the much-used package "
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
            "How often each expression is recognised (recall), weakest included:",
            "",
            "| " + " | ".join(test["recall"]) + " |",
            "|" + "---|" * len(test["recall"]),
            "| " + " | ".join(f"{value:.1%}" for value in test["recall"].values()) + " |",
        ]
    )


def _share(row: dict, way: str, images: int) -> str:
    missed = row["missed"].get(way)
    return f"{row[way]:.1%}" + (f" ({missed / images:.1%} missed)" if missed else "")


def with_figures(readme: str, metrics: dict, others: dict) -> str:
    """README.md's text with the figures between its two markers replaced."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"README.md must hold the markers {BEGIN!r} and {END!r}; put them where the figures belong.")
    return f"{before}{BEGIN}\n{figures(metrics, others)}\n{END}{after}"


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
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where README.md is out of date")
    args = parser.parse_args(argv)
    readme = ROOT / "README.md"
    metrics = json.loads((ROOT / "checkpoints" / "fer2013" / "metrics.json").read_text(encoding="utf-8"))
    others = json.loads((ROOT / "results" / "alternatives.json").read_text(encoding="utf-8"))
    wanted = with_figures(readme.read_text(encoding="utf-8"), metrics, others)
    if args.check:
        if wanted != readme.read_text(encoding="utf-8"):
            raise SystemExit("README.md's figures are not those of checkpoints/fer2013; run: python docs/make.py")
        return
    write_text(readme, wanted)
    picture().save(ROOT / "docs" / "annotated.jpg", quality=88)


if __name__ == "__main__":
    main()
