"""A path of ours that leads nowhere is refused at once: nobody of that name on the Hub is asked."""

import socket

import pytest

from fer_hub import FERPipeline
from fer_hub.onnx.export import export
from fer_hub.training.arguments import ModelArguments
from fer_hub.training.starting import check_start


@pytest.mark.parametrize("name", ["checkpoints/fer2013", "runs/mine/final", "runs/mine"])
@pytest.mark.parametrize(
    "load",
    [
        lambda name: FERPipeline.from_pretrained(name, trust_remote_code=True),
        lambda name: check_start(ModelArguments(start_from=name)),
        lambda name: export(name, "anywhere"),
    ],
    ids=["pipeline", "training", "export"],
)
def test_a_path_of_ours_elsewhere(name, load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **more: pytest.fail(f"asked for {address}"))
    with pytest.raises(FileNotFoundError) as caught:
        load(name)
    assert str(caught.value) == (
        f"checkpoint must be a checkpoint folder or a Hub id, got {name!r}, which looks like a folder, but there is "
        f"none in {tmp_path}; start from the folder that holds {name.partition('/')[0]}, or give the whole path."
    )
