"""The network behaves as other models of transformers do: losses, outputs, loading, the Auto classes, compiling."""

import os

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector
from transformers import AutoModel, pipeline

from fer_hub import FERPipeline
from fer_hub.files import read_json
from fer_hub.model import ARCHITECTURES, FERConfig, FERForImageClassification, FERImageProcessor, FERModel, modeling_fer
from tests.wording import says


def small(**fields) -> FERForImageClassification:
    torch.manual_seed(0)
    fields = {"embedding_size": 16, "hidden_sizes": (16, 24), "depths": (1, 2), "image_size": 24, **fields}
    return FERForImageClassification(FERConfig(**fields)).eval()


def pixels(images: int = 3, side: int = 24) -> torch.Tensor:
    return torch.rand(images, 1, side, side, generator=torch.Generator().manual_seed(1))


def test_several_classes_at_once_have_binary_cross_entropy():
    model, labels = (
        small(num_labels=3, problem_type="multi_label_classification"),
        torch.tensor([[1.0, 1, 0], [0, 0, 0]]),
    )
    output = model(pixels(2), labels=labels)
    assert torch.allclose(output.loss, F.binary_cross_entropy_with_logits(output.logits, labels))
    assert torch.equal(model(pixels(2), labels=labels.long()).loss, output.loss)
    with pytest.raises(ValueError) as caught:
        model(pixels(2), labels=torch.tensor([0, 1]))
    assert str(caught.value) == (
        "labels must be 0 or 1 for each class, shape (2, 3), as the config's problem_type is "
        "multi_label_classification, got shape (2,); set problem_type to None for one class an image."
    )


def test_a_loss_that_there_is_not_is_refused():
    model = small(problem_type="regression")
    assert model(pixels()).loss is None
    with pytest.raises(ValueError) as caught:
        model(pixels(), labels=torch.zeros(3, 7))
    assert str(caught.value) == (
        "the config's problem_type must be single_label_classification or multi_label_classification for a loss, got "
        "'regression'; set one of the two, or compute the loss from the logits."
    )


def test_images_with_label_minus_100_do_not_count_and_columns_are_flattened():
    model, labels = small(), torch.tensor([3, -100, 5])
    loss = model(pixels(), labels=labels).loss
    assert torch.allclose(loss, model(pixels()[[0, 2]], labels=labels[[0, 2]]).loss)
    assert torch.equal(model(pixels(), labels=labels[:, None]).loss, loss)
    assert torch.equal(model(pixels(), labels=labels.int()).loss, loss)


@pytest.mark.parametrize("wrong", [7, -1])
def test_labels_outside_are_named_beside_ignored_ones(wrong):
    with pytest.raises(ValueError) as caught:
        small()(pixels(), labels=torch.tensor([-100, wrong, 0]))
    assert says(str(caught.value), f"labels must ... from 0 to 6, ... got {wrong}; ...")


def test_labels_are_not_read():
    """Reading a value breaks a compiled graph in two, and tensors without values have none."""
    with torch.device("meta"):
        model = FERForImageClassification(FERConfig())
        output = model(torch.empty(2, 1, 48, 48), labels=torch.empty(2, dtype=torch.long))
    assert output.loss.is_meta and output.logits.shape == (2, 7)
    model, labels = small(), torch.tensor([0, 1, 2])
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert torch.allclose(compiled(pixels(), labels=labels).loss, model(pixels(), labels=labels).loss)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hidden_states_are_those_on_the_way(architecture):
    torch.manual_seed(0)
    model = FERForImageClassification(FERConfig(architecture=architecture)).eval()
    plain, asked = model(pixels(2, 48)), model(pixels(2, 48), output_hidden_states=True)
    assert plain.hidden_states is None and torch.allclose(asked.logits, plain.logits, atol=1e-6)
    sides = [state.shape[-1] for state in asked.hidden_states]
    assert len(sides) >= 3 and sides == sorted(sides, reverse=True) and sides[0] > sides[-1]
    features = model.network.forward_features(pixels(2, 48))
    assert torch.allclose(asked.hidden_states[-1], features, atol=1e-6)
    model.config.output_hidden_states = True
    assert len(model(pixels(2, 48)).hidden_states) == len(sides)
    assert model(pixels(2, 48), output_hidden_states=False).hidden_states is None


def test_hidden_states_of_a_residual_network_are_its_stem_and_stages():
    widths = [state.shape[1:] for state in small()(pixels(), output_hidden_states=True).hidden_states]
    assert widths == [(16, 24, 24), (16, 12, 12), (24, 6, 6)]


def test_the_config_says_whether_outputs_have_names():
    model = small(return_dict=False)
    loss, logits, states = model(pixels(), labels=torch.tensor([0, 1, 2]), output_hidden_states=True)
    assert loss.ndim == 0 and logits.shape == (3, 7) and len(states) == 3
    assert model(pixels(), return_dict=True).logits.shape == (3, 7)
    assert small()(pixels(), return_dict=None).logits.shape == (3, 7)


@pytest.mark.parametrize("architecture", ["resnet50", "vgg16", "mobilenet_v2", "efficientnet_lite0"])
def test_first_weights_set_the_conversion_of_the_input(architecture):
    """A checkpoint without the two buffers would else be loaded with zeros, and see one constant image."""
    config = FERConfig(architecture=architecture)
    made = FERForImageClassification(config).network
    with torch.device("meta"):
        model = FERForImageClassification(config)
    model.to_empty(device="cpu")
    model.network.scale.zero_(), model.network.shift.zero_()
    model._init_weights(model.network)
    assert torch.equal(model.network.scale, made.scale) and torch.equal(model.network.shift, made.shift)
    assert made.scale.all() and made.shift.any()


def test_a_checkpoint_without_the_conversion_of_the_input_gets_it(tmp_path):
    model = FERForImageClassification(FERConfig(architecture="mobilenet_v2")).eval()
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if name not in ("network.scale", "network.shift")}
    assert len(kept) == len(weights) - 2
    save_file(kept, tmp_path / "model.safetensors", {"format": "pt"})
    again = FERForImageClassification.from_pretrained(tmp_path)
    assert torch.equal(again.network.scale, model.network.scale)
    assert torch.equal(again(pixels(2, 48)).logits, model(pixels(2, 48)).logits)


def test_a_part_of_the_weights_may_lie_on_disk(tmp_path):
    model = small()
    model.save_pretrained(tmp_path / "checkpoint")
    places = {"network.stem": "cpu", "network.features": "disk", "network.dropout": "cpu", "network.classifier": "cpu"}
    loaded = FERForImageClassification.from_pretrained(
        tmp_path / "checkpoint", device_map=places, offload_folder=tmp_path / "offload"
    )
    assert any(parameter.is_meta for parameter in loaded.parameters())
    assert torch.allclose(loaded(pixels()).logits, model(pixels()).logits, atol=1e-6)


def test_loaded_parameters_are_contiguous_and_the_pipeline_has_them_in_the_order_that_pays(tmp_path):
    model = small()
    model.save_pretrained(tmp_path)
    FERImageProcessor(size={"height": 24, "width": 24}).save_pretrained(tmp_path)
    loaded = FERForImageClassification.from_pretrained(tmp_path)
    assert all(parameter.is_contiguous() for parameter in loaded.parameters())
    assert torch.equal(parameters_to_vector(loaded.parameters()), parameters_to_vector(model.parameters()))
    save_file(loaded.state_dict(), tmp_path / "again.safetensors")
    with FERPipeline.from_pretrained(tmp_path) as chain:
        kernels = [each for each in chain.model.parameters() if each.ndim == 4 and min(each.shape[1:]) > 1]
        assert kernels and all(each.is_contiguous(memory_format=torch.channels_last) for each in kernels)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_auto_model_describes_a_face(architecture, tmp_path):
    """The features are those that the last linear layer sees, and come from the same weights."""
    torch.manual_seed(0)
    model = FERForImageClassification(FERConfig(architecture=architecture)).eval()
    model.save_pretrained(tmp_path)
    base, info = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert type(base) is FERModel and not info["missing_keys"] and not info["unexpected_keys"]
    output = base(pixels(2, 48))
    last = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)][-1]
    assert output.pooler_output.shape == (2, last.in_features) == (2, model.network.num_features)
    assert torch.allclose(last(output.pooler_output), model(pixels(2, 48)).logits, atol=1e-5)
    assert output.last_hidden_state.ndim == 4 and output.hidden_states is None
    assert torch.equal(base(pixels(2, 48), output_hidden_states=True).hidden_states[-1], output.last_hidden_state)
    assert len(base(pixels(2, 48), return_dict=False)) == 2


def test_features_carry_over_to_a_new_classifier(tmp_path):
    base = FERModel(small().config).eval()
    base.save_pretrained(tmp_path)
    model, info = FERForImageClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert sorted(info["missing_keys"]) == ["network.classifier.bias", "network.classifier.weight"]
    assert torch.equal(model.network.stem[0].weight, base.network.stem[0].weight)


def test_a_saved_folder_names_the_code_of_both_models(tmp_path):
    """So that AutoModel finds its class where fer_hub is not installed, too."""
    small().save_pretrained(tmp_path)
    assert read_json(tmp_path / "config.json")["auto_map"] == {
        "AutoConfig": "configuration_fer.FERConfig",
        "AutoModel": "modeling_fer.FERModel",
        "AutoModelForImageClassification": "modeling_fer.FERForImageClassification",
    }


def test_transformers_pipelines_take_a_folder_and_ask_nothing(tiny_checkpoint, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda text: pytest.fail(f"asked: {text}"))
    image = Image.new("L", (60, 70), 90)
    rows = pipeline("image-classification", model=str(tiny_checkpoint))(image, top_k=7)
    assert abs(sum(row["score"] for row in rows) - 1) < 1e-5
    (vector,) = pipeline("image-feature-extraction", model=str(tiny_checkpoint), pool=True)(image)
    assert len(vector) == 16


def test_both_pipelines_run_without_fer_hub(tiny_checkpoint, tmp_path, python):
    code = """
import sys
sys.modules["fer_hub"] = None
from PIL import Image
from transformers import pipeline
image = Image.new("L", (60, 70), 90)
for task, arguments in (("image-classification", {}), ("image-feature-extraction", {"pool": True})):
    print(len(pipeline(task, model=sys.argv[1], trust_remote_code=True, **arguments)(image)))
"""
    environment = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "PATH": os.defpath}
    done = python(["-I", "-c", code, tiny_checkpoint], tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["5", "1"]


def test_where_the_config_is_read_from_is_passed_on(tmp_path, monkeypatch):
    """With num_labels the config is read beforehand; that, too, is to ask no network where none may be asked."""
    small().save_pretrained(tmp_path)
    seen, read = [], FERConfig.from_pretrained.__func__

    def watched(cls, name, **kwargs):
        seen.append(kwargs)
        return read(cls, name, **kwargs)

    monkeypatch.setattr(modeling_fer.FERConfig, "from_pretrained", classmethod(watched))
    options = {"local_files_only": True, "force_download": True, "proxies": {"https": "http://127.0.0.1:9"}}
    FERForImageClassification.from_pretrained(tmp_path, num_labels=7, **options)
    assert {key: seen[0].get(key) for key in options} == options


def test_other_labels_are_refused_by_an_error_that_transformers_raises_too(tmp_path):
    small().save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match="the labels must be the 7"):
        FERForImageClassification.from_pretrained(tmp_path, num_labels=9)
