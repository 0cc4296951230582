"""Accuracy on images with and without a copy in another split."""

import json

import numpy as np
import pytest

from fer_hub.commands.line import main
from fer_hub.data import decode_images, load_fer2013
from fer_hub.evaluation.copies import measure_clean, part_accuracy, summary
from fer_hub.inference.logits import predict_probabilities
from fer_hub.model import FERForImageClassification, FERImageProcessor


@pytest.fixture
def known(tmp_path):
    """As if test rows 3 and 5 had a copy in train and row 8 one in validation; 9 and 10 are copies of each other."""
    groups = [{"train": [0, 4], "test": [3, 5]}, {"validation": [1], "test": [8]}, {"test": [9, 10]}]
    counts = {"train": {"images": 70}, "validation": {"images": 21}, "test": {"images": 14}}
    file = tmp_path / "copies.json"
    file.write_text(json.dumps({"splits": counts, "groups": groups}))
    return file


def test_the_parts_are_the_images_with_and_without_a_copy(tiny_checkpoint, small_csv, known):
    result = measure_clean(tiny_checkpoint, str(small_csv), known, progress=False)
    test = load_fer2013(small_csv)["test"]
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    probabilities = predict_probabilities(
        model, FERImageProcessor.from_pretrained(tiny_checkpoint), decode_images(test)
    )
    right = probabilities.argmax(1) == np.asarray(test["label"][:])
    copied = np.isin(np.arange(14), [3, 5, 8])
    assert (result["split"], result["others"]) == ("test", ["train", "validation"])
    for name, part in {"whole": right, "clean": right[~copied], "with_a_copy": right[copied]}.items():
        assert (result[name]["images"], result[name]["accuracy"]) == (len(part), part.mean())


def test_the_command_prints_and_keeps_what_stands_in_the_file(tiny_checkpoint, small_csv, known, tmp_path, capsys):
    output = tmp_path / "clean.json"
    output.write_text(json.dumps({"another": {"split": "test"}}))
    line = ["clean-accuracy", str(tiny_checkpoint), "--data", str(small_csv), "--duplicates", str(known)]
    assert main([*line, "--output", str(output)]) == 0
    assert "test, with a copy elsewhere: " in capsys.readouterr().out
    assert set(json.loads(output.read_text())) == {"another", str(tiny_checkpoint)}


def test_a_file_of_another_data_set_is_refused(tiny_checkpoint, small_csv, known):
    content = json.loads(known.read_text())
    content["splits"]["test"]["images"] = 9
    known.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"must be made from the data set that is measured.*the file knows 9 rows"):
        measure_clean(tiny_checkpoint, str(small_csv), known, progress=False)


def test_an_interval_holds_the_accuracy_and_a_part_may_be_empty():
    row = part_accuracy(np.arange(400) % 4 > 0)
    low, high = row["accuracy_interval"]
    assert row["accuracy"] == 0.75 and 0.70 < low < 0.72 and 0.78 < high < 0.80
    empty = {"split": "test", "whole": row, "clean": row, "with_a_copy": part_accuracy(np.zeros(0, bool))}
    assert empty["with_a_copy"] == {"images": 0}
    assert summary(empty).splitlines()[2] == "test, with a copy elsewhere: no images"
