"""From a trained checkpoint to classes of one's own: what is kept, what is new, and the one command for all of it."""

import json

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard

import train
from fer_hub.data import prepare
from fer_hub.evaluation.evaluate import evaluate
from fer_hub.inference.logits import predict_probabilities
from fer_hub.model import ARCHITECTURES, EMOTIONS, FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.training.fine_tuning import continue_from, fit_last_layer, last_layer


def weights(model, head: bool) -> dict:
    name = last_layer(model)[0]
    return {key: value for key, value in model.state_dict().items() if key.startswith(f"{name}.") == head}


def test_the_same_classes_keep_the_network_but_not_its_temperature(tiny_checkpoint, tmp_path):
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    model.config.temperature = 1.7
    model.save_pretrained(tmp_path)
    FERImageProcessor().save_pretrained(tmp_path)
    said = []
    again, image_processor, is_new = continue_from(str(tmp_path), EMOTIONS, say=said.append)
    assert not is_new and said == [] and again.config.temperature == 1 and type(image_processor) is FERImageProcessor
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in again.state_dict().items())


@pytest.mark.parametrize("names", [EMOTIONS, ("neutral", "sad"), ("calm", "tense", "bored")])
def test_how_common_classes_were_before_is_forgotten(tiny_checkpoint, tmp_path, names):
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    model.config.class_shares = [0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    model.save_pretrained(tmp_path)
    FERImageProcessor().save_pretrained(tmp_path)
    assert continue_from(str(tmp_path), names, say=lambda text: None)[0].config.class_shares is None


@pytest.mark.parametrize("names", [("neutral", "sad"), tuple(reversed(EMOTIONS))])
def test_known_classes_keep_their_rows(tiny_checkpoint, names):
    before = FERForImageClassification.from_pretrained(tiny_checkpoint)
    said = []
    model, _, is_new = continue_from(str(tiny_checkpoint), names, say=said.append)
    assert not is_new and list(model.config.id2label.values()) == list(names)
    images = torch.randn(2, 1, 48, 48)
    rows = [EMOTIONS.index(name) for name in names]
    assert torch.allclose(model.eval()(images).logits, before.eval()(images).logits[:, rows], atol=1e-5)
    assert said == [f"{tiny_checkpoint}: has {', '.join(names)}, whose rows of the last layer are kept"]


def test_other_classes_get_a_new_last_layer_even_if_they_are_as_many(tiny_checkpoint):
    before = FERForImageClassification.from_pretrained(tiny_checkpoint)
    names = [f"class {index}" for index in range(7)]
    said = []
    model, _, is_new = continue_from(str(tiny_checkpoint), names, say=said.append)
    assert is_new and model.config.label2id["class 6"] == 6
    kept = weights(before, head=False)
    assert kept and all(torch.equal(value, kept[key]) for key, value in weights(model, head=False).items())
    assert not torch.equal(last_layer(model)[1].weight, last_layer(before)[1].weight)
    assert said == [
        f"{tiny_checkpoint}: its classes {', '.join(EMOTIONS)} are replaced by {', '.join(names)}: all weights except "
        "the last layer are kept"
    ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_last_layer_is_found_in_every_network(architecture):
    model = FERForImageClassification(FERConfig(architecture=architecture, num_labels=5)).eval()
    last_layer(model)[1].weight.data.zero_()
    bias = last_layer(model)[1].bias
    assert torch.allclose(model(torch.randn(1, 1, 48, 48)).logits, bias.expand(1, 5))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_fitted_last_layer_tells_classes_apart_at_once(tiny_checkpoint, classes):
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), 12)
    images = np.clip(random.normal(40 + 60 * labels[:, None, None], 10, (len(labels), 48, 48)), 0, 255).astype(np.uint8)
    names = [f"class {index}" for index in range(classes + 1)]  # the last has no images
    model, image_processor, _ = continue_from(str(tiny_checkpoint), names, say=lambda text: None)
    before = model.state_dict()
    before = {key: value.clone() for key, value in before.items()}
    fit_last_layer(model, image_processor, images, labels)
    after = model.state_dict()
    name = last_layer(model)[0]
    assert {key for key in before if not torch.equal(before[key], after[key])} == {f"{name}.weight", f"{name}.bias"}
    assert torch.equal(after[f"{name}.weight"][classes], before[f"{name}.weight"][classes])
    probabilities = predict_probabilities(model, image_processor, images)[:, :classes]
    assert (probabilities.argmax(1) == labels).all()


@pytest.fixture(scope="module")
def trained(photo_folder, tiny_checkpoint, tmp_path_factory):
    """What the one command leaves behind, and its figures."""
    folder = tmp_path_factory.mktemp("run") / "mine"
    metrics = train.main(["--data", str(photo_folder), "--images", "photographs", "--start-from", str(tiny_checkpoint),
                          "--num-train-epochs", "2", "--per-device-train-batch-size", "4", "--learning-rate", "0.01",
                          "--validation-fraction", "0.25", "--data-seed", "3",
                          "--output-dir", str(folder)])  # fmt: skip
    return folder, metrics


def test_one_command_trains_on_photographs(trained, photo_folder):
    folder, metrics = trained
    config = json.loads((folder / "final" / "config.json").read_text())
    assert config["id2label"] == {"0": "attentive", "1": "bored"} and config["hidden_sizes"] == [16, 16]
    assert [metrics[split]["images"] for split in ("validation", "test")] == [2, 2]
    assert metrics["training"]["train_images"] == 4
    assert metrics["data"] == {"name": "my_photos", "hub": False, "fer2013": False, "images": "photographs",
                               "cut": ["validation", "test"], "photographs": 9, "missed": 1}  # fmt: skip
    lines = (folder / "faces.csv").read_text().splitlines()
    assert lines[1] == f"{photo_folder}/bored/sky.jpg,left out,bored,0,,,,," and len(lines) == 10
    assert (folder / "report" / "test_confusion.png").is_file()
    assert "| attentive | 1 |" in (folder / "report" / "report.md").read_text()


def test_the_card_says_what_is_true_of_own_photographs(trained, photo_folder):
    folder, _ = trained
    card = ModelCard((folder / "final" / "README.md").read_text(encoding="utf-8"))
    text = card.content
    assert "# Facial expressions: residual_cnn on my_photos" in text
    assert "2 expressions: attentive, bored. Trained by fer_hub on my_photos" in text
    assert "beginning with the\nweights of checkpoint" in text
    assert "4 photographs, in each of which the largest face was found and cut out" in text
    assert "Of 9\nphotographs in all splits 1 without a face" in text
    assert "Validation and test were cut at random from the same images as train." in text
    assert "python train.py --recipe path/to/checkpoint/training_args.json --data path/to/my_photos\n" in text
    assert "fer-hub evaluate path/to/checkpoint --data path/to/my_photos --images photographs\n" in text
    for untrue in (
        "FER-2013 (Goodfellow",
        "web search",
        "2013, arXiv",
        "near-duplicates",
        "disgust",
        "fer2013",
        str(photo_folder.parent),
    ):
        assert untrue not in text
    assert card.data.datasets is None and "fer2013" not in card.data.tags
    assert {result.dataset_name for result in card.data.eval_results} == {"my_photos"}


def test_evaluation_repeats_the_figures_with_the_same_cut_and_remembers_photographs(trained, photo_folder):
    folder, metrics = trained
    remade = evaluate(str(folder / "final"), str(photo_folder), ["validation", "test"])
    for split in ("validation", "test"):
        assert remade[split]["confusion"] == metrics[split]["confusion"]
        assert remade[split]["loss"] == pytest.approx(metrics[split]["loss"], rel=1e-4)
    assert "classes" not in remade


def test_a_network_from_random_weights_takes_the_classes_too(crop_folder, tmp_path):
    metrics = train.main(["--data", str(crop_folder), "--architecture", "baseline_cnn", "--max-steps", "2",
                          "--per-device-train-batch-size", "8", "--eval-strategy", "no", "--save-strategy", "no",
                          "--load-best-model-at-end", "False", "--output-dir", str(tmp_path)])  # fmt: skip
    assert list(metrics["test"]["recall"]) == ["calm", "level 2", "level 10"]
    assert metrics["training"]["chosen_step"] == 2  # the last one, where none is chosen
    assert prepare(crop_folder).about == metrics["data"]
    card = (tmp_path / "final" / "README.md").read_text()
    assert "my_crops: 30 images trained this network. The images are not part of this\nrepository; whoever" in card
    assert "The last epoch was kept; test never" in card and "epoch was chosen" not in card
    assert "framed as the training images are; the pipeline above frames as in FER-2013" in card
