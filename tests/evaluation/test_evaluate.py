"""Evaluation of made-up data end to end, and of the shipped checkpoint on the real data."""

import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from datasets import Image as ImageFeature
from PIL import Image
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from fer_hub.commands import main
from fer_hub.data import FERPLUS_EMOTIONS, decode_images, load_fer2013, targets
from fer_hub.evaluation import evaluate as evaluation
from fer_hub.evaluation import measuring, report_folder
from fer_hub.evaluation.metrics import classification_metrics
from fer_hub.hub import plots as report
from fer_hub.hub.card import PICTURES, fill
from fer_hub.hub.checkpoint import update_metrics
from fer_hub.inference.logits import predict_logits, predict_probabilities, softmax
from fer_hub.model import EMOTIONS, FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.results import FacePrediction

ROOT = Path(__file__).resolve().parents[2]


def test_probabilities_do_not_depend_on_the_batch_size(tiny_checkpoint):
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    images = np.random.default_rng(0).integers(0, 256, (7, 48, 48), dtype=np.uint8)
    one = predict_probabilities(model, FERImageProcessor(), images, batch_size=1)
    many = predict_probabilities(model, FERImageProcessor(), images, batch_size=4)
    assert one.shape == (7, 7) and one.dtype == np.float32
    assert np.allclose(one, many, atol=1e-6) and np.allclose(one.sum(1), 1, atol=1e-5)
    assert predict_probabilities(model, FERImageProcessor(), images[:0]).shape == (0, 7)


def test_mirror_images_have_equal_weight(tiny_checkpoint, small_csv):
    """By hand: both views one after the other, the mean of their logits."""
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    model.config.temperature = 1.7
    test = load_fer2013(small_csv)["test"]
    images, labels = decode_images(test), np.array(test["label"][:])
    measured = measuring.measure_trained(
        model, FERImageProcessor(), {"validation": images, "test": images},
        dict.fromkeys(("validation", "test"), targets(test)), calibrate=False,
    )["test"]["flip_averaged"]  # fmt: skip
    views = [predict_logits(model, FERImageProcessor(), view) for view in (images, images[:, :, ::-1].copy())]
    by_hand = classification_metrics(softmax(sum(views) / 2), labels, list(EMOTIONS))
    assert measured == {name: by_hand[name] for name in ("accuracy", "macro_f1", "calibration_error")}
    assert not np.allclose(*views)


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
            found = FacePrediction(box=(0, 0, photo.width, photo.height), detection_score=1.0, emotion="happy",
                                   probabilities=probabilities)  # fmt: skip
            answers.append([found] if self.calls % 2 else [])
        return answers


def test_a_missed_face_counts_as_wrong(tiny_checkpoint):
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    pipeline = EveryOtherFace(model)
    images, labels = np.zeros((8, 48, 48), np.uint8), np.array([3, 3, 3, 3, 0, 0, 0, 0])
    result = measuring.measure_photographs(pipeline, images, labels)
    assert pipeline.calls == 16
    assert result["photograph"] == result["canvas"] == 2 / 8  # found and happy: the first and third of each kind
    assert result["missed"] == {"photograph": 4, "canvas": 4} and result["images"] == 8
    assert result["crop"] == measuring.measure(model, FERImageProcessor(), images, labels)["accuracy"]


def test_the_photo_is_centred_on_the_canvas():
    canvas = np.asarray(measuring.on_canvas(Image.new("L", (192, 192), 255)))
    assert canvas.shape == (320, 320)
    assert (canvas[64:256, 64:256] == 255).all()
    assert canvas.sum() == 255 * 192 * 192 + 128 * (320 * 320 - 192 * 192)


def test_the_command_writes_figures_and_card(tiny_checkpoint, small_csv, tmp_path, capsys):
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    (folder / "metrics.json").write_text(json.dumps({"training": {
        "parameters": 5, "epochs": 1.0, "seconds": 60, "train_images": 70, "device": "cpu"}}))  # fmt: skip
    (folder / "training_args.json").write_text(json.dumps({"num_train_epochs": 3}))
    options = ["--write", "--report", str(tmp_path / "report")]
    assert main(["evaluate", str(folder), "--data", str(small_csv), *options]) == 0
    printed = capsys.readouterr().out
    figures = json.loads((tmp_path / "report" / "metrics.json").read_text())
    pictures = {f"{split}_{name}.png" for split in figures for name in report_folder.PICTURES}
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"metrics.json", "report.md", *pictures}
    assert "![test confusion](test_confusion.png)" in (tmp_path / "report" / "report.md").read_text()
    assert set(PICTURES) <= {path.name for path in folder.iterdir()}
    assert list(figures) == ["validation", "test"] and figures["validation"]["images"] == 21
    assert f"test: accuracy {figures['test']['accuracy']:.1%}" in printed
    written = json.loads((folder / "metrics.json").read_text())
    assert written == {"training": written["training"], **figures}
    card = (folder / "README.md").read_text()
    assert f"| test | 14 | {100 * figures['test']['accuracy']:.1f} % |" in card
    assert "train.py --recipe path/to/checkpoint/training_args.json --data path/to/fer2013\n" in card


def test_a_bar_in_a_class_name_is_no_column(shipped_checkpoint):
    """Neither in a report nor in a card."""
    row = classification_metrics(np.eye(2) * 0.8 + 0.1, np.arange(2), ["a|b", "c"])
    parts = {
        name: json.loads((shipped_checkpoint / f"{name}.json").read_text().replace('"angry"', '"an|gry"'))
        for name in ("config", "metrics", "training_args")
    }
    for text in (report_folder.report_text({"test": row}), str(fill(**parts, size=1))):
        assert r"a\|b" in text or r"an\|gry" in text
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


@pytest.mark.parametrize("kind", ["folder", "csv", "classes"])
def test_figures_of_other_data_are_not_written(tiny_checkpoint, small_csv, tmp_path, capsys, kind):
    """A card would tell them as FER-2013's. A CSV with its seven classes looks like FER-2013 in all but its numbers."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    metrics = {"data": {"name": "FER-2013", "hub": False, "fer2013": True, "images": "crops", "cut": []}}
    metrics["test"] = {"images": 3589, "accuracy": 0.7}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "training_args.json").write_text("{}")
    data = small_csv if kind == "csv" else tmp_path / "mine"
    if kind != "csv":
        for name in EMOTIONS[: 7 if kind == "folder" else 3]:
            (data / "test" / name).mkdir(parents=True)
            Image.new("L", (48, 48), 99).save(data / "test" / name / "0.png")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(["evaluate", str(folder), "--data", str(data), "--splits", "test", "--write"]) == 1
    said = capsys.readouterr().err
    assert "--write needs the data that the checkpoint was measured on, FER-2013 (crops) with 3,589 images" in said
    assert "use --report FOLDER for other data." in said and "Traceback" not in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_card_that_cannot_be_filled_changes_nothing(each_checkpoint, tmp_path):
    folder = shutil.copytree(each_checkpoint, tmp_path / "checkpoint")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(Exception, match=r"."):
        update_metrics(folder, {"test": {"images": 3}})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_write_needs_a_folder(small_csv, capsys):
    assert main(["evaluate", "someone/model", "--data", str(small_csv), "--write"]) == 2
    assert "--write needs a checkpoint folder, got someone/model; leave --write out for a Hub id." in (
        capsys.readouterr().err
    )


EIGHT = ["anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]


def other_model(folder, kind, names):
    """A small model of transformers with random weights and these class names, as somebody else would save it."""
    from transformers import ResNetConfig, ResNetForImageClassification, ViTConfig, ViTForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    torch.manual_seed(0)
    labels = {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}
    if kind == "vit":
        config = ViTConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
                           image_size=32, patch_size=8, **labels)  # fmt: skip
        model = ViTForImageClassification(config)
    else:
        config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], **labels)
        model = ResNetForImageClassification(config)
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return model.eval(), folder


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_any_model_is_measured_by_the_names_of_its_classes(kind, small_csv, tmp_path, capsys):
    model, folder = other_model(tmp_path / kind, kind, EIGHT)
    report = tmp_path / "report"
    assert main(["evaluate", str(folder), "--data", str(small_csv), "--splits", "test", "--report", str(report)]) == 0
    figures = json.loads((report / "metrics.json").read_text())
    # the same by hand, one image after the other
    image_processor = AutoImageProcessor.from_pretrained(folder)
    ours = {"anger": 0, "disgust": 1, "fear": 2, "happiness": 3, "sadness": 4, "surprise": 5, "neutral": 6}
    losses, right = [], 0
    test = load_fer2013(small_csv)["test"]
    for row in test:
        inputs = image_processor(images=row["image"].convert("RGB"), return_tensors="pt")
        probabilities = model(**inputs).logits.softmax(1)[0].tolist()
        mine = {ours[name]: p for name, p in zip(EIGHT, probabilities, strict=True) if name in ours}
        losses.append(-np.log(mine[row["label"]] / sum(mine.values())))
        right += max(mine, key=mine.get) == row["label"]
    assert figures["test"]["loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert figures["test"]["accuracy"] == right / len(test) and figures["test"]["images"] == 14
    assert figures["classes"]["map"] == {name: EMOTIONS[ours[name]] if name in ours else None for name in EIGHT}
    said = "Dropped, with the other probabilities renormalised: contempt."
    assert said in capsys.readouterr().out and said in (report / "report.md").read_text()


def test_unusual_names_are_mapped_and_missing_classes_left_out(small_csv, tmp_path, capsys):
    _, folder = other_model(tmp_path / "vit", "vit", ["LABEL_0", "LABEL_1", "happy"])
    command = ["evaluate", str(folder), "--data", str(small_csv), "--splits", "test"]
    command += ["--map", "LABEL_0=sadness", "LABEL_1=Anger"]
    assert main(command) == 1
    assert "has no disgust and no fear and no surprise and no neutral among LABEL_0, " in capsys.readouterr().err
    assert main([*command, "--partial", "--report", str(tmp_path / "report")]) == 0
    figures = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert figures["test"]["images"] == 6 and list(figures["test"]["recall"]) == ["angry", "happy", "sad"]
    assert figures["classes"]["left_out"] == {"test": 8}
    assert (
        "The model has no disgust and no fear and no surprise and no neutral: images of these are left out (8 of test)."
    ) in capsys.readouterr().out
    pairs = "--map must be pairs THEIRS=OURS, got 'LABEL_0'; write for example LABEL_0=angry."
    for wish, sentence in (("LABEL_0", pairs), ("joy=happy", "--map must begin with a class of the model, ")):
        assert main(["evaluate", str(folder), "--data", str(small_csv), "--map", wish]) == 1
        assert sentence in capsys.readouterr().err


def test_remote_code_runs_only_on_request(small_csv, tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "theirs", "auto_map": {"AutoConfig": "a.B"}}))
    assert main(["evaluate", str(tmp_path), "--data", str(small_csv)]) == 1
    assert "pass trust_remote_code=True to run its own Python files if you trust them" in capsys.readouterr().err


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    """A parquet folder with FER+ votes: 12 images of each split, two of which have no expression as majority."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("voted")
    votes = [[0] * 8 + [10, 0], [0] * 8 + [0, 10]]
    votes += [random.multinomial(10, [0.1] * 8 + [0.1, 0.1]).tolist() for _ in range(40)]
    votes = [*votes[:2], *[row for row in votes[2:] if max(row[:8]) > max(row[8:])][:10]]
    features = Features({"image": ImageFeature(), "label": ClassLabel(names=list(EMOTIONS)),
                         "ferplus_votes": List(Value("uint8"))})  # fmt: skip
    for split in ("train", "validation", "test"):
        images = [Image.fromarray(random.integers(0, 256, (48, 48), dtype=np.uint8)) for _ in votes]
        rows = {"image": images, "label": [i % 7 for i in range(12)], "ferplus_votes": votes}
        Dataset.from_dict(rows, features=features).to_parquet(str(folder / f"{split}.parquet"))
    return folder, np.array(votes[2:])[:, :8]


def test_votes_are_compared_with_the_probabilities(voted, tmp_path):
    folder, votes = voted
    torch.manual_seed(0)
    config = FERConfig(embedding_size=4, hidden_sizes=(8,), depths=(1,), id2label=dict(enumerate(FERPLUS_EMOTIONS)))
    model = FERForImageClassification(config)
    model.save_pretrained(tmp_path / "eight")
    FERImageProcessor().save_pretrained(tmp_path / "eight")
    row = evaluation.evaluate(str(tmp_path / "eight"), str(folder), ["test"], report=tmp_path / "report")["test"]
    images = decode_images(load_fer2013(folder)["test"])[2:]
    probabilities = predict_probabilities(model, FERImageProcessor(), images).astype(float)
    shares = votes / votes.sum(1, keepdims=True)
    assert row["images"] == 10
    assert row["vote_cross_entropy"] == pytest.approx(-(shares * np.log(probabilities)).sum(1).mean(), rel=1e-5)
    assert row["vote_mean_absolute_error"] == pytest.approx(np.abs(shares - probabilities).mean(), rel=1e-5)
    assert (
        f"| vote cross entropy | {row['vote_cross_entropy']:.4f} |" in (tmp_path / "report" / "report.md").read_text()
    )
    # somebody else's model, asked about FER+
    _, other = other_model(tmp_path / "vit", "vit", EIGHT)
    assert "vote_cross_entropy" not in evaluation.evaluate(str(other), str(folder), ["test"])["test"]
    assert "vote_cross_entropy" in evaluation.evaluate(str(other), str(folder), ["test"], labels="ferplus")["test"]


def test_all_images_can_be_measured_as_one_split(tiny_checkpoint, small_csv, capsys):
    assert main(["evaluate", str(tiny_checkpoint), "--data", str(small_csv), "--splits", "all"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("all: accuracy ") and "(105 images)" in printed
    assert main(["evaluate", str(tiny_checkpoint), "--data", str(small_csv), "--splits", "all", "test"]) == 2
    assert "--splits all must stand alone and without --write" in capsys.readouterr().err


@pytest.mark.parametrize("names", [["no", "yes"], [f"a long name of class {index:02d} indeed" for index in range(20)]])
def test_pictures_fit_any_classes(names):
    random = np.random.default_rng(0)
    probabilities, labels = random.dirichlet(np.ones(len(names)), 60), random.integers(0, len(names), 60)
    images = np.zeros((60, 48, 48), np.uint8)
    sheet = np.asarray(report.mistakes_sheet(images, probabilities, labels, names))
    lines = sheet[100:132].min(axis=(0, 2))  # the two lines of text under the first row of images
    wide = np.flatnonzero(lines < 128)
    gaps = np.diff(wide)
    assert sheet.shape[1] <= 1040 and wide.max() < sheet.shape[1] - 2 and gaps.max() >= 4  # texts stand apart
    scores = report.plot_scores(classification_metrics(probabilities, labels, names))
    scores.draw_without_rendering()
    boxes = [tick.get_window_extent() for tick in scores.axes[0].get_xticklabels()]
    upright = scores.axes[0].get_xticklabels()[0].get_rotation() == 0
    assert upright == (len(names) == 2)
    assert not upright or not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
    assert min(box.x0 for box in boxes) >= 0 and min(box.y0 for box in boxes) >= 0


@pytest.mark.slow
@pytest.mark.timeout(1200)  # two to five minutes: it looks for faces in 7,178 photographs
@pytest.mark.parametrize(("name", "images", "floor"), [("fer2013", 3589, 0.65), ("ferplus", 3546, 0.82)])
def test_the_shipped_figures_are_remade(name, images, floor, fer2013_folder):
    """The committed weights give the committed figures: two images of room for another processor's rounding."""
    checkpoint = ROOT / "checkpoints" / name
    stored = json.loads((checkpoint / "metrics.json").read_text())
    whole = name == "fer2013"  # the chain is the same for both, and the longest part
    remade = evaluation.evaluate(str(checkpoint), str(fer2013_folder), ["validation", "test"], photographs=whole)
    assert remade["test"]["images"] == images
    for split in ("validation", "test"):
        assert remade[split]["images"] == stored[split]["images"]
        assert remade[split]["accuracy"] == pytest.approx(stored[split]["accuracy"], abs=2.5 / images)
        mirrored = (figures[split]["flip_averaged"]["accuracy"] for figures in (remade, stored))
        assert next(mirrored) == pytest.approx(next(mirrored), abs=2.5 / images)
        assert remade[split]["macro_f1"] == pytest.approx(stored[split]["macro_f1"], abs=0.002)
        assert remade[split]["calibration_error"] == pytest.approx(stored[split]["calibration_error"], abs=0.002)
    for way in ("crop", "photograph", "canvas") if whole else ():
        assert remade["photographs"][way] == pytest.approx(stored["photographs"][way], abs=4.5 / images)
    assert remade["validation"]["accuracy"] >= floor
