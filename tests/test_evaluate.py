"""Evaluation of made-up data end to end, and of the shipped checkpoint on the real data."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from fer_hub import evaluate as evaluation
from fer_hub.card import PICTURES
from fer_hub.model import FERForImageClassification, FERImageProcessor
from fer_hub.predict import predict_probabilities
from fer_hub.results import FacePrediction


def test_probabilities_do_not_depend_on_the_batch_size(tiny_checkpoint):
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    images = np.random.default_rng(0).integers(0, 256, (7, 48, 48), dtype=np.uint8)
    one = predict_probabilities(model, FERImageProcessor(), images, batch_size=1)
    many = predict_probabilities(model, FERImageProcessor(), images, batch_size=4)
    assert one.shape == (7, 7) and one.dtype == np.float32
    assert np.allclose(one, many, atol=1e-6) and np.allclose(one.sum(1), 1, atol=1e-5)
    assert predict_probabilities(model, FERImageProcessor(), images[:0]).shape == (0, 7)


class EveryOtherFace:
    """A pipeline that finds every other face and always says happy: the counting can be checked by hand."""

    def __init__(self, model):
        self.model, self.image_processor, self.calls = model, FERImageProcessor(), 0

    def __call__(self, photos: list[Image.Image]) -> list[list[FacePrediction]]:
        answers = []
        for photo in photos:
            self.calls += 1
            names = self.model.config.label2id
            probabilities = {name: float(name == "happy") for name in names}
            found = FacePrediction(box=(0, 0, photo.width, photo.height), score=1.0, emotion="happy",
                                   probabilities=probabilities)  # fmt: skip
            answers.append([found] if self.calls % 2 else [])
        return answers


def test_a_missed_face_counts_as_wrong(tiny_checkpoint):
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    pipeline = EveryOtherFace(model)
    images, labels = np.zeros((8, 48, 48), np.uint8), np.array([3, 3, 3, 3, 0, 0, 0, 0])
    result = evaluation.measure_photographs(pipeline, images, labels)
    assert pipeline.calls == 16
    assert result["photograph"] == result["canvas"] == 2 / 8  # found and happy: the first and third of each kind
    assert result["missed"] == {"photograph": 4, "canvas": 4} and result["images"] == 8
    assert result["crop"] == evaluation.measure(model, FERImageProcessor(), images, labels)["accuracy"]


def test_the_canvas_holds_the_photograph_in_its_middle():
    canvas = np.asarray(evaluation.on_canvas(Image.new("L", (192, 192), 255)))
    assert canvas.shape == (320, 320)
    assert (canvas[64:256, 64:256] == 255).all()
    assert canvas.sum() == 255 * 192 * 192 + 128 * (320 * 320 - 192 * 192)


def test_the_command_writes_figures_and_card(tiny_checkpoint, small_csv, tmp_path, capsys):
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    (folder / "metrics.json").write_text(json.dumps({"training": {
        "parameters": 5, "epochs": 1.0, "seconds": 60, "train_images": 70, "device": "cpu"}}))  # fmt: skip
    (folder / "training_args.json").write_text(json.dumps({"num_train_epochs": 3}))
    evaluation.main([str(folder), "--data", str(small_csv), "--write", "--report", str(tmp_path / "report")])
    printed = capsys.readouterr().out
    figures = json.loads((tmp_path / "report" / "metrics.json").read_text())
    pictures = {f"{split}_{name}.png" for split in figures for name in evaluation.PICTURES}
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"metrics.json", "report.md", *pictures}
    assert "![test confusion](test_confusion.png)" in (tmp_path / "report" / "report.md").read_text()
    assert set(PICTURES) <= {path.name for path in folder.iterdir()}
    assert list(figures) == ["validation", "test"] and figures["validation"]["images"] == 21
    assert f"test: accuracy {figures['test']['accuracy']:.1%}" in printed
    written = json.loads((folder / "metrics.json").read_text())
    assert written == {"training": written["training"], **figures}
    card = (folder / "README.md").read_text()
    assert f"| test | 14 | {100 * figures['test']['accuracy']:.1f} % |" in card
    assert "python train.py --data path/to/fer2013 --num_train_epochs 3\n" in card


def test_write_needs_a_folder(small_csv, capsys):
    with pytest.raises(SystemExit):
        evaluation.main(["someone/model", "--data", str(small_csv), "--write"])
    assert "--write needs a checkpoint folder, got someone/model; leave --write out for a Hub id." in (
        capsys.readouterr().err
    )


@pytest.mark.slow
def test_the_shipped_figures_are_remade(shipped_checkpoint, fer2013_folder):
    """The committed weights give the committed figures: two images of room for another processor's rounding."""
    stored = json.loads((shipped_checkpoint / "metrics.json").read_text())
    remade = evaluation.evaluate(str(shipped_checkpoint), str(fer2013_folder), ["validation", "test"], photographs=True)
    for split in ("validation", "test"):
        assert remade[split]["images"] == stored[split]["images"] == 3589
        assert remade[split]["accuracy"] == pytest.approx(stored[split]["accuracy"], abs=2.5 / 3589)
        assert remade[split]["macro_f1"] == pytest.approx(stored[split]["macro_f1"], abs=0.002)
        assert remade[split]["calibration_error"] == pytest.approx(stored[split]["calibration_error"], abs=0.002)
    for way in ("crop", "photograph", "canvas"):
        assert remade["photographs"][way] == pytest.approx(stored["photographs"][way], abs=4.5 / 3589)
    assert remade["validation"]["accuracy"] >= 0.66
