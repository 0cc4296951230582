"""Near-duplicates across splits: exact, mirrored, relit and slightly moved copies are found, strangers are not."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_hub.data import duplicates
from fer_hub.data.duplicates import compare_with_train, count, nearest, without_duplicates

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def strangers():
    """Smooth random images, as different from each other as faces are."""
    small = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    return np.stack([np.array(Image.fromarray(image).resize((48, 48), Image.Resampling.BICUBIC)) for image in small])


def test_a_copy_is_found_whatever_was_done_to_it(strangers):
    darker = (strangers[3] * 0.5 + 20).astype(np.uint8)
    moved = np.roll(strangers[7], 1, axis=0)
    found = nearest(np.stack([strangers[5], strangers[9][:, ::-1], darker, moved]), strangers)
    assert found.index.tolist() == [5, 9, 3, 7]
    assert found.mirrored.tolist() == [False, True, False, False]
    assert (found.correlation[:3] > 0.999).all() and duplicates.CORRELATION < found.correlation[3] < 0.999


def test_strangers_are_no_copies(strangers):
    assert nearest(strangers[:15], strangers[15:]).correlation.max() < 0.8


def test_a_flat_image_is_nobodys_copy(strangers):
    assert nearest(np.zeros((1, 48, 48), np.uint8), strangers).correlation[0] == 0


def test_what_remains_of_train(strangers):
    train, validation, test = strangers, strangers[[2]], strangers[[4, 11]][:, :, ::-1]
    assert without_duplicates(train, validation, test).tolist() == [i for i in range(30) if i not in (2, 4, 11)]


def test_counts_tell_exact_copies_and_other_labels(strangers):
    labels = np.arange(20) % 7
    test = np.concatenate([strangers[:2], np.roll(strangers[2:3], 1, axis=1), strangers[25:]])
    splits = {"train": (strangers[:20], labels), "test": (test, np.array([0, 5, 2, 0, 0, 0, 0, 0]))}
    counts = count(splits, compare_with_train(splits))
    assert counts == {"test": {"images": 8, "copies": 3, "exact": 2, "other_label": 1}}


def test_sizes_must_agree(strangers):
    with pytest.raises(ValueError) as caught:
        nearest(strangers, strangers[:, :40])
    assert str(caught.value) == (
        "images and references must be of the same size and at least one each, got (30, 48, 48) and (30, 40, 48); "
        "decode both with the same size."
    )


def test_the_command_counts_and_draws(small_csv, tmp_path, capsys):
    counts, sheet = tmp_path / "counts.json", tmp_path / "pairs.png"
    duplicates.main(["--data", str(small_csv), "--output", str(counts), "--sheet", str(sheet)])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("validation: ") and said[1].startswith("test: ")
    assert json.loads(counts.read_text())["test"]["images"] == 14
    with Image.open(sheet) as picture:
        assert picture.size == (10 * 108, 8 * 66)


def test_copies_are_counted_apart(strangers, tiny_checkpoint):
    splits = {
        "train": (strangers[:20], np.zeros(20, int)),
        "validation": (strangers[15:], np.arange(15) % 7),
        "test": (strangers[20:], np.zeros(10, int)),
    }
    found = compare_with_train(splits)
    assert set(found) == {"validation", "test"}
    shares = duplicates.accuracies(str(tiny_checkpoint), splits, found)
    assert set(shares["test"]) == {"all", "without_a_copy"}  # none of these ten is in train
    row = shares["validation"]
    assert row["all"] == pytest.approx((5 * row["with_a_copy"] + 10 * row["without_a_copy"]) / 15)


def test_fer2013_has_copies_in_every_split(fer2013_folder):
    """The committed counts. Remake with: fer-hub duplicates --data path/to/fer2013 --checkpoint ..."""
    from fer_hub.data import decode_images, load_fer2013

    loaded = load_fer2013(fer2013_folder)
    known = json.loads((ROOT / "results" / "duplicates.json").read_text())
    train, test = (decode_images(loaded[name]) for name in ("train", "test"))
    some = nearest(test[:512], train)
    whole = known["test"]["copies"] / known["test"]["images"]
    assert (some.correlation >= known["correlation"]).mean() == pytest.approx(whole, abs=0.05)
