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

def main(runtime, photo, *ways):
    photo = load_image(photo)
    with FERPipeline.from_pretrained(runtime=runtime) as pipeline:
        expected = described(pipeline(photo))
        for how in ways:
            context = multiprocessing.get_context(how)
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=answer, args=(pipeline, photo, sender))
            at_work, started = threading.Event(), threading.Event()

            def work():  # so that locks are held at the moment of the fork
                while not started.is_set():
                    pipeline(photo)
                    at_work.set()

            worker = threading.Thread(target=work)
            worker.start()
            at_work.wait()
            process.start()
            started.set()
            sender.close()
            print(how, receiver.recv() == expected, len(expected))
            process.join()
            worker.join()
        print(described(pipeline(photo)) == expected)

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.mark.parametrize("runtime", ["auto", pytest.param("torch", marks=pytest.mark.slow)])
def test_other_processes_use_a_pipeline_that_is_in_use(runtime, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ways = ["fork", "fork", "spawn"] if sys.platform.startswith("linux") else ["spawn"]  # no other forks safely
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", program, runtime, PHOTO, *ways],
        capture_output=True, text=True, timeout=500, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.splitlines() == [*(f"{how} True 1" for how in ways), "True"], done.stderr
