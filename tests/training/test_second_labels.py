"""FER-2013's labels and the FER+ votes learnt at once: the loss, the cut in two, and train.py from end to end."""

import json
import shutil

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from datasets import Image as ImageFeature
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

import train
from fer_hub.data import FERPLUS_EMOTIONS, load_fer2013
from fer_hub.evaluation.evaluate import evaluate
from fer_hub.model import EMOTIONS, FERForImageClassification
from fer_hub.training.mixing import Mixing
from fer_hub.training.second_labels import cut_in_two, joined_names, joint_loss
from fer_hub.training.soft_labels import smooth_labels
from fer_hub.training.trainer import FaceDataset
from fer_hub.web.facts import facts
from tests.training.making import dataset, small_model, small_trainer


def joint_model():
    return small_model(id2label=dict(enumerate(joined_names(EMOTIONS, "ferplus_votes")))).eval()


def joint_dataset():
    first = dataset()
    shares = np.random.default_rng(2).dirichlet(np.ones(8), len(first)).astype(np.float32)
    shares[::5] = 0  # nobody voted for an expression
    return FaceDataset(first.images[:, 0].numpy(), first.labels.numpy(), shares)


@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(2, 5), st.integers(1, 6))
def test_the_loss_is_the_sum_of_two_cross_entropies(seed, classes, others, images):
    torch.manual_seed(seed)
    logits = torch.randn(images, classes + others)
    labels = torch.cat([torch.rand(images, n).softmax(1) for n in (classes, others)], 1)
    labels[0, classes:] = 0
    by_hand = [
        -(labels[i, part] * logits[i, part].log_softmax(0)).sum()
        for i in range(images)
        for part in (slice(0, classes), slice(classes, None))
    ]
    assert joint_loss(logits, labels, classes).item() == pytest.approx(float(sum(by_hand)) / images, rel=1e-4)


def test_the_two_networks_say_what_the_one_said():
    model = joint_model()
    first, second = cut_in_two(model, EMOTIONS, "ferplus_votes")
    images = torch.rand(3, 1, 16, 16)
    with torch.inference_mode():
        both = model(pixel_values=images).logits
        assert torch.equal(first(pixel_values=images).logits, both[:, :7])
        assert torch.equal(second(pixel_values=images).logits, both[:, 7:])
    assert tuple(first.config.id2label.values()) == EMOTIONS
    assert tuple(second.config.id2label.values()) == FERPLUS_EMOTIONS
    assert first.config.label2id["fear"] == 2 and second.config.label2id["contempt"] == 7
    with torch.no_grad():
        first.network.stem[0].weight.zero_()
    assert model.network.stem[0].weight.any()  # the parts share nothing


def test_training_looks_at_both_and_evaluation_at_the_first(tmp_path):
    model, train_set = joint_model(), joint_dataset()
    trainer = small_trainer(tmp_path, model=model, train=train_set, second_classes=8, label_smoothing_factor=0.2,
                            augmentation="none")  # fmt: skip
    batch = train_set.__getitems__([0, 1, 2])
    model.train()
    prepared = trainer._prepare_inputs(batch)
    assert set(prepared) == {"pixel_values", "labels"}
    assert torch.equal(prepared["labels"][:, :7], smooth_labels(batch["labels"], 7, 0.2))
    assert torch.equal(prepared["labels"][:, 7:], batch["second_labels"])
    model.eval()
    measured = trainer.evaluate()
    split = dataset(21, seed=1)
    with torch.inference_mode():
        logits = model(pixel_values=trainer.image_processor.normalize_batch(split.images)).logits[:, :7]
    assert measured["eval_loss"] == pytest.approx(F.cross_entropy(logits, split.labels).item(), rel=1e-5)
    assert measured["eval_accuracy"] == (logits.argmax(1) == split.labels).double().mean().item()


def test_both_kinds_are_mixed_alike_and_only_the_first_weighted(tmp_path):
    model, train_set = joint_model().train(), joint_dataset()
    trainer = small_trainer(tmp_path, model=model, train=train_set, second_classes=8, mixup=0.5, augmentation="none",
                            label_smoothing_factor=0, class_weights="balanced")  # fmt: skip
    batch = train_set.__getitems__(list(range(8)))
    both = torch.cat([F.one_hot(batch["labels"], 7).float(), batch["second_labels"]], 1)
    torch.manual_seed(3)
    images, mixed = Mixing(mixup=0.5)(batch["pixel_values"].float(), both, 15)
    torch.manual_seed(3)
    prepared = trainer._prepare_inputs(batch)
    assert torch.equal(prepared["pixel_values"], trainer.image_processor.normalize_batch(images))
    assert torch.equal(prepared["labels"][:, 7:], mixed[:, 7:])
    weights = mixed[:, :7] @ trainer.class_weights
    assert torch.allclose(prepared["labels"][:, :7], mixed[:, :7] * weights[:, None])


@pytest.mark.parametrize(("names", "second"), [(EMOTIONS, "fer2013"), (FERPLUS_EMOTIONS, "ferplus_votes")])
def test_the_same_classes_twice_are_refused(names, second):
    others = {"fer2013": "ferplus, ferplus_votes", "ferplus_votes": "fer2013"}[second]
    with pytest.raises(ValueError) as caught:
        joined_names(names, second)
    assert str(caught.value) == (
        f"second_labels must have other classes than the first labels, got {second}, which has the same; choose "
        f"{others} or none."
    )


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    """A parquet folder: 6, 3 and 3 images of each label, whose votes say the same, but every seventh "unknown"."""
    folder = tmp_path_factory.mktemp("voted")
    random = np.random.default_rng(0)
    position = [FERPLUS_EMOTIONS.index(name) for name in EMOTIONS]
    features = Features({"image": ImageFeature(), "label": ClassLabel(names=list(EMOTIONS)),
                         "ferplus_votes": List(Value("uint8"))})  # fmt: skip
    for split, count in (("train", 6), ("validation", 3), ("test", 3)):
        labels = list(range(7)) * count
        votes = np.zeros((len(labels), 10), int)
        votes[np.arange(len(labels)), [position[label] for label in labels]] = 10
        votes[6::7] = np.eye(10, dtype=int)[8] * 10
        grey = [np.clip(random.normal(30 + 30 * label, 10, (48, 48)), 0, 255).astype(np.uint8) for label in labels]
        rows = {"image": [Image.fromarray(image) for image in grey], "label": labels, "ferplus_votes": votes.tolist()}
        Dataset.from_dict(rows, features=features).to_parquet(str(folder / f"{split}.parquet"))
    return folder


def options(data, start, folder):
    return ["--data", str(data), "--start_from", str(start), "--second_labels", "ferplus_votes", "--output_dir",
            str(folder), "--max_steps", "6", "--eval_strategy", "steps", "--save_strategy", "steps",
            "--eval_steps", "3", "--save_steps", "3", "--per_device_train_batch_size", "16",
            "--learning_rate", "0.05", "--ema", "0.5", "--mixup", "0.2"]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory, voted, tiny_checkpoint):
    folder = tmp_path_factory.mktemp("run") / "both"
    return folder, train.main(options(voted, tiny_checkpoint, folder))


def test_one_training_leaves_two_checkpoints(finished, voted):
    folder, metrics = finished
    assert {"final", "second", "report", "report_second"} <= {path.name for path in folder.iterdir()}
    assert json.loads((folder / "final" / "metrics.json").read_text()) == metrics
    for name, labels, images in (("final", EMOTIONS, 21), ("second", FERPLUS_EMOTIONS, 18)):
        stored = json.loads((folder / name / "metrics.json").read_text())
        model = FERForImageClassification.from_pretrained(folder / name)
        assert tuple(model.config.id2label.values()) == labels
        assert model.num_parameters() == stored["training"]["parameters"]
        assert stored["test"]["images"] == images and stored["training"]["train_images"] == 42
        remade = evaluate(str(folder / name), str(voted), ["validation", "test"])
        for split in ("validation", "test"):
            assert remade[split]["loss"] == pytest.approx(stored[split]["loss"], rel=1e-5)
            assert remade[split]["flip_averaged"]["accuracy"] == stored[split]["flip_averaged"]["accuracy"]
    first, second = (load_file(folder / name / "model.safetensors") for name in ("final", "second"))
    assert all(torch.equal(first[key], second[key]) for key in first if not key.startswith("network.classifier"))


def test_each_card_says_which_half_it_is(finished):
    folder, _ = finished
    first, second = ((folder / name / "README.md").read_text() for name in ("final", "second"))
    both = "One network learnt FER-2013's labels and the votes at once and was cut in two; this is the half\nfor "
    assert both + "FER-2013.\n" in first.replace(" 42 images", "\n42 images")
    assert both + "FER+ (eight classes, majority of ten votes)." in second
    for card in (first, second):
        assert "--second_labels ferplus_votes" in card and "--result" not in card
    assert "The command that remakes it (as\n`second/` in its output folder)" in second
    assert "`second/`" not in first
    assert facts(folder / "final").dataset == "FER-2013" and facts(folder / "second").dataset == "FER+"


def test_a_resumed_run_ends_like_an_uninterrupted_one(finished, tmp_path, voted, tiny_checkpoint):
    whole, _ = finished
    again = tmp_path / "again"
    again.mkdir()
    shutil.copytree(whole / "checkpoint-3", again / "checkpoint-3")
    train.main([*options(voted, tiny_checkpoint, again), "--resume"])
    for name in ("final", "second"):
        first, second = (load_file(folder / name / "model.safetensors") for folder in (whole, again))
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_votes_must_be_there(tmp_path, small_csv, tiny_checkpoint):
    with pytest.raises(ValueError, match=r"^labels ferplus_votes need FER\+ votes, and the train split has none; "):
        train.main(options(small_csv, tiny_checkpoint, tmp_path / "run"))


def test_the_votes_come_first_as_well(tmp_path, voted, tiny_checkpoint):
    line = options(voted, tiny_checkpoint, tmp_path / "run")
    line[line.index("ferplus_votes")] = "fer2013"
    metrics = train.main([*line, "--labels", "ferplus_votes", "--label_smoothing_factor", "0"])
    assert metrics["test"]["images"] == 18 and metrics["training"]["train_images"] == 36
    second = json.loads((tmp_path / "run" / "second" / "metrics.json").read_text())
    assert second["test"]["images"] == len(load_fer2013(voted)["test"]) == 21
