"""Labels blended with the answers of trained networks, and train.py with --teachers from end to end."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import train
from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.data import FERPLUS_EMOTIONS
from fer_hub.inference.logits import logits_of
from fer_hub.model import EMOTIONS
from fer_hub.model.zoo_residual_fer import ResidualCNN
from fer_hub.training.arguments import DataArguments, FERTrainingArguments, ModelArguments
from fer_hub.training.distillation import SEE, Teachers
from fer_hub.training.recipe import recipe
from fer_hub.training.second_labels import cut_in_two, joined_names
from fer_hub.training.starting import check_start
from fer_hub.training.trainer import FaceDataset
from tests.training.making import CONFIG, dataset, small_model, small_trainer

IMAGES = dataset().images[:, 0].numpy()


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Makes the folder of a small network with these classes; the same seed gives the same weights."""

    def make(names, seed=0, temperature=1.0):
        torch.manual_seed(seed)
        folder = tmp_path_factory.mktemp("teachers") / "final"
        config = FERConfig(id2label=dict(enumerate(names)), temperature=temperature, **CONFIG)
        FERForImageClassification(config).save_pretrained(folder)
        FERImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture(scope="module")
def seven(teacher):
    return teacher(EMOTIONS, temperature=0.5)


def answers(checkpoint):
    """The probabilities of one teacher, by hand."""
    network = FERForImageClassification.from_pretrained(checkpoint).eval()
    pixels = FERImageProcessor.from_pretrained(checkpoint).normalize_batch(torch.from_numpy(IMAGES)[:, None])
    with torch.inference_mode():
        return logits_of(network, pixels, flip_average=True).softmax(1).numpy()


@settings(max_examples=20, deadline=None)
@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_labels_give_way_by_the_share(seven, share, seed):
    random = np.random.default_rng(seed)
    labels = random.dirichlet(np.ones(7), len(IMAGES)).astype(np.float32)
    labels[::4] = 0
    blended = Teachers([seven], [EMOTIONS], 16).blend([labels], IMAGES, share)[0]
    assert blended.dtype == np.float32
    expected = (1 - share) * labels + share * answers(seven)
    np.testing.assert_allclose(blended[labels.sum(1) > 0], expected[labels.sum(1) > 0], atol=1e-5)
    assert not blended[::4].any()  # an image without a label is not given one


def test_class_indices_and_a_share_of_nothing_are_the_labels_themselves(seven):
    labels = dataset().labels.numpy()
    blended = Teachers([seven], [EMOTIONS], 16).blend([labels], IMAGES, 0.0)[0]
    assert blended.shape == (len(IMAGES), 7) and (blended.argmax(1) == labels).all() and (blended.max(1) == 1).all()


def test_several_teachers_count_the_same_and_may_have_another_order(teacher, seven):
    turned = teacher(EMOTIONS[::-1], seed=1)
    labels = dataset().labels.numpy()
    blended = Teachers([seven, turned], [EMOTIONS], 16).blend([labels], IMAGES, 1.0)[0]
    np.testing.assert_allclose(blended, (answers(seven) + answers(turned)[:, ::-1]) / 2, atol=1e-5)


def test_a_teacher_teaches_the_labels_whose_classes_it_has(teacher, seven):
    eight = teacher(FERPLUS_EMOTIONS)
    shares = np.full((len(IMAGES), 8), 1 / 8, np.float32)
    both = Teachers([seven, eight], [EMOTIONS, FERPLUS_EMOTIONS], 16)
    for labels, expected in zip(both.blend([shares[:, 1:], shares], IMAGES, 1.0), (seven, eight), strict=True):
        np.testing.assert_allclose(labels / labels.sum(1, keepdims=True), answers(expected), atol=1e-5)
    only = Teachers([seven], [EMOTIONS, FERPLUS_EMOTIONS], 16)
    assert only.blend([shares[:, 1:], shares], IMAGES, 1.0)[1] is shares


def cut(network, folder):
    """`final/` and `second/` of a network that learnt both kinds of labels, as train.py leaves them."""
    parts = cut_in_two(network, EMOTIONS, "ferplus_votes")
    for part, name, temperature in zip(parts, ("final", "second"), (0.5, 2.0), strict=True):
        part.config.temperature = temperature
        part.save_pretrained(folder / name)
        FERImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder / name)
    return [str(folder / "final"), str(folder / "second")]


def test_what_two_teachers_share_is_computed_once(tmp_path, monkeypatch):
    network = small_model(id2label=dict(enumerate(joined_names(EMOTIONS, "ferplus_votes"))))
    folders = cut(network, tmp_path)
    together = Teachers(folders, [EMOTIONS, FERPLUS_EMOTIONS], 16)
    passes, forward = [], ResidualCNN.forward
    monkeypatch.setattr(ResidualCNN, "forward", lambda *inputs: passes.append(1) or forward(*inputs))
    images = torch.from_numpy(IMAGES)[:, None]
    seven, eight = together.answer(images, mirrored=True)
    assert len(passes) == 1
    monkeypatch.undo()
    np.testing.assert_allclose(seven.numpy(), answers(folders[0]), atol=1e-5)
    np.testing.assert_allclose(eight.numpy(), answers(folders[1]), atol=1e-5)
    turned = Teachers(folders[::-1], [EMOTIONS, FERPLUS_EMOTIONS], 16).answer(images, mirrored=True)
    np.testing.assert_allclose(turned[0].numpy(), seven.numpy(), atol=1e-6)
    assert Teachers(folders[:1], [EMOTIONS, FERPLUS_EMOTIONS], 16).answer(images)[1] is None


def test_teachers_that_see_views_are_asked_about_what_the_network_sees(tmp_path, seven, teacher):
    """The labels of a batch are in part their answers to its augmented and mixed images, whose rows keep their sums."""
    eight = teacher(FERPLUS_EMOTIONS)
    teachers = Teachers([seven, eight], [EMOTIONS, FERPLUS_EMOTIONS], 16)
    labels = np.full((70, 8), 1 / 8, np.float32)
    labels[::2] = 0  # images without FER+ votes
    data = FaceDataset(IMAGES, dataset().labels.numpy(), labels)
    options = {"train": data, "second_classes": 8, "augmentation": "crop", "mixup": 0.4, "label_smoothing_factor": 0}
    model = small_model(id2label=dict(enumerate(joined_names(EMOTIONS, "ferplus_votes"))))
    batches = []
    for taught in (False, True):
        with_teachers = {"teachers": teachers, "teachers_share": 0.75} if taught else {}
        trainer = small_trainer(tmp_path, model=model, **options, **with_teachers)
        trainer.model.train()
        torch.manual_seed(1)
        batches.append(trainer._prepare_inputs(data.__getitems__(list(range(16)))))
    plain, taught = batches
    assert torch.equal(plain["pixel_values"], taught["pixel_values"]) and plain["pixel_values"].shape[-1] == 13
    processor = FERImageProcessor()
    grey = (plain["pixel_values"] * processor.image_std[0] + processor.image_mean[0]) / processor.rescale_factor
    seen = torch.cat(teachers.answer(grey), 1)
    sums = torch.cat([part.sum(1, keepdim=True).expand_as(part) for part in plain["labels"].split([7, 8], 1)], 1)
    assert sums[:, 7:].min() < 0.9 < sums[:, :7].min()
    torch.testing.assert_close(taught["labels"], 0.25 * plain["labels"] + 0.75 * sums * seen, atol=1e-5, rtol=0)


def test_teachers_that_take_turns_teach_the_same_on_average(seven, teacher):
    """Each batch is answered by one network of each kind, drawn from torch's generator; all are drawn equally often."""
    turned, eight = teacher(EMOTIONS[::-1], seed=1), teacher(FERPLUS_EMOTIONS)
    kinds = [EMOTIONS, FERPLUS_EMOTIONS]
    alone = [Teachers([one], kinds, 16) for one in (seven, turned)]
    turns = Teachers([seven, turned, eight], kinds, 16, at_once=1)
    images, labels = torch.from_numpy(IMAGES).float()[:, None], torch.zeros(len(IMAGES), 15)
    labels[:, 0] = labels[:, 7] = 1
    first, second = (each.blend_views(labels, images, 0.5)[:, :7] for each in alone)
    both = Teachers([seven, turned, eight], kinds, 16).blend_views(labels, images, 0.5)
    torch.manual_seed(0)
    drawn = [turns.blend_views(labels, images, 0.5) for _ in range(40)]
    of_first, of_second = (
        [torch.allclose(each[:, :7], answer, atol=1e-6) for each in drawn] for answer in (first, second)
    )
    assert all(a != b for a, b in zip(of_first, of_second, strict=True))
    assert 10 <= sum(of_first) <= 30
    assert all(torch.allclose(each[:, 7:], both[:, 7:], atol=1e-6) for each in drawn)  # one alone knows these
    torch.testing.assert_close((first + second) / 2, both[:, :7], atol=1e-5, rtol=0)
    torch.manual_seed(0)
    assert torch.equal(turns.blend_views(labels, images, 0.5), drawn[0])
    before_training = turns.blend([labels[:, :7].numpy(), labels[:, 7:].numpy()], IMAGES, 1.0)[0]
    np.testing.assert_allclose(before_training, (answers(seven) + answers(turned)[:, ::-1]) / 2, atol=1e-5)


def test_as_many_teachers_as_there_are_answer_together(seven, teacher):
    both = [seven, teacher(EMOTIONS, seed=1)]
    images, labels = torch.from_numpy(IMAGES).float()[:, None], torch.eye(7)[dataset().labels]
    all_of_them = Teachers(both, [EMOTIONS], 16).blend_views(labels, images, 1.0)
    for many in (2, 5):
        found = Teachers(both, [EMOTIONS], 16, at_once=many).blend_views(labels, images, 1.0)
        torch.testing.assert_close(found, all_of_them, atol=1e-6, rtol=0)


def test_less_than_no_teacher_is_refused(seven):
    with pytest.raises(ValueError) as caught:
        Teachers([seven], [EMOTIONS], 16, at_once=-1)
    assert str(caught.value) == "at_once must be a whole number from 0, got -1; with 0 all teachers answer."
    with pytest.raises(ValueError) as caught:
        check_start(ModelArguments(teachers_at_once=-1))
    assert str(caught.value) == "teachers_at_once must be a whole number from 0, got -1; with 0 all teachers answer."
    with pytest.raises(ValueError) as caught:
        check_start(ModelArguments(teachers_at_once=1))
    assert str(caught.value) == (
        "--teachers_at_once is for --teachers_see views, as teachers that are asked once all answer; leave it out, or "
        "let them see views."
    )


def test_teachers_that_cannot_see_windows_are_refused(tmp_path, teacher):
    plain = tmp_path / "plain"
    FERForImageClassification(FERConfig(architecture="scratch_cnn", image_size=16)).save_pretrained(plain)
    FERImageProcessor(size={"height": 16, "width": 16}).save_pretrained(plain)
    teachers = Teachers([str(plain)], [EMOTIONS], 16)
    assert small_trainer(tmp_path / "run", teachers=teachers).teachers is teachers
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path / "run", teachers=teachers, augmentation="crop")
    assert str(caught.value) == (
        "teachers that see the views of an augmentation that crops must be networks that take images of any size, as "
        f"residual_cnn and those with a backbone do, got {plain}; let them see the images (--teachers_see images), or "
        "choose another --augmentation."
    )


def test_a_teacher_of_something_else_is_refused(teacher):
    other = teacher(["calm", "tense"])
    with pytest.raises(ValueError) as caught:
        Teachers([other], [EMOTIONS], 16)
    assert str(caught.value) == (
        "a teacher must know the classes that are learnt, angry, disgust, fear, happy, sad, surprise, neutral, got "
        f"{other} with calm, tense; leave it out of --teachers."
    )


def test_a_teacher_of_other_images_is_refused(seven):
    with pytest.raises(ValueError) as caught:
        Teachers([seven], [EMOTIONS], 48)
    assert str(caught.value) == (
        f"a teacher must take images of 48 pixels as the network that learns, got {seven}, which takes 16; leave it "
        "out of --teachers."
    )


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_the_share_is_a_share(share):
    with pytest.raises(ValueError) as caught:
        check_start(ModelArguments(teachers_share=share))
    assert str(caught.value) == (
        f"teachers_share must be from 0 to 1, got {share:g}; with 0.5 labels and teachers count the same."
    )


@pytest.mark.parametrize("see", SEE)
def test_train_learns_from_a_teacher_and_says_so(tmp_path, small_csv, tiny_checkpoint, see):
    """The teacher alone, labels that mean nothing: after training both say the same of most images."""
    torch.manual_seed(5)
    teacher = FERForImageClassification.from_pretrained(tiny_checkpoint)
    with torch.no_grad():  # sure of one class, whatever the image shows
        teacher.network.classifier.weight.zero_()
        teacher.network.classifier.bias.copy_(torch.tensor([0.0, 0, 0, 9, 0, 0, 0]))
    teacher.save_pretrained(tmp_path / "teacher")
    FERImageProcessor().save_pretrained(tmp_path / "teacher")
    turns = ["--teachers_at_once", "1"] if see == "views" else []
    metrics = train.main(["--data", str(small_csv), "--output_dir", str(tmp_path / "run"), "--start_from",
                          str(tiny_checkpoint), "--teachers", str(tmp_path / "teacher"), "--teachers_share", "1",
                          "--teachers_see", see, *turns, "--max_steps", "12",
                          "--per_device_train_batch_size", "16"])  # fmt: skip
    assert metrics["test"]["recall"]["happy"] == 1 and metrics["test"]["accuracy"] < 0.2
    options = json.loads((tmp_path / "run" / "final" / "training_args.json").read_text())
    assert options["teachers"] == ["teacher"] and options["teachers_share"] == 1 and options["teachers_see"] == see
    assert options["teachers_at_once"] == len(turns) // 2
    assert "--teachers teacher --teachers_share 1" in (tmp_path / "run" / "final" / "README.md").read_text()


def test_what_made_the_teachers_stands_in_the_recipe(tmp_path):
    data, training = DataArguments(data="owner/name"), FERTrainingArguments(output_dir=str(tmp_path))
    made = {"final": {"mixup": 0.2}, "second": {"mixup": 0.2, "result": "second"}, "other": {"cutmix": 1.0}}
    for name, options in made.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "training_args.json").write_text(json.dumps(options))
    final, second, other = (str(tmp_path / name) for name in made)
    start = "python train.py --data path/to/fer2013 "
    for model, expected in (
        (ModelArguments(teachers=[second]), [f"{start}--mixup 0.2   # its second/"]),
        (ModelArguments(teachers=[final, second]), [f"{start}--mixup 0.2"]),
        (ModelArguments(start_from=other, teachers=[final, other]), [f"{start}--cutmix 1", f"{start}--mixup 0.2"]),
    ):
        found = recipe(data, model, training)
        assert found["earlier"] == expected
        assert str(tmp_path) not in json.dumps(found)
    assert "earlier" not in recipe(data, ModelArguments(teachers=["owner/name"]), training)
