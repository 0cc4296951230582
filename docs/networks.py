"""Remake the page of the networks: for each a drawing and a table of its layers, as torchinfo counts them.

python docs/networks.py            # writes docs/reference/networks.md and docs/reference/networks/*.svg
python docs/networks.py --check    # writes nothing; says which of the files is not that of the code
"""

import argparse
import html
import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fer_hub.files import write_text  # noqa: E402 (after the path is set)

FOLDER = ROOT / "docs" / "reference"

COLOURS = {"convolution": "#0072B2", "of each channel": "#56B4E9", "pooling": "#009E73", "dense": "#E69F00"}
"""Kind of layer → colour of its bar (Okabe and Ito 2008)."""

HEIGHT, ABOVE, BELOW = 130, 26, 46
"""Of the highest bar, and the room for texts, in pixels."""

INTRO = """# Networks

Every network of `--architecture`, with seven classes. Each bar of a drawing is a layer with weights, or a pooling, in
the order of computation: its height is the side of its output in pixels, its colour the kind. Numbers above are
channels, those below the side; both stand where they change. Shortcuts past blocks are not drawn. The tables list every
layer as torchinfo counts it for one image. Made by `python docs/networks.py`; what the networks reach on FER-2013 is in
[the table of networks](../../results/architectures.md).
"""


def layers(architecture: str) -> tuple[list, object]:
    """The layers of a network as torchinfo lists them, and its summary."""
    import torchinfo

    from fer_hub.model import FERConfig, FERForImageClassification

    model = FERForImageClassification(FERConfig(architecture=architecture)).eval()
    side = model.config.image_size
    summary = torchinfo.summary(model, input_size=(1, 1, side, side), depth=12, verbose=0)
    return [each for each in summary.summary_list if each.is_leaf_layer and each.class_name != "Identity"], summary


def kind(layer) -> str | None:
    """The kind of a layer that is drawn."""
    name = layer.class_name
    if name.startswith("Conv2d"):
        return "of each channel" if layer.module.groups > 1 else "convolution"
    if "Pool" in name:
        return "pooling"
    return "dense" if name == "Linear" else None


def drawing(architecture: str, found: list) -> str:
    """The network as SVG: one bar for each layer that `kind` knows."""
    drawn = [(each, kind(each)) for each in found if kind(each)]
    step = 30 if len(drawn) <= 25 else 14
    largest = max(each.output_size[-1] for each, _ in drawn if len(each.output_size) == 4)
    width, base = 2 * 16 + step * len(drawn), ABOVE + HEIGHT
    parts, last = [], (None, None)
    for number, (each, what) in enumerate(drawn):
        size = each.output_size
        side = size[-1] if len(size) == 4 else 1
        tall = max(3.0, HEIGHT * side / largest)
        x, shown = 16 + number * step, (size[1], side)
        place = f'x="{x}" y="{base - tall:.1f}" width="{step - 4}" height="{tall:.1f}"'
        parts.append(f'<rect {place} fill="{COLOURS[what]}"/>')
        if shown[0] != last[0]:
            y = base - tall - 5
            # where bars are narrow, numbers of channels would run into each other
            turn = f' transform="rotate(-90 {x + 9} {y:.1f})"' if step < 30 else ""
            parts.append(f'<text x="{x + 9 if turn else x}" y="{y:.1f}"{turn}>{shown[0]}</text>')
        if shown[1] != last[1]:
            parts.append(f'<text x="{x}" y="{base + 13}">{side}</text>')
        last = shown
    x = 16
    for name in dict.fromkeys(what for _, what in drawn):
        parts.append(f'<rect x="{x}" y="{base + 26}" width="10" height="10" fill="{COLOURS[name]}"/>')
        parts.append(f'<text x="{x + 14}" y="{base + 35}">{name}</text>')
        x += 30 + 7 * len(name)
    width, tall = max(width, x), base + BELOW
    title = html.escape(f"{architecture}: {len(drawn)} layers from left to right")
    style = "text{font:11px sans-serif;fill:#666}"
    lines = "\n".join(parts)
    size = f'viewBox="0 0 {width} {tall}" width="{width}" height="{tall}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n{lines}\n</svg>\n"
    )


def section(architecture: str, found: list, summary) -> str:
    """The part of the page about one network."""
    from fer_hub.model import NETWORKS

    about = (inspect.getdoc(NETWORKS[architecture]) or "").split("\n\n")[0].replace("\n", " ")
    rows = [
        "| layer | kind | output | kernel | parameters | MACs |",
        "|---|---|---|---|---:|---:|",
    ]
    for name, each in zip(names(summary), found, strict=True):
        size = each.kernel_size or ()
        kernel = "x".join(map(str, [size, size] if isinstance(size, int) else size))
        output = "x".join(map(str, each.output_size[1:]))
        macs = f"{each.macs:,}" if kind(each) in ("convolution", "of each channel", "dense") else ""
        parameters = f"{each.num_params:,}" if each.num_params else ""
        rows.append(f"| `{name}` | {each.class_name} | {output} | {kernel} | {parameters} | {macs} |")
    table = "\n".join(f"    {row}" for row in rows)
    return (
        f"## {architecture}\n\n{about}\n\n{summary.total_params:,} parameters, {summary.total_mult_adds / 1e6:.1f} "
        f"million multiplications, {len(found)} layers.\n\n![Layers of {architecture}](networks/{architecture}.svg)\n\n"
        f'??? note "Layers of {architecture}"\n\n{table}\n'
    )


def names(summary) -> list[str]:
    """The full name of every layer in the network, as in its weights."""
    path: list[str] = []
    result = []
    for each in summary.summary_list:
        path = [*path[: each.depth], each.var_name]
        if each.is_leaf_layer and each.class_name != "Identity":
            result.append(".".join(path[2:]))
    return result


def files() -> dict[Path, str]:
    """File → the text that it must have."""
    from fer_hub.model import ARCHITECTURES

    made, parts = {}, [INTRO]
    for architecture in ARCHITECTURES:
        found, summary = layers(architecture)
        made[FOLDER / "networks" / f"{architecture}.svg"] = drawing(architecture, found)
        parts.append(section(architecture, found, summary))
    return {FOLDER / "networks.md": "\n".join(parts), **made}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is out of date")
    args = parser.parse_args(argv)
    changed = {
        path: text for path, text in files().items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    if args.check and changed:
        raise SystemExit(f"out of date: {', '.join(path.name for path in changed)}; run: python docs/networks.py")
    for path, text in changed.items():
        path.parent.mkdir(exist_ok=True)
        write_text(path, text)


if __name__ == "__main__":
    main()
