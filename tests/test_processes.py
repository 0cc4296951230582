"""Pipelines and detectors in other processes: pickled, copied, forked while they are used, and spawned."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from fer_hub import FaceDetector, FERPipeline, load_image

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "examples" / "astronaut.jpg"


@pytest.mark.parametrize("runtime", ["auto", "torch"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copy_is_independent(runtime, copied):
    with FERPipeline.from_pretrained(runtime=runtime, flip_average=True) as pipeline:
        expected = pipeline(PHOTO)
        other = copied(pipeline)
    with other:
        assert other(PHOTO) == expected and len(expected) == 1  # though the first one is closed
    again = copied(other)
    with pytest.raises(RuntimeError, match="is closed"):
        again(PHOTO)


@pytest.mark.parametrize("model", ["fused", "mediapipe"])
def test_a_detector_can_be_copied(model):
    with FaceDetector(model, min_score=0.7) as detector:
        expected = detector.detect(load_image(PHOTO))
        for other in (copy.deepcopy(detector), pickle.loads(pickle.dumps(detector))):
            with other:
                assert (other.detect(load_image(PHOTO)), other.min_score) == (expected, 0.7)


PROGRAM = """
import multiprocessing, os, sys, threading
from fer_hub import FERPipeline, load_image

def answer(pipeline, photo, sender):
    sender.send(described(pipeline(photo)))

def described(faces):  # with as many threads as a process has, PyTorch rounds differently
    return [(face.box, {name: round(value, 4) for name, value in face.probabilities.items()}) for face in faces]

def main(runtime, how, photo):
    context = multiprocessing.get_context(how)
    photo = load_image(photo)
    with FERPipeline.from_pretrained(runtime=runtime) as pipeline:
        expected = described(pipeline(photo))
        at_work, done = threading.Event(), threading.Event()

        def work():  # so that locks are held at the moment of the fork
            while not done.is_set():
                pipeline(photo)
                at_work.set()

        worker = threading.Thread(target=work)
        worker.start()
        at_work.wait()
        for _ in range(3 if how == "fork" else 1):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=answer, args=(pipeline, photo, sender))
            process.start()
            sender.close()
            print(receiver.recv() == expected, len(expected))
            process.join()
        done.set()
        worker.join()
        print(described(pipeline(photo)) == expected)

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.mark.parametrize("runtime", ["auto", "torch"])
@pytest.mark.parametrize(("how", "times"), [("fork", 3), ("spawn", 1)])
def test_other_processes_use_a_pipeline_that_is_in_use(runtime, how, times, tmp_path):
    if how == "fork" and not sys.platform.startswith("linux"):
        pytest.skip("only Linux forks safely")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", program, runtime, how, PHOTO]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=500, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.stdout.splitlines() == ["True 1"] * times + ["True"], done.stderr
