"""Remake what pages show of the code and its files.

python docs/make.py            # writes docs/annotated.jpg, the figures in README.md and docs/, docs/commands.md, and
                               # the drawing of the layers in CONTRIBUTING.md
python docs/make.py --texts    # all but the picture, which needs no network
python docs/make.py --check    # writes nothing; says which of the texts is not that of the files
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.figures import DOCUMENTS, Files  # noqa: E402 (after the path is set)
from docs.house import commands_page, house  # noqa: E402
from fer_hub.commands.line import help_texts  # noqa: E402
from fer_hub.files import write_text  # noqa: E402

BEGIN, END = "<!-- figures: begin (python docs/make.py) -->", "<!-- figures: end -->"
HOUSE_MARKS = ("<!-- layers: begin (python docs/make.py --texts) -->", "<!-- layers: end -->")


def between(page: str, marks: tuple[str, str], text: str) -> str:
    """A page with what stands between its two marks replaced."""
    begin, end = marks
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if not after:
        raise SystemExit(f"the page must hold the marks {begin!r} and {end!r}; put them where the text belongs.")
    return f"{before}{begin}\n{text}\n{end}{after}"


def pages() -> dict[str, str]:
    """Page → the text that it must have."""

    def page(name: str) -> str:
        return (ROOT / name).read_text(encoding="utf-8")

    files = Files()
    return {
        **{name: between(page(name), (BEGIN, END), made(files)) for name, made in DOCUMENTS.items()},
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
    with FERPipeline.from_pretrained() as pipeline:
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
