"""Backbones from files in the published layouts, in folders and over HTTP, and a sentence for whatever does not fit."""

import socket

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save, save_file
from transformers import (
    MobileNetV2Config,
    MobileNetV2ForImageClassification,
    ResNetConfig,
    ResNetForImageClassification,
)

from fer_hub.model import FERConfig, FERForImageClassification
from fer_hub.training.pretrained import PRETRAINED, load_backbone
from fer_hub.training.tensors import COUNTER
from tests.hub.stand_in import WRITE_TOKEN
from tests.hub.stand_in_repository import Repository

ROUTE = "pass a local folder with --pretrained FOLDER, or train from random weights with --pretrained none."
PREFIX = "mobilenet_v2."
LAST_LAYERS = {
    "vgg16": {"pre_logits.fc1": (4096, 1), "pre_logits.fc2": (4096, 1), "head.fc": (1000, 1)},
    "efficientnet_lite0": {"classifier": (1000, 1280)},
}
FIRST = "conv_stem.first_conv.convolution.weight"


def build(architecture):
    torch.manual_seed(1)
    return FERForImageClassification(FERConfig(architecture=architecture))


def write_published(architecture, folder):
    """A file as the repository in PRETRAINED has it: same names and shapes, random weights."""
    torch.manual_seed(0)
    if architecture == "resnet50":
        ResNetForImageClassification(ResNetConfig(num_labels=1000)).save_pretrained(folder)
    elif architecture == "mobilenet_v2":
        MobileNetV2ForImageClassification(MobileNetV2Config(num_labels=1001)).save_pretrained(folder)
    else:
        folder.mkdir()
        backbone = build(architecture).network.backbone.state_dict()
        tensors = {name: torch.randn_like(each.float()).to(each.dtype) for name, each in backbone.items()}
        for name, shape in LAST_LAYERS[architecture].items():
            tensors |= {f"{name}.weight": torch.zeros(shape), f"{name}.bias": torch.zeros(shape[0])}
        save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The folder with MobileNetV2's file, the smallest; do not change."""
    return write_published("mobilenet_v2", tmp_path_factory.mktemp("published") / "mobilenet_v2")


@pytest.fixture(scope="module")
def tensors(published):
    return load_file(published / "model.safetensors")


@pytest.fixture
def model():
    return build("mobilenet_v2")


def assert_filled(model, tensors, prefix):
    """The backbone is the file's, and everything else is as it was built."""
    before = build(model.config.architecture).state_dict()
    for name, value in model.state_dict().items():
        inside = name.removeprefix("network.backbone.")
        assert torch.equal(value, before[name] if inside == name else tensors[prefix + inside]), name


def refusal(model, *arguments, **options):
    """What is raised; the network is left as it was, to the last tensor."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises((OSError, ValueError)) as caught:
        load_backbone(model, *arguments, **options)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("architecture", "prefix", "count", "left_over"),
    [
        ("resnet50", "resnet.", 318, ["classifier.1.bias", "classifier.1.weight"]),
        (
            "vgg16",
            "",
            26,
            [
                f"{name}.{part}"
                for name in ("head.fc", "pre_logits.fc1", "pre_logits.fc2")
                for part in ("bias", "weight")
            ],
        ),
        ("mobilenet_v2", PREFIX, 312, ["classifier.bias", "classifier.weight"]),
        ("efficientnet_lite0", "", 294, ["classifier.bias", "classifier.weight"]),
    ],
)
def test_the_published_layouts(architecture, prefix, count, left_over, tmp_path):
    folder, model = write_published(architecture, tmp_path / "weights"), build(architecture)
    assert load_backbone(model, folder) == {"source": str(folder), "tensors": count, "left_over": left_over}
    assert_filled(model, load_file(folder / "model.safetensors"), prefix)


def test_our_own_checkpoint_is_a_source_too(model, tmp_path):
    torch.manual_seed(2)
    other = FERForImageClassification(FERConfig(architecture="mobilenet_v2", num_labels=3))
    other.save_pretrained(tmp_path)
    loaded = load_backbone(model, tmp_path / "model.safetensors")
    assert loaded["left_over"] == [
        f"network.{name}" for name in ("classifier.bias", "classifier.weight", "scale", "shift")
    ]
    assert_filled(model, other.state_dict(), "network.backbone.")


def test_counters_may_be_absent_and_halves_become_floats(model, tensors, tmp_path):
    older = {name: tensor.half() for name, tensor in tensors.items() if not name.endswith(COUNTER)}
    save_file(older, tmp_path / "older.safetensors")
    assert load_backbone(model, tmp_path / "older.safetensors")["tensors"] == 312 - 52
    state = model.network.backbone.state_dict()
    assert state[FIRST].dtype == torch.float32
    assert torch.equal(state[FIRST], tensors[PREFIX + FIRST].half().float())
    assert all(value == 0 for name, value in state.items() if name.endswith(COUNTER))


def without(name):
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


def with_one(name, *shape):
    return lambda tensors: {**tensors, name: torch.zeros(shape)}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without(PREFIX + "conv_1x1.convolution.weight"),
         f"{PREFIX}conv_1x1.convolution.weight must be (1280, 320, 1, 1) and is absent"),
        (with_one(PREFIX + FIRST, 16, 3, 3, 3), f"{PREFIX}{FIRST} must be (32, 3, 3, 3) and is (16, 3, 3, 3)"),
        (with_one(PREFIX + "layer.16.bias", 4), f"{PREFIX}layer.16.bias must be absent and is (4,)"),
        (lambda tensors: {"weight": torch.zeros(1)}, f"{FIRST} must be (32, 3, 3, 3) and is absent"),
    ],
    ids=["missing", "another shape", "a deeper backbone", "something else"],
)  # fmt: skip
def test_another_backbone_is_refused(model, tensors, tmp_path, change, told):
    path = tmp_path / "other.safetensors"
    save_file(change(tensors), path)
    assert refusal(model, path) == (
        ValueError,
        f"{path} must contain the backbone of mobilenet_v2, but {told}; {ROUTE}",
    )


def test_a_network_without_a_backbone(published):
    assert refusal(build("scratch_cnn"), published) == (
        ValueError,
        "pretrained weights need a network with a backbone, one of resnet50, vgg16, mobilenet_v2, efficientnet_lite0, "
        "got scratch_cnn; leave them out, or choose another architecture.",
    )


def test_files_that_are_not_whole_safetensors(model, published, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes((published / "model.safetensors").read_bytes()[:-40])
    assert refusal(model, tmp_path) == (
        ValueError,
        f"{path} must be a complete safetensors file, but cannot be read (Error while deserializing header: "
        "incomplete metadata, file not fully covered); copy or download it again.",
    )
    path = path.rename(tmp_path / "pytorch_model.bin")
    assert refusal(model, path) == (
        ValueError,
        f"a backbone must be a safetensors file, got {path}; others may run code when loaded.",
    )
    assert refusal(model, tmp_path) == (
        FileNotFoundError,
        f"the folder of a backbone must contain model.safetensors, but {tmp_path} does not, only pytorch_model.bin, "
        "which may run code when loaded; choose another one.",
    )
    path.unlink()
    assert refusal(model, tmp_path) == (
        FileNotFoundError,
        f"the folder of a backbone must contain model.safetensors, but {tmp_path} does not; choose another one.",
    )


def point(monkeypatch, url):
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


@pytest.fixture
def online(hub, monkeypatch, tmp_path):
    """The stand-in is the Hub of this process, for somebody without a token and with an empty cache."""
    point(monkeypatch, hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return hub


def put(hub, name, private=False, **files):
    hub.repositories["models", name] = Repository(private)
    return hub.model(name).change("made", **files)


def test_the_default_comes_from_the_hub_and_then_from_the_cache(online, model, published, tensors, monkeypatch):
    name = PRETRAINED["mobilenet_v2"]
    put(online, name, **{"model.safetensors": (published / "model.safetensors").read_bytes()})
    loaded = load_backbone(model)
    assert loaded == {"source": name, "tensors": 312, "left_over": ["classifier.bias", "classifier.weight"]}
    assert_filled(model, tensors, PREFIX)
    asked = len(online.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    again = build("mobilenet_v2")
    assert load_backbone(again) == loaded
    assert_filled(again, tensors, PREFIX)
    assert len(online.requests) == asked


def test_a_revision(online, model, tensors):
    newer = {name: tensor + 1 for name, tensor in tensors.items()}
    older = put(online, "someone/net", **{"model.safetensors": save(tensors)})
    online.model("someone/net").change("newer", **{"model.safetensors": save(newer)})
    load_backbone(model, "someone/net", revision=older)
    assert_filled(model, tensors, PREFIX)
    load_backbone(model, "someone/net")
    assert_filled(model, newer, PREFIX)
    assert refusal(model, "someone/net", revision="v9") == (
        FileNotFoundError,
        "revision must be a branch, tag or commit of someone/net, got 'v9'; omit it to load the latest.",
    )


def test_repositories_without_safetensors(online, model):
    put(online, "someone/old", **{"pytorch_model.bin": b"pickle"})
    put(online, "someone/empty", **{"README.md": b""})
    assert refusal(model, "someone/old") == (
        FileNotFoundError,
        "the repository of a backbone must contain model.safetensors, but someone/old does not, only "
        "pytorch_model.bin, which may run code when loaded; choose another one.",
    )
    assert refusal(model, "someone/empty") == (
        FileNotFoundError,
        "the repository of a backbone must contain model.safetensors, but someone/empty does not; choose another one.",
    )
    assert not [line for line in online.requests if line.startswith("GET") and "pytorch_model.bin" in line]


@pytest.mark.parametrize("name", ["someone/absent", "someone/secret"])
def test_inaccessible_repositories(online, model, name):
    put(online, "someone/secret", private=True, **{"model.safetensors": b""})
    assert refusal(model, name) == (
        FileNotFoundError,
        f"pretrained weights must be a folder, a safetensors file or a Hub id, but {name} is none of these, or is "
        "private; correct the name, or run hf auth login.",
    )


def test_a_token_that_the_hub_refuses(online, model, monkeypatch):
    put(online, "someone/gated", **{"model.safetensors": b""})
    monkeypatch.setenv("HF_TOKEN", WRITE_TOKEN + "expired")
    assert refusal(model, "someone/gated") == (
        PermissionError,
        "someone/gated must be a repository that you can access, but the Hub refused it (401); run hf auth login, "
        "and request access on its page if it is gated.",
    )


def test_neither_a_path_nor_an_id(model):
    assert refusal(model, "weights/of/mine") == (
        FileNotFoundError,
        "pretrained weights must be a folder, a safetensors file or a Hub id, got 'weights/of/mine': nothing is there, "
        "and Hub ids are owner/name; correct it.",
    )


def test_without_a_network(online, model, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        point(monkeypatch, f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client tries six times, more and more slowly
        assert refusal(model) == (
            ConnectionError,
            "pretrained weights must come from the Hub or its cache, but google/mobilenet_v2_1.0_224 is not in the "
            f"cache and {constants.ENDPOINT} does not respond; {ROUTE}",
        )


def test_offline(online, model, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refusal(model) == (
        ConnectionError,
        "pretrained weights must come from the Hub or its cache, but google/mobilenet_v2_1.0_224 is not in the cache "
        f"and HF_HUB_OFFLINE is set; {ROUTE}",
    )
