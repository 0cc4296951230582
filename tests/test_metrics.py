"""Metrics against values worked out by hand."""

import json

import numpy as np
import pytest

from fer_hub.metrics import calibration_error, classification_metrics

NAMES = ["a", "b", "c"]
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
LABELS = np.array([0, 1, 1, 2])


def test_values_by_hand():
    result = classification_metrics(PROBABILITIES, LABELS, NAMES)
    assert result["images"] == 4
    assert result["accuracy"] == 0.75
    assert result["recall"] == {"a": 1.0, "b": 0.5, "c": 1.0}
    # F1: a = 2*1/(2*1+1+0) = 2/3, b = 2*1/(2*1+0+1) = 2/3, c = 1
    assert result["f1"] == pytest.approx({"a": 2 / 3, "b": 2 / 3, "c": 1.0})
    assert result["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert result["loss"] == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.4]).mean())
    assert result["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    # four intervals with one image each: |1-0.7|, |0-0.6|, |1-0.8|, |1-0.4|
    assert result["calibration_error"] == pytest.approx((0.3 + 0.6 + 0.2 + 0.6) / 4)
    json.dumps(result)


def test_calibration_error_pools_within_an_interval():
    probabilities = np.array([[0.61, 0.39], [0.65, 0.35]])  # both in [0.6, 0.6667)
    assert calibration_error(probabilities, np.array([0, 1])) == pytest.approx(abs(0.5 - 0.63))
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_a_class_without_images_has_recall_zero():
    result = classification_metrics(PROBABILITIES[:1], LABELS[:1], NAMES)
    assert result["recall"]["c"] == 0.0 and result["macro_f1"] == 1.0


@pytest.mark.parametrize("rows", [0, 3])
def test_shapes_must_fit(rows):
    with pytest.raises(ValueError) as caught:
        classification_metrics(PROBABILITIES[:rows], LABELS[: min(rows, 2)], NAMES)
    wanted = min(rows, 2)
    assert str(caught.value) == (
        f"probabilities must have one row per label and one column per name, ({wanted}, 3) and at least one row, got "
        f"({rows}, 3); predict every image of the split once."
    )
