"""Groups of images: how they are cut, their figures, and the whole command on small data."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image

from fer_hub.commands import main
from fer_hub.data import prepare
from fer_hub.data.photographs import Photograph
from fer_hub.detection.turn import NOSE_DEPTH, yaw
from fer_hub.evaluation.by_group import measure_groups
from fer_hub.evaluation.groups import MEASURED, cut, group_figures, largest_difference
from fer_hub.evaluation.properties import faces_in_crops, of_face, of_pixels
from fer_hub.files import write_json
from fer_hub.hub.card import write_card
from fer_hub.hub.card_facts import wilson
from fer_hub.model import EMOTIONS
from fer_hub.results import Face


def test_numbers_become_fifths_and_few_numbers_groups_of_their_own():
    groups = cut(list(map(float, range(100))), "age")
    assert groups.names == ("below 19.8", "19.8 to below 39.6", "39.6 to below 59.4", "59.4 to below 79.2",
                            "79.2 and above")  # fmt: skip
    assert np.bincount(groups.index).tolist() == [20] * 5
    assert cut([0.0, 1.0, 1.0, None], "gender").names == ("0", "1", "unknown")
    assert cut([20261128.0, 20261129.0, 0.1], "day").names == ("0.1", "20261128", "20261129")
    assert cut([7.0] * 50, "size").names == ("all",)
    # many equal values stay together
    assert np.bincount(cut([0.0] * 50 + list(map(float, range(1, 51))), "age").index).tolist() == [60, 20, 20]


def test_texts_in_natural_order_and_not_too_many():
    assert cut(["IV", "level 10", "level 9"], "skin").names == ("IV", "level 9", "level 10")
    with pytest.raises(ValueError) as caught:
        cut([f"person {number}" for number in range(31)], "person")
    assert "at most 30 different values, or numbers, got 31 values such as person 0" in str(caught.value)
    with pytest.raises(ValueError, match="needs a value for some images, but none has one"):
        cut([None, None], "age")


def test_figures_of_groups_are_those_of_their_images():
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 3, 300), random.integers(0, 3, 300)
    age, found = random.choice(["old", "young"], 300), random.random(310) < 0.8
    entry = group_figures(cut([*age, *["old"] * 10], "age"), predicted, labels, ["a", "b", "c"], found)
    old = entry["groups"][0]
    inside = age == "old"
    assert old["name"] == "old" and old["images"] == inside.sum()
    assert old["accuracy"] == (predicted == labels)[inside].mean()
    assert old["accuracy_interval"] == list(wilson((predicted == labels)[inside].sum(), inside.sum()))
    assert old["recall"]["b"]["recall"] == (predicted == 1)[inside & (labels == 1)].mean()
    assert old["looked_at"] == inside.sum() + 10 and old["found"] == np.append(found[:300][inside], found[300:]).mean()
    shares = [row["accuracy"] for row in entry["groups"]]
    assert entry["largest"]["accuracy"]["difference"] == max(shares) - min(shares)
    json.dumps(entry)


def test_predictions_alone_are_counted():
    entry = group_figures(cut(["x", "x", "y"], "camera"), np.array([0, 1, 1]), None, ["a", "b"])
    assert [row["predicted"]["b"]["share"] for row in entry["groups"]] == [0.5, 1.0]
    assert "accuracy" not in entry["groups"][0] and entry["largest"] == {}


def test_a_difference_by_chance_is_seldom_above_what_random_groups_have():
    """In 40 draws without any difference of the groups, 5 % are expected above; with one, all are."""
    random = np.random.default_rng(1)
    index = np.repeat(np.arange(5), 100)
    above = 0
    for _ in range(40):
        found = largest_difference(random.random(500) < 0.6, index, list("abcde"))
        above += found["difference"] > found["by_chance"]
    assert above <= 6
    real = largest_difference(random.random(500) < np.where(index == 2, 0.2, 0.6), index, list("abcde"))
    assert real["lowest"] == "c" and real["difference"] > real["by_chance"]
    assert real["interval"][0] < real["difference"] < real["interval"][1]


def test_small_groups_are_not_compared():
    assert largest_difference(np.ones(40, bool), np.repeat([0, 1], [29, 11]), ["a", "b"]) is None
    found = largest_difference(np.arange(70) >= 5, np.repeat([0, 1, 2], [5, 35, 30]), ["a", "b", "c"])
    assert {found["lowest"], found["highest"]} <= {"b", "c"} and found["difference"] == 0


def test_yaw_of_a_turned_model_head_is_found():
    """Eyes and nose of a head in space, turned and seen from afar."""
    for degrees in (-60, -20, 0, 35):
        for tilt in (0.0, 0.5):
            turn = np.radians(degrees)
            points = {"right_eye": (-0.5, 0, 0), "left_eye": (0.5, 0, 0), "nose_tip": (0, 0.6, NOSE_DEPTH)}
            seen = {}
            for name, (x, y, z) in points.items():
                across, down = x * np.cos(turn) + z * np.sin(turn), y
                seen[name] = (100 + 50 * (across * np.cos(tilt) - down * np.sin(tilt)),
                              100 + 50 * (across * np.sin(tilt) + down * np.cos(tilt)))  # fmt: skip
            face = Face((0, 0, 200, 200), 1.0, seen)
            assert yaw(face) == pytest.approx(degrees, abs=1e-6)
            assert of_face("yaw", face) == pytest.approx(abs(degrees), abs=1e-6)
    assert yaw(Face((0, 0, 1, 1), 1.0)) is None and of_face("size", None) is None


def test_brightness_and_sharpness():
    flat, stripes = np.full((48, 48), 60, np.uint8), np.tile(np.array([0, 200], np.uint8), (48, 24))
    pixels = np.stack([flat, stripes])
    assert of_pixels("brightness", pixels) == [60, 100]
    assert of_pixels("sharpness", pixels) == [0, 100]
    assert of_pixels("sharpness", np.full((1, 96, 96), 60, np.uint8)) == [0]


class HalfFace:
    """A detector that finds a face as wide as half of the bright square on the canvas; none where it is dark."""

    def detect(self, photo):
        grey = np.asarray(photo.convert("L"))
        return [Face((112, 112, 208, 208), 1.0)] if grey[160, 160] > 50 else []


def test_size_is_in_pixels_of_the_crop():
    pixels = np.stack([np.full((48, 48), 200, np.uint8), np.zeros((48, 48), np.uint8)])
    found = faces_in_crops(HalfFace(), pixels, [200, 48])
    assert of_face("size", found[0]) == pytest.approx(100) and found[1] is None


def test_photographs_without_a_face_count_in_their_group():
    def photo(face, camera, split="test"):
        return Photograph("x.jpg", "a", 1, face, split, {"camera": camera})

    face = Face((0, 0, 10, 10), 1.0)
    shown = [photo(face, "phone"), photo(face, "webcam"), photo(face, "phone")]
    missed = [photo(None, "webcam"), photo(None, "webcam", "train")]
    rows = Dataset.from_dict({"image": [0, 1, 2]})
    entries = measure_groups(
        ["camera", "size"], "test", rows, np.zeros((3, 48, 48), np.uint8), np.array([0, 1, 0]), np.zeros(3, int),
        ["a", "b"], detector=None, photographs={"test": shown, "left out": missed},
    )  # fmt: skip
    phone, webcam = entries["camera"]["groups"]
    assert (phone["images"], phone["accuracy"], phone["found"]) == (2, 1, 1)
    assert (webcam["images"], webcam["accuracy"], webcam["looked_at"], webcam["found"]) == (1, 0, 2, 0.5)
    [size] = entries["size"]["groups"]
    assert (size["name"], size["images"]) == ("all", 3) and "found" not in size


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Path:
    """Twenty images with a metadata.csv: age, camera."""
    folder = tmp_path_factory.mktemp("people") / "test"
    folder.mkdir()
    with open(folder / "metadata.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "label", "Age", "camera"])
        for number in range(20):
            Image.new("L", (48, 48), 5 * number + 20).save(folder / f"{number}.png")
            writer.writerow([f"{number}.png", EMOTIONS[number % 7], 20 + number, ["phone", "", "webcam"][number % 3]])
    return folder.parent


def test_columns_are_kept_as_numbers_or_text(people):
    kept = prepare(people, wanted=["test"], keep=["age", "camera"]).splits["test"]
    assert kept["age"][:3] == [20.0, 21.0, 22.0] and kept["camera"][:3] == ["phone", None, "webcam"]
    with pytest.raises(ValueError) as caught:
        prepare(people, wanted=["test"], keep=["skin"])
    assert "there must be a column 'skin' to group by, got Age, camera; name one of these." in str(caught.value)
    with pytest.raises(ValueError, match="must be a column 'label' to group by"):
        prepare(people, wanted=["test"], keep=["label"])


@pytest.fixture(scope="module")
def report(tiny_checkpoint, people, tmp_path_factory) -> Path:
    """What the command writes with labels."""
    folder = tmp_path_factory.mktemp("report")
    options = ["--splits", "test", "--group-by", "age", "camera", "brightness", "yaw", "--report", str(folder)]
    assert main(["evaluate", str(tiny_checkpoint), "--data", str(people), *options]) == 0
    return folder


def test_the_command_reports_groups(report):
    metrics = json.loads((report / "metrics.json").read_text())
    groups = metrics["groups"]["test"]
    assert list(groups) == ["age", "camera", "brightness", "yaw"]
    assert [row["name"] for row in groups["camera"]["groups"]] == ["phone", "webcam", "unknown"]
    assert [row["images"] for row in groups["age"]["groups"]] == [4] * 5
    assert groups["yaw"]["groups"] == [groups["yaw"]["groups"][0]]  # no face in flat images
    assert groups["yaw"]["groups"][0]["name"] == "no face found" and "found" not in groups["yaw"]["groups"][0]
    assert groups["brightness"]["groups"][0]["found"] == 0
    for entry in groups.values():
        right = sum(row["images"] * row["accuracy"] for row in entry["groups"])
        assert right == pytest.approx(20 * metrics["test"]["accuracy"])
    text = (report / "report.md").read_text()
    assert "by age (a column of the data set)\n" in text and f"by yaw ({MEASURED['yaw']})" in text
    assert "(test_groups.png)" in text
    with Image.open(report / "test_groups.png") as picture:
        assert picture.width > 800 and np.asarray(picture.convert("L")).std() > 20


def test_predictions_of_images_without_labels(tiny_checkpoint, people, tmp_path, capsys):
    plain = tmp_path / "plain"
    plain.mkdir()
    for path in sorted((people / "test").glob("*.png"))[:12]:
        shutil.copy(path, plain)
    options = ["--labels", "none", "--group-by", "brightness", "--report", str(tmp_path / "report")]
    assert main(["evaluate", str(tiny_checkpoint), "--data", str(plain), *options]) == 0
    assert "all by groups\nby brightness" in capsys.readouterr().out
    [entry] = json.loads((tmp_path / "report/metrics.json").read_text())["groups"]["all"].values()
    assert sum(row["images"] for row in entry["groups"]) == 12 and len(entry["groups"]) == 5
    for row in entry["groups"]:
        assert sum(each["share"] for each in row["predicted"].values()) == pytest.approx(1) and "accuracy" not in row
    assert (tmp_path / "report/all_groups.png").is_file()
    # the labels of a data set that has some are not looked at
    listed = prepare(people, wanted=["all"], keep=["camera"], labelled=False).splits["all"]
    assert listed.features["label"].names == ["no label"] and listed["camera"][0] == "phone"
    assert main(["evaluate", str(tiny_checkpoint), "--data", str(plain), "--labels", "none"]) == 1
    assert "--labels none must stand with --group-by" in capsys.readouterr().err
    with pytest.raises(ValueError, match="there must be a split test, got train"):
        prepare(plain, wanted=["test"], labelled=False)


def test_a_card_has_the_groups_of_its_metrics(shipped_checkpoint, report, tmp_path):
    for path in shipped_checkpoint.iterdir():
        shutil.copy(path, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    metrics["groups"] = json.loads((report / "metrics.json").read_text())["groups"]
    write_json(tmp_path / "metrics.json", metrics)
    text = write_card(tmp_path).read_text()
    phone = metrics["groups"]["test"]["camera"]["groups"][0]
    assert "## Results by group" in text and f"| camera | phone | 7 | {100 * phone['accuracy']:.1f} % |" in text
    assert "![Groups of test images](groups.png)" in text and (tmp_path / "groups.png").is_file()
    del metrics["groups"]
    write_json(tmp_path / "metrics.json", metrics)
    assert "## Results by group" not in write_card(tmp_path).read_text()
    assert not (tmp_path / "groups.png").exists()
