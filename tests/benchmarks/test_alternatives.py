"""The measurement of other packages: same protocol as our own; docs/alternatives.md quotes the file."""

import importlib.util
import io
import json
import math
import re
from pathlib import Path

import pytest
from PIL import Image

from fer_hub.evaluation import measuring
from fer_hub.evaluation.robustness import PRESS_CLASSES
from fer_hub.model import EMOTIONS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def alternatives():
    """benchmarks/alternatives.py as a module; importing it needs none of the packages that it measures."""
    spec = importlib.util.spec_from_file_location("alternatives", ROOT / "benchmarks" / "alternatives.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results():
    return json.loads((ROOT / "results" / "alternatives.json").read_text(encoding="utf-8"))


def test_faces_are_shown_as_our_own_evaluation_shows_them(alternatives):
    for name in ("PHOTOGRAPH_SIDE", "CANVAS_SIDE", "CANVAS_GREY"):
        assert getattr(alternatives, name) == getattr(measuring, name)
    assert alternatives.EMOTIONS == EMOTIONS
    photo = alternatives.photograph(Image.effect_noise((48, 48), 60))
    assert photo.size == (192, 192)
    assert alternatives.on_canvas(photo).tobytes() == measuring.on_canvas(photo).tobytes()


def test_a_missed_face_is_wrong_and_counted(alternatives):
    answers = {"crop": lambda image: "sad", "photograph": lambda image: None, "canvas": lambda image: "happy"}
    row = alternatives.score([Image.new("L", (48, 48))] * 4, ["sad", "sad", "sad", "happy"], answers)
    assert (row["crop"], row["photograph"], row["canvas"]) == (0.75, 0, 0.25)
    assert row["missed"] == {"crop": 0, "photograph": 4, "canvas": 0}
    assert row["standard_error"]["crop"] == pytest.approx(math.sqrt(0.75 * 0.25 / 4))


def test_the_largest_face_answers_and_the_first_of_equal_scores(alternatives):
    small = {"box": [0, 0, 10, 10], "emotions": {"sad": 1.0, "happy": 0.0}}
    large = {"box": [5, 5, 30, 30], "emotions": {"fear": 0.1, "happy": 0.45, "neutral": 0.45}}
    assert alternatives.best_of_largest([small, large]) == "happy"
    assert alternatives.best_of_largest([]) is None


def test_on_photographs_a_missed_face_is_wrong_and_each_class_counts_the_same(alternatives):
    answers = iter(["neutral", "sad", None, "happy", "angry", "sad"])
    emotions = ["neutral", "neutral", "happy", "happy", "angry", "fear"]
    row = alternatives.score_press([None] * 6, emotions, lambda photo: next(answers), lambda done: None)
    assert row["recall"] == {"neutral": 0.5, "happy": 0.5, "angry": 1, "sad": 0}
    assert (row["photographs"], row["missed"], row["accuracy"], row["mean"]) == (6, 1, 0.5, 0.5)
    assert row["images"] == {"neutral": 2, "happy": 2, "angry": 1, "sad": 0}
    assert alternatives.PRESS_CLASSES == PRESS_CLASSES


def test_press_photographs_are_read_in_colour(alternatives, tmp_path):
    parquet(tmp_path / "validation-0.parquet", [(50, 3), (60, 6)])
    photos, emotions = alternatives.read_press(tmp_path)
    assert [(photo.mode, photo.size) for photo in photos] == [("RGB", (50, 50)), ("RGB", (60, 60))]
    assert emotions == ["happy", "neutral"]
    with pytest.raises(FileNotFoundError, match="must be a folder with parquet files"):
        alternatives.read_press(tmp_path / "nowhere")


def parquet(path, rows):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    images = []
    for size, _ in rows:
        file = io.BytesIO()
        Image.new("L", (size, size), 7).save(file, "PNG")
        images.append({"bytes": file.getvalue(), "path": None})
    pq.write_table(pa.table({"image": images, "label": [label for _, label in rows]}), path)


def test_it_reads_the_test_split_of_a_folder_or_one_file(alternatives, tmp_path):
    path = tmp_path / "test-00000-of-00001.parquet"
    parquet(path, [(48, 3), (48, 6)])
    parquet(tmp_path / "train-00000-of-00001.parquet", [(48, 0)])
    for data in (tmp_path, path):
        images, emotions = alternatives.read_test(data)
        assert emotions == ["happy", "neutral"]
        assert [image.getpixel((0, 0)) for image in images] == [7, 7]


@pytest.mark.parametrize(("row", "came"), [((40, 3), "40x40 with 3"), ((48, 7), "48x48 with 7")])
def test_other_data_are_refused(alternatives, tmp_path, row, came):
    parquet(tmp_path / "test-0.parquet", [(48, 0), row])
    with pytest.raises(ValueError) as error:
        alternatives.read_test(tmp_path)
    assert str(error.value) == (
        f"Images must be 48x48 with a label of 0 to 6, got {came} in row 1; use the test split of FER-2013."
    )


def test_data_that_are_not_there_are_named(alternatives, tmp_path, capsys):
    with pytest.raises(SystemExit):
        alternatives.main([str(tmp_path)])
    wanted = f"The data must be a folder with test-*.parquet or one such file, got {tmp_path}.\n"
    assert capsys.readouterr().err.endswith(wanted)


def test_the_file_tells_what_was_measured_and_how(results, alternatives):
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", results["date"])
    assert results["command"].startswith("python benchmarks/alternatives.py path/to/fer2013")
    assert results["protocol"] == alternatives.PROTOCOL
    assert 0 < results["data"]["images"] <= results["data"]["of"] == 3589
    assert {"python", "fer", "tensorflow", "opencv-contrib-python", "numpy"} <= set(results["versions"])
    assert {"step", "error", "way_round", "elsewhere"} == set(results["fresh_install"])
    assert results["fresh_install"]["error"].startswith("ImportError: cannot import name 'FER' from 'fer'")
    assert (results["data"]["images"] < results["data"]["of"]) == ("seed" in results["data"])


def test_its_figures_are_shares_of_the_images(results):
    images = results["data"]["images"]
    assert results["alternatives"]
    for row in results["alternatives"]:
        assert row["missed"]["crop"] == 0
        for kind in ("crop", "photograph", "canvas"):
            right = row[kind] * images
            assert right == pytest.approx(round(right), abs=1e-6)
            assert 0 <= right <= images - row["missed"][kind]
            assert row["standard_error"][kind] == pytest.approx(math.sqrt(row[kind] * (1 - row[kind]) / images))


def test_versions_are_those_that_the_requirements_pin(results):
    lines = (ROOT / "benchmarks" / "alternatives-requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("#")[0].strip().split("==") for line in lines if "==" in line.split("#")[0])
    assert "fer" in pins
    assert {name: results["versions"][name] for name in pins} == pins


def test_the_page_quotes_the_file(results):
    """The table of the three ways to the network has every percentage of every detector."""
    paragraphs = (ROOT / "docs" / "alternatives.md").read_text(encoding="utf-8").split("\n\n")
    [table] = [text for text in paragraphs if "the 48x48 crop itself" in text]
    for measured in results["alternatives"]:
        for kind in ("crop", "photograph", "canvas"):
            assert f"{measured[kind]:.1%}".replace("%", " %") in table
