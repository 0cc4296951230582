"""A Space with ZeroGPU: photos borrow a GPU within a request, all else stays on the CPU.

The stand-in for the package `spaces` does what the real one does: it runs a function in a forked process.
"""

import multiprocessing
import sys
import types

import numpy as np
import pytest
from gradio.context import LocalContext
from PIL import Image

from fer_hub.pipeline import FERPipeline
from fer_hub.web import zero_gpu
from fer_hub.web.service import Service

borrowed = []


def lend(duration):
    def decorate(function):
        def elsewhere(*given):
            here, there = multiprocessing.get_context("fork").Pipe()

            def run():
                there.send(function(*given))

            process = multiprocessing.get_context("fork").Process(target=run)
            process.start()
            result = here.recv()
            process.join()
            borrowed.append((duration, process.exitcode))
            return result

        return elsewhere

    return decorate


@pytest.fixture
def service(monkeypatch, tiny_checkpoint):
    """Of one network, where ZeroGPU is on and its GPU is the CPU."""
    monkeypatch.setenv(zero_gpu.VARIABLE, "true")
    monkeypatch.setattr(zero_gpu, "GPU", "cpu")
    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=lend))
    borrowed.clear()
    zero_gpu.prepare()
    with Service({"tiny": tiny_checkpoint}) as made:
        yield made


@pytest.fixture
def in_a_request():
    token = LocalContext.event_id.set("an id")
    yield
    LocalContext.event_id.reset(token)


CROP = Image.fromarray(np.arange(48 * 48, dtype=np.uint8).reshape(48, 48))


def test_a_photo_borrows_a_gpu_and_has_the_same_result(service, in_a_request, tiny_checkpoint):
    with FERPipeline.from_pretrained(tiny_checkpoint) as own:
        [expected] = own.classify_crops([CROP])
    for search in ("normal", "thorough"):
        [row] = service.pipeline("tiny", search).classify_crops([CROP])
        assert row == pytest.approx(expected, abs=1e-6)
    assert borrowed == [(zero_gpu.SECONDS, 0)] * 2


def test_frames_and_what_nobody_asked_for_stay_on_the_cpu(service, in_a_request):
    for search in ("live", "video"):
        assert service.pipeline("tiny", search).classify_crops([CROP])
    assert service.video_pipeline("tiny", 0.5).classify_crops([CROP])
    token = LocalContext.event_id.set(None)  # as while the page is built
    assert service.pipeline("tiny").classify_crops([CROP])
    LocalContext.event_id.reset(token)
    assert borrowed == []


def test_elsewhere_nothing_is_borrowed(monkeypatch, tiny_checkpoint, in_a_request):
    monkeypatch.delenv(zero_gpu.VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "spaces", None)  # an import would fail
    zero_gpu.prepare()
    with Service({"tiny": tiny_checkpoint}) as service:
        assert service.pipeline("tiny").classify_crops([CROP])
