"""The networks with a backbone made for ImageNet: layout, what the backbone gets to see, and its stages."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import MobileNetV2Config, MobileNetV2Model, ResNetConfig, ResNetModel

from fer_hub.model import FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.model.zoo_efficientnet_fer import Conv2dSame

TRANSFER = ("resnet50", "vgg16", "mobilenet_v2", "efficientnet_lite0")

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TENSORFLOW = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def build(architecture, **settings):
    torch.manual_seed(0)
    return FERForImageClassification(FERConfig(architecture=architecture, **settings)).eval()


@pytest.fixture(scope="module", params=TRANSFER)
def model(request):
    """Each of them with its random weights; do not change."""
    return build(request.param)


@pytest.mark.parametrize(
    ("architecture", "parameters", "features"),
    [
        ("resnet50", 23_508_032, 2048),
        ("vgg16", 14_714_688, 512),
        ("mobilenet_v2", 2_223_872, 1280),
        ("efficientnet_lite0", 3_371_008, 1280),
    ],
)
def test_backbones_are_of_the_published_size(architecture, parameters, features):
    network = build(architecture).network
    assert sum(parameter.numel() for parameter in network.backbone.parameters()) == parameters
    assert network.num_features == network.classifier.in_features == features


@pytest.mark.parametrize(
    ("architecture", "published"),
    [
        ("resnet50", lambda: ResNetModel(ResNetConfig())),
        ("mobilenet_v2", lambda: MobileNetV2Model(MobileNetV2Config())),
    ],
)
def test_backbones_are_those_of_transformers(architecture, published):
    ours, theirs = build(architecture).network.backbone, published().eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 48, 48)
    assert torch.equal(ours(images)[0], theirs(images)[0])


def test_vgg16_is_numbered_as_in_the_published_weights():
    backbone = build("vgg16").network.backbone
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    names = [f"features.{place}.{part}" for place in places for part in ("weight", "bias")]
    assert list(backbone.state_dict()) == names
    assert [type(layer) for layer in backbone.features].count(nn.MaxPool2d) == 5


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("architecture", "constants"),
    [("resnet50", IMAGENET), ("vgg16", IMAGENET), ("mobilenet_v2", TENSORFLOW), ("efficientnet_lite0", TENSORFLOW)],
)
def test_the_backbone_sees_what_it_was_trained_with(architecture, constants, channels):
    model, seen = build(architecture, num_channels=channels), []
    model.network.backbone.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    grey = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    pixel_values = FERImageProcessor()(grey, return_tensors="pt").pixel_values
    model(pixel_values.expand(1, channels, 48, 48))
    [images] = seen
    for channel, (mean, std) in enumerate(zip(*constants, strict=True)):
        expected = (torch.from_numpy(grey).double() / 255 - mean) / std
        assert torch.allclose(images[0, channel].double(), expected, atol=1e-5)


@pytest.mark.parametrize("window", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("length", range(6, 12))
def test_efficientnet_is_padded_as_tensorflow_does(window, stride, length):
    """Only the last positions lack pixels, one more than the first ones if their number is odd."""
    layer, images = Conv2dSame(1, 1, window, stride, bias=False), torch.randn(1, 1, length, length)
    count = -(-length // stride)
    lacking = (count - 1) * stride + window - length
    first = lacking // 2
    padded = torch.nn.functional.pad(images, (first, lacking - first, first, lacking - first))
    with torch.no_grad():
        assert torch.equal(layer(images), torch.nn.functional.conv2d(padded, layer.weight, stride=stride))
        assert layer(images).shape[-1] == count


def test_the_conversion_is_saved_and_not_trained(model):
    converting = {"network.scale", "network.shift"}
    assert converting <= set(model.state_dict())
    assert not converting & {name for name, _ in model.named_parameters()}


def test_stages_are_the_backbone_in_five_parts(model):
    stages = model.network.backbone_stages()
    assert len(stages) == 5
    held = [parameter for stage in stages for parameter in stage.parameters()]
    assert [id(parameter) for parameter in held] == [id(each) for each in model.network.backbone.parameters()]
    pixel_values = torch.randn(2, 1, 48, 48)
    features, sides = pixel_values * model.network.scale + model.network.shift, []
    with torch.inference_mode():
        for stage in stages:
            features = stage(features)
            sides.append(features.shape[-1])
        assert torch.equal(features, model.network.forward_features(pixel_values))
    assert sides == sorted(sides, reverse=True) and sides[0] >= 12 and sides[-1] <= 2
    assert features.shape[1] == model.network.num_features


@pytest.mark.parametrize("architecture", TRANSFER)
def test_stages_halve_a_picture_of_imagenet_as_published(architecture):
    network = build(architecture, image_size=224).network
    with torch.inference_mode():
        features, sides = torch.zeros(1, 3, 224, 224), []
        for stage in network.backbone_stages():
            features = stage(features)
            sides.append(features.shape[-1])
    published = {"resnet50": [56, 56, 28, 14, 7], "vgg16": [112, 56, 28, 14, 7]}
    assert sides == published.get(architecture, [112, 56, 28, 14, 7])


def test_frozen_stages_keep_weights_and_statistics():
    """As the docstring says: without gradients and in evaluation mode nothing of a stage changes."""
    model = build("mobilenet_v2").train()
    frozen, free = model.network.backbone_stages()[:3], model.network.backbone_stages()[3:]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for stage in frozen:
        stage.requires_grad_(False).eval()
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=0.1)
    model(torch.randn(8, 1, 48, 48), labels=torch.arange(8) % 7).loss.backward()
    optimizer.step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    held = {id(value) for stage in free for value in stage.state_dict(keep_vars=True).values()}
    head = {"network.classifier.weight", "network.classifier.bias"}
    assert changed == head | {n for n, v in model.state_dict(keep_vars=True).items() if id(v) in held}


@pytest.mark.parametrize("architecture", ["resnet50", "mobilenet_v2", "efficientnet_lite0"])
def test_running_statistics_are_a_mean_over_batches(architecture):
    """transformers' MobileNetV2 would forget all but the last batch."""
    model = build(architecture).train()
    first = next(layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))
    seen = []
    first.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].mean((0, 2, 3))))
    with torch.no_grad():
        model(torch.randn(4, 1, 48, 48))
    assert torch.allclose(first.running_mean, 0.1 * seen[0], atol=1e-6)
