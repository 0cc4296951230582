"""Plots take any text from outside, and need nothing of pyplot."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from fer_hub.evaluation.metrics import classification_metrics
from fer_hub.hub.plots import mistakes_sheet, plot_calibration, plot_confusion, plot_scores, plot_training, save_picture
from fer_hub.video.timeline import Timeline
from fer_hub.video.tracking import TrackedFace

NAMES = ["$x^{2", "a$b$", r"\frac{", "_under", "50% #1", "한글 🙂", "caf\udce9"]


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("plot", [plot_confusion, plot_scores, plot_calibration])
def test_classes_may_have_any_name(plot, tmp_path):
    row = classification_metrics(np.eye(7) * 0.3 + 0.1, np.arange(7), NAMES)
    save_picture(plot(row), tmp_path / "plot.png")
    assert Image.open(tmp_path / "plot.png").size > (200, 200)


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("title", ["cost $x^{2 of $5.mp4", "$$", r"$\frac{$.webm", "caf\udce9.mov"])
def test_videos_and_labels_may_have_any_name(title, tmp_path):
    timeline = Timeline(NAMES)
    probabilities = {name: 1 / 7 for name in NAMES}
    timeline.add(0.0, [TrackedFace((0, 0, 9, 9), 0.9, NAMES[0], probabilities, face_id=1)])
    timeline.save(tmp_path / "plot.png", title)
    assert Image.open(tmp_path / "plot.png").size > (200, 200)


@pytest.mark.parametrize("name", ["한글", "高兴", "うれしい", "Свобода", "Ελλάδα"])
def test_class_names_in_other_scripts_are_drawn(name, tmp_path):
    """matplotlib draws boxes for letters that no font has, and warns."""
    row = classification_metrics(np.eye(2), np.arange(2), [name, "b"])
    timeline = Timeline([name])
    timeline.add(0.0, [TrackedFace((0, 0, 9, 9), 0.9, name, {name: 1.0}, face_id=1)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_picture(plot_confusion(row), tmp_path / "confusion.png")
        timeline.save(tmp_path / "timeline.png", name)


def test_a_dollar_sign_is_drawn_and_no_formula():
    """A formula would be set in another type: the width of the plain text tells."""
    figure = plot_confusion(classification_metrics(np.eye(2), np.arange(2), ["a$b$", "c"]))
    figure.canvas.draw()
    (text,) = [label for label in figure.axes[0].get_xticklabels() if label.get_text() == r"a\$b\$"]
    shown, math = text._preprocess_math(text.get_text())
    assert (shown, math) == ("a$b$", False)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_mistakes_may_have_any_name():
    wrong = np.roll(np.eye(7), 1, axis=1)
    images = np.zeros((7, 48, 48), np.uint8)
    assert mistakes_sheet(images, wrong, np.arange(7), NAMES).width > 100


def test_mistakes_in_other_scripts_are_drawn():
    """Letters that the font lacks would be boxes, equal for all of them."""
    wrong, images, labels = np.array([[0.1, 0.9]]), np.zeros((1, 48, 48), np.uint8), np.array([0])
    sheets = [mistakes_sheet(images, wrong, labels, names) for names in (["高", "兴"], ["兴", "高"], ["高", "兴"])]
    shown = [np.asarray(sheet) for sheet in sheets]
    assert np.array_equal(shown[0], shown[2]) and not np.array_equal(shown[0], shown[1])


def test_a_users_own_settings_are_not_those_of_our_plots(tmp_path):
    """With these, each text is set by LaTeX, which need not be there and would read the names as programs."""
    import matplotlib

    row = classification_metrics(np.eye(3), np.arange(3), ["a_b", "50% #1", "$x^{2"])
    ours, theirs = tmp_path / "ours.png", tmp_path / "theirs.png"
    save_picture(plot_scores(row), ours)
    with matplotlib.rc_context({"text.usetex": True, "font.family": "none such", "savefig.bbox": "tight"}):
        save_picture(plot_scores(row), theirs)
        Timeline(["a_b%"]).save(tmp_path / "timeline.png", "50% #1")
        assert matplotlib.rcParams["text.usetex"]
    assert theirs.read_bytes() == ours.read_bytes()


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "no_such_window", "TkAgg"])
def test_plots_need_no_window_whatever_the_environment_names(backend, tmp_path):
    code = """
import os, sys
from fer_hub.hub.plots import plot_training, save_picture
from fer_hub.video.timeline import Timeline
from pathlib import Path
save_picture(plot_training([{"epoch": 1, "loss": 2.0}]), Path(sys.argv[1]))
Timeline(["a", "b"]).save(sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
print(os.environ["MPLBACKEND"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "plot.png"], capture_output=True, text=True,
        env={**os.environ, "MPLBACKEND": backend},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [backend]


def test_a_figure_is_drawn_by_agg():
    assert type(plot_training([]).canvas).__name__ == "FigureCanvasAgg"
