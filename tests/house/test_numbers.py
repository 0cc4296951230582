"""No document states a figure that no file holds: generated parts are made again, and what is typed by hand is listed.

Cards are compared with their files in test_checkpoints.py, results/*.md in tests/benchmarks.
"""

import re
from pathlib import Path

import pytest

from docs.figures import DOCUMENTS as GENERATORS
from docs.figures import Files
from docs.make import BEGIN, END, between

ROOT = Path(__file__).resolve().parents[2]

GENERATED = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", re.S)

DOCUMENTS = [
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "CHANGELOG.md", "docs/*.md", "examples/**/*.md", "CONTRIBUTING.md")
    for path in sorted(ROOT.glob(pattern))
    if path.name != "commands.md"  # the help of the commands, which tests/commands compares
]

NO_TEXT = re.compile(
    r"^```.*?^```"  # code, which tests run
    r"|`[^`\n]*`"  # names and options
    r"|https?://\S+|\b(?:arXiv:|doi:)\S+|github\.com/\S+|\]\([^)]*\)"  # addresses
    r"|^---\n.*?^---$"  # the Space's metadata
    r"|\b\d+x\d+\b"  # sizes of images and screens
    r"|\b[Pp]ython \d\.\d+(?: to \d\.\d+)?|\b(?:version|License) \d[\d.]*|\[\d+\.\d+\.\d+\]",  # versions
    re.M | re.S,
)

FIGURE = re.compile(
    r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?:"  # a number is a figure where it has
    r"(?<=\.\d)|(?<=\.\d\d)|(?<=\.\d\d\d)"  # decimals,
    r"|(?<=,\d\d\d)"  # thousands,
    r"|(?= ?%)|(?= ?(?:ms|points|GB|MB|minutes|hours|seconds|images|photographs|faces|frames|million)\b))"  # or a unit
)

ALLOWED = {
    "CHANGELOG.md": {
        "5": "seconds, tests/app/test_operators.py",
        "0.5": "what a detection score means",
        "0.8": "fer_hub.detection, the default min_score",
    },
    "README.md": {
        "3": "GB of download, measured by hand with pip on Linux; docs/install.md",
        "6": "GB on disk, the same, 6.3 in docs/install.md",
        "1.2": "width of a crop in widths of the box, fer_hub.detection.framing",
    },
    "docs/accuracy.md": dict.fromkeys(("72.7", "71.6", "72.4", "75.2"), "Pramerdorfer and Kampel 2016")
    | dict.fromkeys(("74.14", "76.82"), "README of phamquiluan/ResidualMaskingNetwork")
    | {"85.0": "Barsoum et al. 2016"},
    "docs/alternatives.md": {"61.3": "README of av-savchenko/face-emotion-recognition, AffectNet", "63.0": "the same",
                             "74.14": "README of phamquiluan/ResidualMaskingNetwork", "76.82": "the same"},
    "examples/README.md": {"1.3": "version of the package face_recognition"},
    "docs/install.md": {"6.3": "GB, measured by hand", "2.0": "GB, measured by hand", "150": "MB, measured by hand"},
    "docs/api.md": {
        **dict.fromkeys(("20", "40", "100", "2"), "limits that tests/app/test_api_examples.py compares with the code"),
        **dict.fromkeys(("30", "0.3", "0.8"), "limits that the app states itself"),
        "0.5": "half of such boxes, and fer_hub.detection.quality.TOO_POOR",
    },
    "docs/operators.md": {
        "5": "seconds, tests/app/test_operators.py",
        "127.0": "of an address",
        "2": "seconds, fer_hub.hub.away.PATIENCE",
        "20": "photographs, MOST of handler.py",
        "1,073": "MB, results/space_size.json",
        "2,064": "MB, results/space_size.json",
        "200": "MB, fer_hub.web.gate.MAX_UPLOAD_BYTES",
    },
    "docs/training.md": {
        "0.90": "fer_hub.data.alignment.LEAST_GREY",
        "0.93": "fer_hub.data.alignment.LEAST_DETAIL",
        "1,853": "README.md of github.com/KadenMc/EmotionRecognition",
        "4,443": "README.md of github.com/KadenMc/EmotionRecognition",
        "95": "of an interval",
        "100": "fer_hub.evaluation.calibration.LEAST_IMAGES",
    },
}  # fmt: skip
"""Document → figures typed by hand, outside the generated parts, and where they come from; years and names are none."""


def typed(text: str) -> list[str]:
    """The figures of a document outside its generated parts, code, names, addresses and versions."""
    return FIGURE.findall(NO_TEXT.sub(" ", GENERATED.sub(" ", text)))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_figure_has_a_source(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    wrong = [each for each in typed(text) if each not in ALLOWED.get(name, {})]
    assert not wrong, f"{name} states {', '.join(wrong)}; let docs/make.py write them, or say in ALLOWED where from"


def test_the_allowed_figures_are_stated():
    for name, figures in ALLOWED.items():
        gone = set(figures) - set(typed((ROOT / name).read_text(encoding="utf-8")))
        assert not gone, f"{name} no longer states {gone}; take them out of ALLOWED"


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_generated_figures_are_those_of_the_files(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text == between(text, (BEGIN, END), GENERATORS[name](Files())), "run: python docs/make.py"


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_every_changed_digit_is_found(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    begin, end = text.index(BEGIN), text.index(END)
    figures = GENERATORS[name](Files())
    digits = [found.start() for found in re.finditer(r"\d", text) if begin + len(BEGIN) < found.start() < end]
    assert len(digits) > 50
    for place in digits:
        changed = f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}"
        assert changed != between(changed, (BEGIN, END), figures)
    assert typed("It is right on 12.34 % of 1,234 images in 98.7 ms, or 56 %.") == ["12.34", "1,234", "98.7", "56"]
    assert not typed("In 2013, by `0.25`, with Python 3.11 to 3.14, arXiv:1608.01041, seven of 640x480.")
