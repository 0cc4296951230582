"""Every architecture: shapes, loss, gradients, initial values; and the exact words for inputs that do not fit."""

import pytest
import torch
from transformers import AutoModelForImageClassification

from fer_hub.model import ARCHITECTURES, FERConfig, FERForImageClassification, FERModel
from fer_hub.model.configuration_fer import MINIMUM_IMAGE_SIZE
from tests.wording import says


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("channels", "size", "classes"), [(1, 48, 7), (3, 64, 8)])
def test_shape_loss_and_a_gradient_on_every_parameter(architecture, channels, size, classes):
    config = FERConfig(architecture=architecture, num_channels=channels, image_size=size, num_labels=classes, dropout=0)
    model = FERForImageClassification(config).train()
    output = model(torch.randn(6, channels, size, size), labels=torch.arange(6) % classes)
    assert output.logits.shape == (6, classes)
    assert torch.isfinite(output.logits).all() and torch.isfinite(output.loss)
    output.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_share_one_surface(architecture):
    network = FERForImageClassification(FERConfig(architecture=architecture)).eval().network
    pixel_values = torch.randn(2, 1, 48, 48)
    features = network.forward_features(pixel_values)
    assert features.ndim == 4 and isinstance(network.num_features, int)
    assert torch.equal(network.forward_head(features), network(pixel_values))


@pytest.mark.parametrize(
    ("architecture", "classes", "parameters"),
    [
        ("scratch_cnn", 7, 1_054_719),
        ("residual_cnn", 7, 1_209_063),
        ("sequential_cnn", 7, 2_345_607),
        ("wide_cnn", 8, 4_232_456),
        ("baseline_cnn", 7, 107_015),
        ("resnet50", 7, 23_508_032 + 2049 * 7),
        ("vgg16", 7, 14_714_688 + 513 * 7),
        ("mobilenet_v2", 7, 2_223_872 + 1281 * 7),
        ("efficientnet_lite0", 7, 3_371_008 + 1281 * 7),
        ("mini_xception", 7, 58_423 - 1_472),  # what its authors count, without batch norm's running statistics
    ],
)
def test_parameter_counts(architecture, classes, parameters):
    config = FERConfig(architecture=architecture, num_labels=classes)
    assert FERForImageClassification(config).num_parameters() == parameters


@pytest.mark.parametrize(("architecture", "smallest"), MINIMUM_IMAGE_SIZE.items())
def test_the_smallest_image_size_is_the_smallest_that_works(architecture, smallest):
    model = FERForImageClassification(FERConfig(architecture=architecture, image_size=smallest)).eval()
    assert model(torch.randn(1, 1, smallest, smallest)).logits.shape == (1, 7)
    with pytest.raises(ValueError) as caught:
        FERConfig(architecture=architecture, image_size=smallest - 1)
    assert says(str(caught.value), f"image_size must ... at least {smallest} pixels, got {smallest - 1}; ...")


def test_dropout_after_a_pooling_is_half_as_likely():
    network = FERForImageClassification(FERConfig(architecture="sequential_cnn", dropout=0.3)).network
    probabilities = [layer.p for layer in network.modules() if isinstance(layer, torch.nn.Dropout)]
    assert probabilities == [0.15, 0.15, 0.3]


def test_scratch_cnn_layer_by_layer():
    network = FERForImageClassification(FERConfig(architecture="scratch_cnn")).network
    convolutions = [layer for layer in network.features if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [32, 32, 64, 64, 128, 264]
    assert [type(layer).__name__ for layer in network.classifier] == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert network.classifier[0].p == network.classifier[3].p == 0.4
    assert tuple(network.classifier[1].weight.shape) == (256, 264 * 3 * 3)
    assert "features.0.weight" in network.state_dict() and "classifier.4.weight" in network.state_dict()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_initial_logits_are_neither_flat_nor_wild(architecture):
    model = FERForImageClassification(FERConfig(architecture=architecture)).train()
    spread = model(torch.randn(32, 1, 48, 48)).logits.std(0).mean().item()
    assert 1e-3 < spread < 10


def test_index_labels_and_one_hot_labels_have_the_same_loss():
    model = FERForImageClassification(FERConfig()).eval()
    pixel_values, labels = torch.randn(4, 1, 48, 48), torch.tensor([0, 3, 6, 1])
    by_index = model(pixel_values, labels=labels).loss
    by_distribution = model(pixel_values, labels=torch.nn.functional.one_hot(labels, 7).float()).loss
    assert torch.allclose(by_index, by_distribution)
    assert model.config.problem_type is None  # transformers would have switched its pipeline to sigmoid


def test_soft_labels_are_weighed():
    model = FERForImageClassification(FERConfig()).eval()
    pixel_values = torch.randn(1, 1, 48, 48)
    soft = torch.tensor([[0.25, 0, 0, 0.75, 0, 0, 0]])
    parts = [model(pixel_values, labels=torch.tensor([index])).loss for index in (0, 3)]
    assert torch.allclose(model(pixel_values, labels=soft).loss, 0.25 * parts[0] + 0.75 * parts[1])


def test_temperature_divides_logits_in_evaluation_only():
    model = FERForImageClassification(FERConfig(dropout=0)).eval()
    pixel_values = torch.randn(3, 1, 48, 48)
    plain = model(pixel_values, labels=torch.tensor([0, 1, 2]))
    model.config.temperature = 2.0
    warm = model(pixel_values, labels=torch.tensor([0, 1, 2]))
    assert torch.allclose(warm.logits * 2, plain.logits, atol=1e-6)
    assert torch.equal(warm.loss, plain.loss)
    model.train()
    in_training = model(pixel_values).logits
    model.config.temperature = 1.0
    assert torch.equal(in_training, model(pixel_values).logits)


def test_return_dict_false_gives_a_tuple():
    model = FERForImageClassification(FERConfig()).eval()
    loss, logits = model(torch.randn(2, 1, 48, 48), labels=torch.tensor([0, 1]), return_dict=False)
    assert loss.ndim == 0 and logits.shape == (2, 7)
    assert len(model(torch.randn(2, 1, 48, 48), return_dict=False)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "pixel_values must be given, got None; call the model on what FERImageProcessor returns."),
        (
            {"pixel_values": torch.zeros(48, 48)},
            "pixel_values must have the shape (images, 1, 48, 48), got (48, 48); call the model on what "
            "FERImageProcessor returns.",
        ),
        (
            {"pixel_values": torch.zeros(2, 3, 48, 48)},
            "pixel_values must have 1 channel, got 3; convert the images with FERImageProcessor, or set num_channels "
            "in the config.",
        ),
        (
            {"pixel_values": torch.zeros(2, 1, 64, 48)},
            "pixel_values must be 48x48 pixels, got 64x48; resize the images with FERImageProcessor, or set image_size "
            "in the config.",
        ),
        (
            {"pixel_values": torch.zeros(2, 1, 48, 48), "labels": torch.zeros(2)},
            "labels must be class indices, integers of shape (2,), or probabilities, floats of shape (2, 7), got "
            "torch.float32 of shape (2,); convert them to one of the two.",
        ),
        (
            {"pixel_values": torch.zeros(2, 1, 48, 48), "labels": torch.zeros(2, 6)},
            "labels must be class indices, integers of shape (2,), or probabilities, floats of shape (2, 7), got "
            "torch.float32 of shape (2, 6); convert them to one of the two.",
        ),
        (
            {"pixel_values": torch.zeros(2, 1, 48, 48), "labels": torch.tensor([0, 7])},
            "labels must be class indices from 0 to 6, or -100 for an image that does not count, got 7; the config's "
            "id2label names the classes.",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_named(arguments, message):
    model = FERForImageClassification(FERConfig()).eval()
    with pytest.raises(ValueError) as caught:
        model(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("architecture", ["residual_cnn", "mobilenet_v2"])
def test_windows_of_images_are_taken_in_training_alone(architecture):
    model = FERForImageClassification(FERConfig(architecture=architecture)).train()
    assert model(pixel_values=torch.rand(2, 1, 40, 40)).logits.shape == (2, 7)
    with pytest.raises(ValueError, match="pixel_values must be 48x48 pixels, got 40x40;"):
        model.eval()(pixel_values=torch.rand(2, 1, 40, 40))


def test_a_network_of_fixed_size_takes_no_windows():
    model = FERForImageClassification(FERConfig(architecture="scratch_cnn")).train()
    with pytest.raises(ValueError, match="pixel_values must be 48x48 pixels, got 40x40;"):
        model(pixel_values=torch.rand(2, 1, 40, 40))


@pytest.mark.parametrize("kind", [FERForImageClassification, AutoModelForImageClassification])
@pytest.mark.parametrize(
    "labels", [{"id2label": {0: "no", 1: "yes"}}, {"num_labels": 2}, {"config": FERConfig(num_labels=2)}]
)
def test_labels_that_do_not_fit_the_weights_are_refused(labels, kind, tmp_path):
    FERForImageClassification(FERConfig()).save_pretrained(tmp_path)
    with pytest.raises(ValueError) as caught:
        kind.from_pretrained(tmp_path, **labels)
    assert str(caught.value) == (
        "the labels must be the 7 that the checkpoint's last layer was trained for, got 2; leave them out, or pass "
        "ignore_mismatched_sizes=True to train a new last layer."
    )
    model = kind.from_pretrained(tmp_path, ignore_mismatched_sizes=True, **labels)
    assert model.config.num_labels == model.network.classifier.out_features == 2


def test_weights_without_a_config_take_that_of_the_caller(tmp_path):
    config = FERConfig(num_labels=8)
    FERForImageClassification(config).save_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    model = FERForImageClassification.from_pretrained(tmp_path, config=config)
    assert model.config.num_labels == 8


def test_other_names_for_the_same_number_of_labels_are_taken(tmp_path):
    FERForImageClassification(FERConfig()).save_pretrained(tmp_path)
    names = {index: f"emotion {index}" for index in range(7)}
    model = FERForImageClassification.from_pretrained(tmp_path, id2label=names)
    assert model.config.id2label == names and model.config.label2id["emotion 6"] == 6


def test_labels_in_a_column_are_labels():
    model = FERForImageClassification(FERConfig()).eval()
    pixel_values = torch.randn(2, 1, 48, 48)
    flat = model(pixel_values, labels=torch.tensor([3, 6])).loss
    assert torch.equal(model(pixel_values, labels=torch.tensor([[3], [6]])).loss, flat)
    for wrong in (
        *(torch.zeros(2, 1), torch.zeros(2, 2, dtype=torch.long), torch.zeros(2, 7, dtype=torch.long)),
        *(torch.zeros(3, dtype=torch.long), torch.zeros(1, dtype=torch.long), torch.zeros(2, 8), torch.zeros(3, 7)),
        *(torch.zeros(2), torch.zeros(2, 7, 1), torch.zeros((), dtype=torch.long)),
    ):
        with pytest.raises(ValueError, match=r"^labels must be class indices, integers of shape"):
            model(pixel_values, labels=wrong)


def test_ignored_images_do_not_count_and_are_not_the_culprit():
    model = FERForImageClassification(FERConfig()).eval()
    pixel_values = torch.randn(2, 1, 48, 48)
    alone = model(pixel_values[1:], labels=torch.tensor([6])).loss
    assert torch.allclose(model(pixel_values, labels=torch.tensor([-100, 6])).loss, alone)
    for label in (-1, 7, -99):
        with pytest.raises(ValueError, match=f"^labels must be class indices from 0 to 6, .* got {label};"):
            model(pixel_values, labels=torch.tensor([-100, label]))


@pytest.mark.parametrize("architecture", ["residual_cnn", "scratch_cnn"])
def test_hidden_states_follow_the_stages(architecture):
    """The stem at full resolution, then every stage at half of what was before; pooling four times."""
    config = FERConfig(architecture=architecture, hidden_sizes=(24, 32), depths=(2, 1), embedding_size=20)
    model = FERForImageClassification(config).eval()
    pixel_values = torch.randn(2, 1, 48, 48)
    found = [tuple(each.shape[1:]) for each in model(pixel_values, output_hidden_states=True).hidden_states]
    if architecture == "residual_cnn":
        assert found == [(20, 48, 48), (24, 24, 24), (32, 12, 12)]
    else:
        assert found == [(32, 24, 24), (64, 12, 12), (128, 6, 6), (264, 3, 3)]
    assert model(pixel_values).hidden_states is None
    logits, states = model(pixel_values, output_hidden_states=True, return_dict=False)
    assert len(states) == len(found) and torch.equal(logits, model(pixel_values).logits)


@pytest.mark.parametrize("architecture", ["scratch_cnn", "sequential_cnn", "wide_cnn", "baseline_cnn"])
def test_features_of_plain_networks_are_what_the_last_layer_sees(architecture):
    model = FERForImageClassification(FERConfig(architecture=architecture)).eval()
    features = FERModel(model.config).eval()
    features.load_state_dict(model.state_dict(), strict=False)
    pixel_values = torch.randn(2, 1, 48, 48)
    pooled = features(pixel_values).pooler_output
    assert pooled.shape == (2, model.network.num_features)
    assert torch.allclose(model.network.classifier[-1](pooled), model(pixel_values).logits, atol=1e-5)


def test_features_are_what_the_last_layer_sees():
    model = FERForImageClassification(FERConfig()).eval()
    features = FERModel(model.config).eval()
    features.load_state_dict(model.state_dict(), strict=False)
    pixel_values = torch.randn(2, 1, 48, 48)
    seen = features(pixel_values)
    assert torch.allclose(model.network.classifier(seen.pooler_output), model(pixel_values).logits, atol=1e-5)
    assert seen.last_hidden_state.shape == (2, 256, 6, 6) and seen.hidden_states is None
    last, pooled = features(pixel_values, return_dict=False)
    assert torch.equal(last, seen.last_hidden_state) and torch.equal(pooled, seen.pooler_output)
    *_, states = features(pixel_values, return_dict=False, output_hidden_states=True)
    assert torch.equal(states[-1], last)


@pytest.mark.parametrize(("width", "suits"), [(15, False), (16, True)])
def test_narrow_strided_convolutions_do_not_suit_channels_last(width, suits):
    assert FERForImageClassification(FERConfig(embedding_size=width)).suits_channels_last is suits


def test_convolutions_begin_as_he_et_al_have_them():
    """The standard deviation is the root of 2 / (outputs * kernel area)."""
    convolution = FERForImageClassification(FERConfig()).network.features[2].conv2
    assert tuple(convolution.weight.shape) == (256, 256, 3, 3)
    assert convolution.weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.01)
    assert convolution.weight.mean().item() == pytest.approx(0, abs=1e-3)
