"""A saved folder loads through fer_hub, in an interpreter without fer_hub, and through transformers' pipeline."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageClassification, pipeline
from transformers.models.auto.image_processing_auto import AutoImageProcessor

import fer_hub.model
from fer_hub import FERPipeline
from fer_hub.model import ARCHITECTURES, EMOTIONS, FERConfig, FERForImageClassification, FERImageProcessor

MODEL_FILES = sorted(Path(fer_hub.model.__file__).parent.glob("*_fer.py"))

CLEAN_LOAD = """
import json, sys
import numpy as np, torch
from PIL import Image
from transformers import AutoModelForImageClassification, pipeline
from transformers.models.auto.image_processing_auto import AutoImageProcessor
image, answers = Image.open(sys.argv[1]), {}
for folder in sys.argv[2:]:
    model, info = AutoModelForImageClassification.from_pretrained(
        folder, trust_remote_code=True, output_loading_info=True
    )
    processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=True)
    with torch.inference_mode():
        logits = model(**processor(image, return_tensors="pt")).logits[0]
    classify = pipeline("image-classification", model=folder, trust_remote_code=True)
    answers[folder] = {
        "logits": logits.tolist(),
        "pipeline": {row["label"]: row["score"] for row in classify(image, top_k=model.config.num_labels)},
        "keys": [sorted(info["missing_keys"]), sorted(info["unexpected_keys"])],
    }
assert not any(name.split(".")[0] == "fer_hub" for name in sys.modules), "fer_hub was imported"
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "face.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 80, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def saved(photo, tmp_path_factory):
    """Architecture → its folder, and the logits of the network that was saved there, for the photo."""
    home, networks = tmp_path_factory.mktemp("saved"), {}
    pixel_values = FERImageProcessor()(Image.open(photo), return_tensors="pt").pixel_values
    for architecture in ARCHITECTURES:
        torch.manual_seed(1)
        model = FERForImageClassification(FERConfig(architecture=architecture, temperature=1.3)).eval()
        model.save_pretrained(home / architecture)
        FERImageProcessor().save_pretrained(home / architecture)
        with torch.inference_mode():
            networks[architecture] = home / architecture, model(pixel_values).logits[0]
    return networks


@pytest.fixture(scope="module")
def elsewhere(saved, photo, tmp_path_factory, python):
    """Folder → what a process says of it that cannot see fer_hub: -I leaves out PYTHONPATH and the folder."""
    home = tmp_path_factory.mktemp("elsewhere")
    words = ["-I", "-c", _without_fer_hub(CLEAN_LOAD), photo, *(folder for folder, _ in saved.values())]
    environment = {"HOME": str(home), "HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "1", "PATH": ""}
    result = python(words, home, environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_three_ways_to_load_agree(architecture, saved, elsewhere, photo):
    folder, expected = saved[architecture]
    files = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "preprocessor_config.json"} <= files
    assert {path.name for path in MODEL_FILES} <= files
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pth", ".pkl"))]

    image = Image.open(photo)
    with torch.inference_mode():
        # (a) the registered Auto classes, our own code
        ours = AutoModelForImageClassification.from_pretrained(folder)
        processor = AutoImageProcessor.from_pretrained(folder)
        assert type(ours) is FERForImageClassification and type(processor) is FERImageProcessor
        assert torch.allclose(ours(**processor(image, return_tensors="pt")).logits[0], expected, atol=1e-5)

    # (b) and (c) without fer_hub
    clean = elsewhere[str(folder)]
    assert clean["keys"] == [[], []]
    assert np.allclose(clean["logits"], expected.numpy(), atol=1e-5)
    assert np.allclose([clean["pipeline"][name] for name in EMOTIONS], expected.softmax(0), atol=1e-5)

    # (c) in this interpreter, on the registered classes
    classify = pipeline("image-classification", model=str(folder), trust_remote_code=True)
    scores = {row["label"]: row["score"] for row in classify(image, top_k=7)}
    assert np.allclose([scores[name] for name in EMOTIONS], expected.softmax(0), atol=1e-5)


def test_loading_and_saving_again_keeps_the_code(tiny_checkpoint, tmp_path):
    """transformers keeps `auto_map` but leaves the files behind unless the classes are marked as travelling."""
    AutoModelForImageClassification.from_pretrained(tiny_checkpoint).save_pretrained(tmp_path)
    assert {path.name for path in MODEL_FILES if path.name != "image_processing_fer.py"} <= {
        path.name for path in tmp_path.iterdir()
    }


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.name)
def test_travelling_files_import_only_what_travels(path):
    """The Hub's code copier follows only `from .module import name`, and finds it by regex, in docstrings too."""
    allowed = {"transformers", "torch", "numpy", "PIL", "typing"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.split(".")[0] in allowed
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1 and node.module and (path.parent / f"{node.module}.py").is_file()
    assert "from .." not in path.read_text()


def test_auto_image_processor_comes_from_its_own_module():
    """At the top level transformers 5.17 without torchvision has a placeholder, which newer versions do not show."""
    for path in Path(fer_hub.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "transformers":
                assert "AutoImageProcessor" not in {alias.name for alias in node.names}, path


def test_truncated_weights_are_refused(tiny_checkpoint, tmp_path):
    from safetensors import SafetensorError

    for path in tiny_checkpoint.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(SafetensorError):
        AutoModelForImageClassification.from_pretrained(tmp_path)


def _without_fer_hub(code: str) -> str:
    """An installed fer_hub (editable installs survive -I) is made unimportable first."""
    block = "import sys\nsys.modules['fer_hub'] = None\n"
    return block + code.replace("for name in sys.modules)", "for name, m in sys.modules.items() if m)")


@pytest.mark.parametrize(("narrowest", "suits"), [(16, True), (8, False)])
def test_the_pipeline_has_weights_in_the_memory_order_that_suits_the_network(tmp_path, narrowest, suits):
    """What is computed stays; the few networks that torch cannot train in channels-last memory keep the usual order."""
    torch.manual_seed(0)
    model = FERForImageClassification(FERConfig(embedding_size=narrowest, hidden_sizes=(32, 32), depths=(1, 1))).eval()
    model.save_pretrained(tmp_path)
    FERImageProcessor().save_pretrained(tmp_path)
    loaded = FERForImageClassification.from_pretrained(tmp_path)
    with FERPipeline.from_pretrained(tmp_path) as chain:
        pixels = torch.rand(2, 1, 48, 48)
        for each, order in ((loaded, False), (chain.model, suits)):
            kernels = [tensor for tensor in each.parameters() if tensor.ndim == 4 and min(tensor.shape[1:]) > 1]
            wanted = torch.channels_last if order else torch.contiguous_format
            assert each.suits_channels_last == suits
            assert kernels and all(kernel.is_contiguous(memory_format=wanted) for kernel in kernels)
            with torch.inference_mode():
                torch.testing.assert_close(each(pixel_values=pixels).logits, model(pixel_values=pixels).logits)
