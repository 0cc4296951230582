"""The contact sheet of the augmentations: what stands where, seeds, and the command."""

import numpy as np
import pytest
import torch
from PIL import Image

from fer_hub.commands import main
from fer_hub.training import contact_sheet
from fer_hub.training.augmentation import PRESETS
from fer_hub.training.contact_sheet import GAP, LINE, MARGIN, SHOWN, SIDE, draw, ranges, training_crops


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)


def cell(sheet, preset, row, column, rows=3):
    """The picture in a block, column 0 being the original."""
    top = MARGIN + preset * (2 * LINE + rows * (SIDE + GAP) + MARGIN) + 2 * LINE + row * (SIDE + GAP)
    left = MARGIN + (GAP if column else 0) + column * (SIDE + GAP)
    return np.asarray(sheet.crop((left, top, left + SIDE, top + SIDE)).convert("L"))


def test_each_row_begins_with_its_image_and_goes_on_with_draws(faces):
    sheet = contact_sheet.contact_sheet(faces, ["none", "heavy"], draws=2)
    for row, face in enumerate(faces):
        expected = np.asarray(Image.fromarray(face).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        for preset, column in ((0, 0), (0, 1), (0, 2), (1, 0)):
            assert np.array_equal(cell(sheet, preset, row, column), expected)
        drawn = [cell(sheet, 1, row, column) for column in (1, 2)]
        assert not np.array_equal(drawn[0], expected) and not np.array_equal(*drawn)


def test_a_seed_repeats_the_sheet_and_leaves_other_random_numbers_alone(faces):
    before = torch.get_rng_state()
    first, again, other = (contact_sheet.contact_sheet(faces, draws=1, seed=seed).tobytes() for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(before, torch.get_rng_state())


def test_draws_are_what_training_sees(faces):
    torch.manual_seed(4)
    expected = PRESETS["light"](torch.from_numpy(faces)[:, None].repeat_interleave(2, 0))
    assert np.array_equal(draw(faces, "light", 2, seed=4).reshape(6, 1, 48, 48), expected.round().byte().numpy())


def test_the_ranges_are_those_of_the_preset():
    assert ranges("heavy") == (
        "flip 0.5, rotation 20, shift 0.12, zoom 0.25, shear 10, brightness 0.25, contrast 0.5, erasing 0.5"
    )
    assert ranges("crop").endswith(", crop 0.833, erasing 0.25")


def test_windows_are_drawn_at_the_scale_of_their_image(faces):
    drawn = draw(faces, "crop", 2)
    assert drawn.shape == (3, 2, 40, 40)
    shown = cell(contact_sheet.contact_sheet(faces, ["crop"], draws=2), 0, 1, 1)
    window = Image.fromarray(drawn[1, 0]).resize((80, 80), Image.Resampling.BICUBIC)  # 40 of 48 are 80 of 96 pixels
    assert np.array_equal(shown[8:88, 8:88], np.asarray(window))
    around = shown.copy()
    around[8:88, 8:88] = 255
    assert (around == 255).all()  # nothing but white around it


def test_every_class_is_shown_before_one_is_shown_twice(small_csv):
    crops = training_crops(str(small_csv), 10)
    means = sorted(round((crop.mean() - 30) / 30) for crop in crops)  # the brightness of a class tells which it is
    assert len(crops) == 10 and len(set(means)) == 7 and max(map(means.count, means)) == 2


def test_the_command_on_a_data_set(small_csv, tmp_path, capsys):
    output = tmp_path / "sheet.png"
    options = ["--images", "2", "--draws", "3", "--presets", "light"]
    assert main(["contact-sheet", "--data", str(small_csv), "--output", str(output), *options]) == 0
    with Image.open(output) as sheet:
        assert sheet.format == "PNG" and sheet.size == (2 * MARGIN + 4 * (SIDE + GAP) + GAP, 2 * MARGIN + 48 + 200)
    assert capsys.readouterr().out == f"{output}: 2 images, 3 draws of light\n"


def test_the_command_on_the_faces_of_the_examples(tmp_path, capsys):
    assert main(["contact-sheet", "--output", str(tmp_path / "sheet.png"), "--draws", "1"]) == 0
    assert capsys.readouterr().out.endswith("sheet.png: 12 images, 1 draws of " + ", ".join(SHOWN) + "\n")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--draws", "0"], "a contact sheet needs an image, a preset and a draw, got 2 images, 15 presets and 0 draws; "
         "give at least one of each."),
        (["--data", "no/such/folder"], "no/such/folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn(tmp_path, monkeypatch, capsys, options, sentence):
    crops = np.zeros((2, 48, 48), np.uint8)
    monkeypatch.setattr(contact_sheet, "example_crops", lambda: crops)
    assert main(["contact-sheet", *options, "--output", str(tmp_path / "sheet.png")]) == 1
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_installed_package_has_no_examples(tmp_path, monkeypatch):
    monkeypatch.setattr(contact_sheet, "EXAMPLES", tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        contact_sheet.example_crops()
    assert str(caught.value) == "--data must name a data set, as the example photos are not installed."
