"""What the benchmarks of press photographs, fine-tuning and label weights count, on data made here."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import fine_tuning, label_share, press
from fer_hub.data import load_fer2013
from fer_hub.evaluation.robustness import Judged
from fer_hub.model import EMOTIONS


def test_a_photograph_without_a_face_counts_as_wrong(tiny_checkpoint):
    crop = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 48), dtype=np.uint8))
    row = press.measure(tiny_checkpoint, [crop, None, crop], ["happy", "sad", "neutral"])
    assert (row["photographs"], row["missed"]) == (3, 1)
    assert row["recall"]["sad"] == 0 and row["accuracy"] in (0, 1 / 3)


def test_the_face_of_each_photograph_is_cropped_and_a_wall_has_none():
    astronaut, wall = Image.open("examples/astronaut.jpg"), Image.new("RGB", (300, 200), "grey")
    found = press.crops([astronaut, wall])
    assert found[0].size[0] == found[0].size[1] and found[1] is None


def test_the_made_folders_hold_what_was_asked_for(small_csv, tmp_path):
    splits, left_out = load_fer2013(small_csv), np.arange(7)
    root = fine_tuning.folder(tmp_path / "photos", splits, left_out, 6, 0)
    for name in fine_tuning.CLASSES:
        counts = {part: len(list((root / part / name).iterdir())) for part in ("train", "validation", "test")}
        assert (counts["train"], counts["validation"]) == (4, 2) and counts["test"] > 0
        names = {int(path.stem) for part in ("train", "validation") for path in (root / part / name).iterdir()}
        assert len(names) == 6 and not names & set(left_out.tolist())


def test_classes_are_matched_by_name_and_images_without_a_label_do_not_count():
    names = ["neutral", *[name for name in EMOTIONS if name != "neutral"], "contempt"]
    logits = np.full((3, 8), -5.0)
    logits[0, names.index("happy")] = logits[1, names.index("contempt")] = logits[2, names.index("sad")] = 5
    part = Judged("FER-2013", np.zeros((3, 48, 48), np.uint8), EMOTIONS, np.array([EMOTIONS.index("happy"), -1, 0]))
    accuracy, recalls = label_share.judged(logits, names, part)
    assert accuracy == 0.5 and recalls == {"angry": 0.0, "happy": 1.0}


def test_a_uniform_prior_finds_the_rare_class():
    """One feature, on which contempt, twenty times rarer than neutral, lies a little higher."""
    names, weight = ["neutral", "contempt"], torch.tensor([[0.0], [1.0]])
    part = Judged("FER+", np.zeros((2, 48, 48), np.uint8), ("neutral", "contempt"), np.array([0, 1]))
    shares = torch.tensor([20 / 21, 1 / 21])
    row = label_share.figures(weight, shares.log(), shares, names, [(torch.tensor([[-1.0], [1.0]]), part)])
    assert row["FER+"] == 0.5 and row["uniform prior: contempt"] == 1


@pytest.mark.parametrize("share", sorted({share for share, _ in label_share.VARIANTS}))
def test_label_weights_are_shares(share):
    assert 0 < share < 1
