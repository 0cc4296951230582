"""Networks from a list of layers in the config: shapes, refusals, and mini-XCEPTION as its authors describe it."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fer_hub.model import LISTED, FERConfig, FERForImageClassification, FERModel
from fer_hub.model.layers_fer import ACTIVATIONS, FIELDS, MOST_LAYERS, completed, mini_xception, shapes

CONV = {"kind": "conv", "channels": 4, "kernel": [3, 3]}
POOL = {"kind": "max_pool", "kernel": [2, 2], "stride": [2, 2]}
END = [{"kind": "flatten"}, {"kind": "linear", "width": 7}]
EVERY = [
    {"kind": "rescale", "scale": 2.0}, {"kind": "repeat", "channels": 2},
    {**CONV, "padding": [1, 0, 2, 0], "stride": [2, 1]}, {"kind": "batch_norm"},
    *({"kind": "activation", "name": name} for name in ACTIVATIONS),
    {**POOL, "padding": [0, 1, 1, 0]}, {"kind": "pad", "padding": [0, 1, 2, 0]},
    {"kind": "dropout", "rate": 0.5, "whole_maps": True},
    {**CONV, "groups": 2, "dilation": [1, 2], "padding": [2, 2, 1, 1]},
    {"kind": "add", "inputs": [18, 17, 18]},
    {"kind": "avg_pool", "kernel": [3, 3], "stride": [1, 1], "padding": [1, 1, 1, 1]},
    END[0], {"kind": "linear", "width": 5, "bias": False}, {"kind": "batch_norm"},
    {"kind": "activation", "name": "relu"}, {"kind": "dropout", "rate": 0.1}, END[1],
]  # fmt: skip


def config(layers, **fields):
    return FERConfig(architecture=LISTED, layers=copy.deepcopy(layers), **{"image_size": 20, **fields})


@pytest.fixture(scope="module")
def every():
    torch.manual_seed(0)
    return FERForImageClassification(config(EVERY)).eval()


def test_every_kind_is_built_with_the_shape_that_was_foretold(every):
    assert {layer["kind"] for layer in EVERY} == set(FIELDS)
    told, values = shapes(completed(EVERY), 1, 20), torch.randn(2, 1, 20, 20)
    made, kept = every.network, {}
    for index, layer in enumerate(made.features):
        inputs = EVERY[index].get("inputs")
        values = layer(*(kept[each] for each in inputs)) if inputs else layer(values)
        kept[index] = values
        assert tuple(values.shape[1:]) == told[index], EVERY[index]
    assert made.forward_head(values).shape == (2, 7)


def test_it_is_saved_loaded_and_trained_like_the_others(every, tmp_path):
    every.save_pretrained(tmp_path)
    again = FERForImageClassification.from_pretrained(tmp_path)
    pixels = torch.randn(3, 1, 20, 20)
    assert torch.equal(again(pixels).logits, every(pixels).logits) and again.config.layers == every.config.layers
    features = FERModel.from_pretrained(tmp_path)(pixels, output_hidden_states=True)
    assert torch.allclose(every.network.classifier[-1](features.pooler_output), every(pixels).logits, atol=1e-6)
    assert torch.equal(features.hidden_states[-1], features.last_hidden_state)
    output = copy.deepcopy(every).train()(pixels, labels=torch.tensor([0, 1, 2]))
    output.loss.backward()
    assert torch.isfinite(output.loss)


def test_dropout_of_the_config_replaces_that_of_the_list():
    layers = FERForImageClassification(config(EVERY, dropout=0.3)).network.modules()
    assert [layer.p for layer in layers if isinstance(layer, nn.Dropout | nn.Dropout2d)] == [0.3, 0.3]


def test_a_list_without_maps_is_a_network_too():
    model = FERForImageClassification(config(END)).eval()
    pixels = torch.randn(2, 1, 20, 20)
    output = model(pixels, output_hidden_states=True)
    assert torch.equal(output.hidden_states[-1], pixels)
    assert torch.allclose(output.logits, model.network.classifier[-1](pixels.flatten(1)))


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        (None, "layers must be a list of 1 to 500 layers, got None."),
        ([END[1]] * (MOST_LAYERS + 1), "layers must be a list of 1 to 500 layers, got [{'kind'"),
        ([3], "layers[0] must be of a kind among conv, "),
        ([{"kind": "lambda"}], "layers[0] must be of a kind among conv, "),
        ([{"kind": ["conv"]}], "layers[0] must be of a kind among conv, "),
        ([{**CONV, "eval": 1}], "layers[0] (conv) has a field that is not known: 'eval'."),
        ([{"kind": "conv", "kernel": [3, 3]}], "layers[0] (conv) must have as channels a whole number from 1"),
        ([{**CONV, "channels": 10**9}], "layers[0] (conv) must have as channels a whole number from 1"),
        ([{**CONV, "kernel": 3}], "layers[0] (conv) must have as kernel two whole numbers from 1 to 512, for"),
        ([{**CONV, "padding": [-1, 0, 0, 0]}], "layers[0] (conv) must have as padding four whole numbers from 0"),
        ([{**CONV, "bias": 1}], "layers[0] (conv) must have as bias true or false, got 1."),
        ([{**CONV, "groups": 3}, *END], "layers[0] (conv) must have groups that divide its 1 input channels and 4 "),
        ([{"kind": "batch_norm", "epsilon": 0}], "layers[0] (batch_norm) must have as epsilon a number above 0"),
        ([{"kind": "dropout", "rate": 1}], "layers[0] (dropout) must have as rate a number from 0 to below 1, got 1."),
        ([{"kind": "activation", "name": "exec"}], "layers[0] (activation) must have as name one of relu, "),
        ([{"kind": "rescale", "scale": float("nan")}], "layers[0] (rescale) must have as scale a finite number, got"),
        ([{"kind": "add", "inputs": [-1]}], "layers[0] (add) must have as inputs 2 to 16 indices from -1 to -1, got"),
        ([CONV, {"kind": "add", "inputs": [0, 1]}], "layers[1] (add) must have as inputs 2 to 16 indices from -1 to 0"),
        ([CONV, {"kind": "add", "inputs": [-1, 0]}, *END], "layers[1] (add) must have inputs of one shape, got (1, 20"),
        ([{"kind": "repeat", "channels": 3}] * 2 + END, "layers[1] (repeat) must follow one channel, got 3."),
        ([*END, CONV], "layers[2] (conv) must follow maps, but follows a vector of 7 values; see flatten."),
        ([CONV, END[1]], "layers[1] (linear) must follow a vector, but follows maps of the shape (4, 18, 18)"),
        ([{**CONV, "kernel": [21, 3]}, *END], "layers[0] (conv) must leave at least one position, but an image of 20 "),
        ([{**POOL, "padding": [2, 0, 0, 0]}, *END], "layers[0] (max_pool) must have less padding than"),
        ([{**POOL, "kind": "avg_pool", "padding": [0, 1, 0, 0]}, *END], "layers[0] (avg_pool) must have equal"),
        ([{**CONV, "channels": 4096, "padding": [512] * 4}, *END], "layers[0] (conv) must stay below 67,108,864"),
        ([*END, END[1], {"kind": "activation", "name": "relu"}], "layers must end in a linear layer with as many"),
        ([END[0], {"kind": "linear", "width": 6}], "layers must end in a linear layer with as many"),
        ([END[0], *END], "layers[1] (flatten) must follow maps"),
    ],
)  # fmt: skip
def test_a_list_that_is_no_network_is_refused_before_anything_is_built(layers, told):
    with pytest.raises(ValueError) as caught:
        config(layers)
    assert str(caught.value).startswith(told) and "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_other_networks_take_no_list():
    with pytest.raises(ValueError, match=r"^layers must be None for residual_cnn, got .*; they are for layer_list\.$"):
        FERConfig(layers=END)


def test_mini_xception_ends_as_an_averaged_convolution_does():
    torch.manual_seed(0)
    network = FERForImageClassification(config(mini_xception(1, 64, 7), image_size=64)).eval().network
    pixels, last = torch.randn(2, 1, 64, 64), network.classifier[-1]
    maps = []
    network.features[-2].register_forward_pre_hook(lambda module, taken: maps.append(taken[0]))
    logits = network(pixels)
    assert maps[0].shape == (2, 128, 4, 4)
    convolved = F.conv2d(maps[0], last.weight.view(7, 128, 3, 3), last.bias, padding=1)
    assert torch.allclose(convolved.mean((2, 3)), logits, atol=1e-6)
    assert len(mini_xception(1, 64, 7)) == len(network.features) + len(network.classifier) + 1
    states = []
    network(pixels, states)
    assert [tuple(state.shape[1:]) for state in states[:4]] == [(16, 30, 30), (32, 15, 15), (64, 8, 8), (128, 4, 4)]
