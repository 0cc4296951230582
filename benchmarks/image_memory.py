"""Memory and time that `load_image` takes for the largest photo of every accepted format, and which are refused.

    python -m benchmarks.image_memory [--output results/image_memory.json]

Each photo has the 40 million pixels that the page accepts and is decoded in a process of its own; memory is the highest
resident set size while it is decoded, less that before. The exit code is 1 if one takes more than 700 MB; the photo
as Pillow holds it has 160.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.chromium import ROOT
from fer_hub.files import write_json
from fer_hub.heic import register_heic
from fer_hub.images import FORMATS

SIZE = (8000, 5000)
LIMIT_MB = 700

CHILD = """
import json, sys, time
from pathlib import Path
from PIL import Image
from fer_hub.images import load_image

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":")) / 1000

load_image(Image.new("RGB", (64, 64)))
data = Path(sys.argv[1]).read_bytes()
Path("/proc/self/clear_refs").write_text("5")  # the highest size begins anew
before, begin = status("VmRSS"), time.perf_counter()
size = load_image(data, max_pixels=40_000_000).size
print(json.dumps([size, status("VmHWM") - before, time.perf_counter() - begin]))
"""


def photos(size: tuple[int, int]) -> Iterator[tuple[str, Image.Image, str, dict]]:
    """(name, image, Pillow's format, options) of what every format can hold."""
    with Image.open(ROOT / "examples" / "astronaut.jpg") as image:
        rgb = image.convert("RGB").resize(size)
    grey = np.asarray(rgb.convert("L"))
    alpha = rgb.copy()
    alpha.putalpha(128)
    palette = rgb.quantize(64)
    yield "JPEG", rgb, "JPEG", {}
    yield "JPEG, progressive", rgb, "JPEG", {"progressive": True}
    yield "JPEG, CMYK", rgb.convert("CMYK"), "JPEG", {}
    yield "MPO", rgb, "MPO", {"save_all": True, "append_images": [Image.new("RGB", (64, 64))]}
    yield "PNG", rgb, "PNG", {"compress_level": 1}
    yield "PNG, transparent", alpha, "PNG", {"compress_level": 1}
    yield "PNG, 16 bits", Image.fromarray(grey.astype(np.uint16) * 257), "PNG", {"compress_level": 1}
    yield "PNG, palette", palette, "PNG", {"compress_level": 1, "transparency": 0}
    yield "WebP", rgb, "WEBP", {"method": 0}
    yield "WebP, lossless and transparent", alpha, "WEBP", {"lossless": True, "method": 0, "quality": 0}
    yield "GIF", palette, "GIF", {}
    yield "BMP", rgb, "BMP", {}
    yield "TIFF", rgb, "TIFF", {}
    yield "TIFF, deflate and transparent", alpha, "TIFF", {"compression": "tiff_adobe_deflate"}
    yield "TIFF, floats", Image.fromarray(grey.astype(np.float32) / 255), "TIFF", {}
    yield "TIFF, 16 bits", Image.fromarray(grey.astype(np.uint16) * 257), "TIFF", {}
    yield "AVIF", rgb, "AVIF", {"speed": 10}
    if register_heic():
        yield "HEIF", rgb, "HEIF", {}


def decoded(path: Path) -> tuple[list[int], float, float]:
    """Size, megabytes at most and seconds of a file, decoded in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    size, memory, seconds = json.loads(told.stdout)
    return size, memory, seconds


def refused() -> list[str]:
    """Pillow's formats that it could read and `load_image` does not."""
    Image.init()
    register_heic()
    return sorted(set(Image.OPEN) - set(FORMATS))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args(argv)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, image, kind, options in photos(SIZE):
            path = Path(folder) / "photo"
            image.save(path, kind, **options)
            size, memory, seconds = decoded(path)
            if size != list(SIZE):
                raise RuntimeError(f"{name}: {size}")
            rows[name] = {
                "file_mb": round(path.stat().st_size / 1e6, 1),
                "peak_mb": round(memory),
                "seconds": round(seconds, 2),
            }
            print(f"{name:32} {memory:5.0f} MB {seconds:6.2f} s", flush=True)
    peak = max(row["peak_mb"] for row in rows.values())
    if arguments.output:
        figures = {
            "pixels": SIZE[0] * SIZE[1],
            "limit_mb": LIMIT_MB,
            "peak_mb": peak,
            "formats": rows,
            "refused": refused(),
        }
        write_json(arguments.output, figures)
    return 1 if peak > LIMIT_MB else 0


if __name__ == "__main__":
    raise SystemExit(main())
