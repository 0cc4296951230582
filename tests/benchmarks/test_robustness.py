"""Robustness of checkpoints: the metrics, the rule, and the table."""

import numpy as np
import pytest
from PIL import Image

from benchmarks import robustness
from benchmarks.robustness_table import markdown, plot, read_lines, write_table
from fer_hub.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from fer_hub.evaluation.robustness import CLEAN, PART, Judged, all_kinds, figures, measure, rule
from fer_hub.model import EMOTIONS, FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.pipeline import FERPipeline


def test_figures_are_of_the_images_that_count():
    judged = Judged("few", np.zeros((5, 8, 8), np.uint8), ("a", "b", "c"), np.array([0, 0, 1, -1, 2]), ("a", "b"))
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.3, 0.6, 0.1], [0.4, 0.4, 0.2]])
    row = figures(judged, probabilities)
    assert row["images"] == 4 and row["accuracy"] == 0.5 and row["recalls"] == {"a": 0.5, "b": 1.0, "c": 0.0}
    assert row["macro_recall"] == 0.75 and row["mean_probability"] == pytest.approx((0.9 + 0.8 + 0.6 + 0.4) / 4)


def test_the_rule_weighs_clean_and_bad_crops_alike():
    """Written out by hand for two sets; other strengths and kinds of figures make no difference."""
    rows = []
    for data, clean, bad in (("one", 0.9, 0.5), ("two", 0.6, 0.4)):
        rows.append({"data": data, "kind": CLEAN, "strength": 0, "macro_recall": clean, "accuracy": 0.1})
        for number, kind in enumerate(CORRUPTIONS):
            rows.append({"data": data, "kind": kind, "strength": 3, "macro_recall": bad + (number - 6) / 100})
            rows.append({"data": data, "kind": kind, "strength": 5, "macro_recall": 0.0})
    assert rule(rows) == pytest.approx({"one": 0.7, "two": 0.5, "rule": 0.6})


def test_a_network_without_a_class_is_never_right_about_it(tiny_checkpoint):
    model, image_processor = (
        kind.from_pretrained(tiny_checkpoint) for kind in (FERForImageClassification, FERImageProcessor)
    )
    images = np.random.default_rng(0).integers(0, 256, (6, 48, 48), dtype=np.uint8)
    sets = [
        Judged("seven", images, EMOTIONS, np.arange(6)),
        Judged("eight", images, ("contempt", *EMOTIONS), np.array([0, 0, 1, 2, 3, 4])),
    ]
    seven, eight = measure(model, image_processor, sets, "dark", 2)
    assert (seven["data"], seven["kind"], seven["strength"], seven["images"]) == ("seven", "dark", 2, 6)
    assert eight["recalls"]["contempt"] == 0
    assert seven["accuracy"] * 6 == pytest.approx(sum(seven["recalls"].values()))


def test_the_command_measures_and_keeps_what_it_does_not_measure(tiny_checkpoint, small_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(robustness, "validation_sets", lambda data: [_made_up("FER-2013")])  # without votes, and small
    for name in ("first", "second"):
        robustness.main(["--data", str(small_csv), "--checkpoints", str(tiny_checkpoint), "--names", name,
                         "--medium", "--output", str(tmp_path)])  # fmt: skip
    lines = read_lines(tmp_path)
    assert [line["checkpoint"] for line in lines] == ["first"] * 15 + ["second"] * 15
    assert [(line["kind"], line["strength"]) for line in lines[:14]] == all_kinds()
    assert lines[0]["images"] == 21 and set(lines[0]["recalls"]) == set(EMOTIONS)
    text = (tmp_path / "robustness.md").read_text()
    assert text == markdown(lines) and "| `second` | " in text and f"| {CLEAN} | " in text
    assert "(95 %): FER-2013 21, 21.4 points." in " ".join(text.split())
    assert (tmp_path / "robustness.png").stat().st_size > 10_000 and len(plot(lines).axes) == 15
    write_table(tmp_path, lines)
    assert read_lines(tmp_path) == lines


def test_the_figure_names_the_networks_whose_curves_it_has():
    """Of one that was measured at medium strength alone, no image of the part was measured."""
    told = {"images": 1, "accuracy": 0.5}
    lines = [{"checkpoint": "short", "data": "FER-2013", "kind": kind, "strength": 3, **told} for kind in CORRUPTIONS]
    lines += [
        {"checkpoint": "long", "data": "FER-2013" + PART, "kind": kind, "strength": strength, **told}
        for kind, strength in all_kinds(STRENGTHS)
    ]
    [legend] = plot(lines).legends
    assert [text.get_text() for text in legend.texts] == ["long"]


def test_a_set_that_one_checkpoint_lacks_leaves_its_cells_empty(tmp_path):
    """--press is optional: another checkpoint's lines may have it."""
    figures = {"images": 1, "accuracy": 0.5, "macro_recall": 0.4, "calibration_error": 0.1, "mean_probability": 0.9}
    lines = [
        {"checkpoint": checkpoint, "data": data, "kind": kind, "strength": strength, **figures, "recalls": {"sad": 0.4}}
        for checkpoint, sets in (("whole", ("FER+", "press")), ("less", ("FER+",)))
        for data in sets
        for kind, strength in all_kinds()
    ]
    write_table(tmp_path, lines)
    text = (tmp_path / "robustness.md").read_text().splitlines()
    assert "| `whole` | 40.0 | 40.0 | 40.0 |" in text and "| `less` | 40.0 |  |  |" in text
    assert f"| {CLEAN} | 50.0 (10.0) |  |" in text  # of press
    assert [line for line in text if line.startswith("- press")] == ["- press, `whole`: sad 40"]


def test_a_uniform_prior_is_what_the_pipeline_makes_of_it(tmp_path):
    shares = [0.3, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1]
    config = FERConfig(embedding_size=4, hidden_sizes=(8,), depths=(1,), class_shares=shares, temperature=0.5)
    FERForImageClassification(config).save_pretrained(tmp_path)
    FERImageProcessor().save_pretrained(tmp_path)
    judged = _made_up("FER-2013")
    lines = robustness.measure_checkpoint(tmp_path, [judged], (3,), "uniform")
    with FERPipeline.from_pretrained(tmp_path, prior="uniform") as pipeline:
        rows = pipeline.classify_crops([Image.fromarray(image) for image in judged.images])
    answers = np.array([list(row.values()) for row in rows])
    assert lines[0]["accuracy"] == (answers.argmax(1) == judged.labels).mean()
    assert lines[0]["mean_probability"] == pytest.approx(answers.max(1).mean(), rel=1e-4)


def _made_up(name):
    random = np.random.default_rng(0)
    return Judged(name, random.integers(0, 256, (21, 48, 48), dtype=np.uint8), EMOTIONS, np.arange(21) % 7)
