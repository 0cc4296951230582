"""What else only the real FER-2013 shows, on crops that may be handed on: see tests/golden.py.

Each test stands in for one that is skipped without FER-2013, which its docstring names.
"""

import json

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features
from datasets import Image as ImageFeature
from PIL import Image

from fer_hub.data import load_fer2013
from fer_hub.detection.detector import FaceDetector
from fer_hub.detection.framing import FER_BOX_SCALE, FER_CENTRE_RAISE
from fer_hub.evaluation import evaluate as evaluation
from fer_hub.evaluation.calibration import before_and_after
from fer_hub.evaluation.temperature import fit_temperature
from fer_hub.model import EMOTIONS
from tests import golden

GOLDEN = json.loads(golden.STORED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def crops():
    return golden.crops(GOLDEN["frames"])


@pytest.fixture(scope="module")
def labels():
    """What `fer2013` sees in each crop by the stored logits, and of every fourth its second guess."""
    order = np.argsort(GOLDEN["logits"]["fer2013"]["logits"], axis=1)
    return np.where(np.arange(len(order)) % 4 == 1, order[:, -2], order[:, -1])


@pytest.fixture(scope="module")
def folder(crops, labels, tmp_path_factory):
    """A third of the crops in each split of a parquet folder, as FER-2013 has it."""
    folder = tmp_path_factory.mktemp("golden") / "fer"
    folder.mkdir()
    features = Features({"image": ImageFeature(), "label": ClassLabel(names=list(EMOTIONS))})
    for start, split in enumerate(("train", "validation", "test")):
        data = {"image": crops[start::3], "label": labels[start::3].tolist()}
        Dataset.from_dict(data, features=features).to_parquet(str(folder / f"{split}-00000-of-00001.parquet"))
    return folder


@pytest.mark.parametrize("checkpoint", golden.CHECKPOINTS)
def test_the_logits_are_the_stored_ones(checkpoint, crops):
    """Weights, architecture, preprocessing and temperature together: no change of the code moves what is predicted."""
    stored = GOLDEN["logits"][checkpoint]
    assert len(crops) >= 36 and len(stored["logits"]) == len(crops)
    same = golden.weights(checkpoint) == stored["weights"]
    assert same, f"{checkpoint} has other weights than the stored logits are of; run python -m tests.golden"
    assert np.allclose(golden.logits_of_checkpoint(checkpoint, crops), stored["logits"], atol=0.05)


def test_the_crops_come_back_from_parquet(folder, crops, labels):
    """Stands in for the counts of FER-2013, tests/data/test_data_parquet.py."""
    splits = load_fer2013(folder)
    assert {name: len(split) for name, split in splits.items()} == dict.fromkeys(splits, len(crops) // 3)
    for start, split in enumerate(("train", "validation", "test")):
        assert splits[split]["label"][:] == labels[start::3].tolist()
        assert all(np.array_equal(a, b) for a, b in zip(splits[split]["image"][:], crops[start::3], strict=True))


def test_the_stored_logits_give_the_measured_figures(folder, labels):
    """Stands in for the shipped figures, tests/evaluation/test_evaluate.py: every way from files to accuracy."""
    checkpoint = golden.ROOT / "checkpoints" / "fer2013"
    measured = evaluation.evaluate(str(checkpoint), str(folder), ["validation", "test"], photographs=True)
    predicted = np.argmax(GOLDEN["logits"]["fer2013"]["logits"], axis=1)
    for start, split in ((1, "validation"), (2, "test")):
        right = (predicted == labels)[start::3]
        assert measured[split]["images"] == len(right) == 12
        assert measured[split]["accuracy"] == pytest.approx(right.mean()) and 0.5 < right.mean() < 1
    whole = measured["photographs"]
    assert (whole["images"], whole["crop"]) == (12, measured["test"]["accuracy"])
    assert max(whole["missed"].values()) <= 1
    assert min(whole["photograph"], whole["canvas"]) >= 0.5


def test_real_faces_have_their_temperature_inside_the_bounds(labels):
    """Stands in for the logits of validation, tests/evaluation/test_calibrate.py."""
    logits = np.array(GOLDEN["logits"]["fer2013"]["logits"])
    temperature = fit_temperature(logits, labels)
    assert 0.1 < temperature < 10
    result = before_and_after(logits, labels, temperature)
    assert result["after"]["loss"] < result["before"]["loss"]


@pytest.fixture(scope="module")
def detector():
    with FaceDetector() as detector:
        yield detector


def test_faces_in_small_crops_are_found(detector, crops):
    """Stands in for FER-2013's training faces, tests/detection/test_detector.py."""
    found = {"close-up": 0, "canvas": 0}
    for crop in crops[::3]:
        face = crop.resize((192, 192), Image.Resampling.BICUBIC).convert("RGB")
        canvas = Image.new("RGB", (320, 320), (128, 128, 128))
        canvas.paste(face, (64, 64))
        found["close-up"] += len(detector.detect(face)) > 0
        found["canvas"] += len(detector.detect(canvas)) > 0
    assert min(found.values()) >= 11, found  # of twelve


def test_crops_that_are_framed_so_measure_so(crops):
    """Stands in for the framing of FER-2013, tests/detection/test_framing.py: from crops of 48 pixels."""
    from benchmarks.framing import measure_framing

    measured = measure_framing(crops[:: len(golden.VARIANTS)], "fused")  # each portrait as it is
    assert measured["found"] == measured["images"] == len(GOLDEN["frames"])
    assert measured["box_scale"] == pytest.approx(FER_BOX_SCALE, abs=0.1)
    assert measured["centre_raise"] == pytest.approx(FER_CENTRE_RAISE, abs=0.05)
