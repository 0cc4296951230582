"""--torch-compile trains the same network, and what is saved is an ordinary checkpoint."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from fer_hub.model import FERForImageClassification
from tests.training.making import small_model, small_trainer

WIDE = {"embedding_size": 16, "hidden_sizes": (16,)}


def test_a_network_that_torch_cannot_compile_is_refused(tmp_path):
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path, torch_compile=True)
    assert str(caught.value) == (
        "torch_compile on a CPU needs a network of at least 16 channels everywhere, got one with fewer before a "
        "stride, with which torch crashes; leave --torch-compile out, or use larger sizes."
    )
    assert small_trainer(tmp_path, model=small_model(**WIDE), torch_compile=True).args.torch_compile


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="needs a C++ compiler")
def test_a_compiled_training(tmp_path):
    options = {"max_steps": 3, "ema": 0.7, "augmentation": "none"}
    for name, compiled in (("plain", False), ("compiled", True)):
        model = small_model(dropout=0.0, **WIDE)  # a compiled dropout draws other numbers
        small_trainer(tmp_path / name, model=model, torch_compile=compiled, **options).train()
    FERForImageClassification.from_pretrained(tmp_path / "compiled" / "checkpoint-3")
    plain, compiled = (
        load_file(tmp_path / name / "checkpoint-3" / "model.safetensors") for name in ("plain", "compiled")
    )
    assert plain.keys() == compiled.keys()
    assert all(torch.allclose(plain[name], compiled[name], atol=1e-4) for name in plain)
