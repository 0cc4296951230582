"""From a checkpoint to other people's machines: publish, load by id in a clean interpreter, run the app on it."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from huggingface_hub import HfApi
from PIL import Image

from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor, FERPipeline
from fer_hub.commands import main
from fer_hub.hub import publish_model, publish_space
from tests.hub.stand_in import WRITE_TOKEN

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.slow  # each of its interpreters imports torch

CLEAN_LOAD = """
import json, sys
sys.modules["fer_hub"] = None  # as if it were not installed
import torch
from PIL import Image
from transformers import AutoModelForImageClassification
from transformers.models.auto.image_processing_auto import AutoImageProcessor
answers = {}
for revision in sys.argv[2:]:
    options = {"trust_remote_code": True, "revision": revision}
    model, info = AutoModelForImageClassification.from_pretrained("user/fer", output_loading_info=True, **options)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    image_processor = AutoImageProcessor.from_pretrained("user/fer", **options)
    with torch.inference_mode():
        logits = model(**image_processor(Image.open(sys.argv[1]), return_tensors="pt")).logits
    answers[revision] = logits[0].tolist()
assert not [name for name in sys.modules if name.startswith("fer_hub.")]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def published(hub, finished_checkpoint, tmp_path_factory, python):
    """Two versions under one id: (sha of the older one, its folder, the newer one's folder, the first's output)."""
    home = tmp_path_factory.mktemp("publisher")
    words = ["-m", "fer_hub", "publish", "model", finished_checkpoint, "user/fer", "--public"]
    done = python(words, ROOT, os.environ | hub.environment(home))
    assert done.returncode == 0, done.stderr
    older = hub.model("user/fer").branches["main"]
    newer = tmp_path_factory.mktemp("newer")
    for path in finished_checkpoint.iterdir():
        (newer / path.name).write_bytes(path.read_bytes())
    torch.manual_seed(1)
    config = FERConfig.from_pretrained(finished_checkpoint)
    FERForImageClassification(config).save_pretrained(newer)
    publish_model(newer, "user/fer", api=HfApi(endpoint=hub.url, token=WRITE_TOKEN), say=[].append)
    return older, finished_checkpoint, newer, done.stdout + done.stderr


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    path = tmp_path_factory.mktemp("face") / "face.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 80, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The cache of somebody who has never loaded anything."""
    return tmp_path_factory.mktemp("reader")


def logits(folder, face):
    model, image_processor = (each.from_pretrained(folder) for each in (FERForImageClassification, FERImageProcessor))
    with torch.inference_mode():
        return model(**image_processor(Image.open(face), return_tensors="pt")).logits[0].numpy()


def load_elsewhere(python, hub, cache, face, *revisions, **more):
    """Logits for each revision from a process without fer_hub, token, or anything of this one."""
    environment = {"PATH": "", "HOME": str(cache)} | hub.environment(cache, token=None) | more
    done = python(["-I", "-c", CLEAN_LOAD, face, *revisions], cache, environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_loads_by_id_elsewhere_and_again_without_a_network(hub, published, face, cache, python):
    older, old_folder, new_folder, _ = published
    answers = load_elsewhere(python, hub, cache, face, "main", older, HF_ENDPOINT=f"{hub.url}/")  # as people type it
    assert np.allclose(answers["main"], logits(new_folder, face), atol=1e-5)
    assert np.allclose(answers[older], logits(old_folder, face), atol=1e-5)
    assert not np.allclose(answers["main"], answers[older], atol=1e-3)
    asked = len(hub.requests)
    assert load_elsewhere(python, hub, cache, face, "main", older, HF_HUB_OFFLINE="1") == answers
    assert len(hub.requests) == asked


def test_what_the_command_says(published, hub):
    older, folder, _, output = published
    assert f"model user/fer, from {folder}\n\ngoes up:\n  new      README.md" in output
    assert "user/fer does not exist yet; it will be created as public.\nCreating user/fer ...\n" in output
    assert f"Sending {len(list(folder.iterdir())) + 2} files, " in output  # with LICENSE and .gitattributes
    assert f"{hub.url}/user/fer is up to date at commit {older[:8]}.\n" in output


def test_the_token_is_never_printed(published, finished_checkpoint, hub, monkeypatch, capfd):
    *_, output = published
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    folder, space = str(finished_checkpoint), ["space", "user/app2", "--model", "user/fer"]
    for token, status, arguments in (
        (WRITE_TOKEN, 0, ["model", folder, "user/fer", "--dry-run"]),
        (WRITE_TOKEN, 0, ["model", folder, "user/silent"]),
        (WRITE_TOKEN, 0, space),
        (WRITE_TOKEN, 1, ["model", folder, f"https://user:{WRITE_TOKEN}@hub/user/fer"]),
        (WRITE_TOKEN, 1, ["model", folder, "nobody/fer"]),
        ("plainSecretWithoutPrefix", 1, ["model", folder, "user/fer"]),
        ("plainSecretWithoutPrefix", 1, ["model", folder, "plainSecretWithoutPrefix"]),
    ):
        monkeypatch.setenv("HF_TOKEN", token)
        assert main(["publish", *arguments]) == status
        said = capfd.readouterr()
        assert token not in said.out + said.err
        assert ("error: " in said.err) is (status == 1)
    assert WRITE_TOKEN not in output


def test_the_app_of_the_published_space_runs_on_the_published_model(hub, published, cache, tmp_path):
    """app.py as it was uploaded, in a folder with nothing else, on the id that the Space's variable names."""
    publish_space("user/app", "user/fer", api=HfApi(endpoint=hub.url, token=WRITE_TOKEN), say=[].append)
    for path, data in hub.space("user/app").files().items():
        target = tmp_path / "space" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | hub.environment(cache, token=None) | hub.space("user/app").variables
    environment |= {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "PYTHONUNBUFFERED": "1",
                    "GRADIO_TEMP_DIR": str(tmp_path / "uploads")}  # fmt: skip
    environment.pop("PYTHONPATH", None)
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=tmp_path / "space", env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said = []
    try:
        for line in process.stdout:  # blocks until the app says where it listens, or ends
            said.append(line)
            if f"127.0.0.1:{port}" in line:
                break
        else:
            pytest.fail("app.py ended before it listened:\n" + "".join(said))
        drain = threading.Thread(target=lambda: said.extend(process.stdout), daemon=True)
        drain.start()
        photograph = ROOT / "examples" / "astronaut.jpg"
        client = Client(f"http://127.0.0.1:{port}/", verbose=False)
        answer = client.predict(handle_file(photograph), api_name="/predict")
    finally:
        process.terminate()
        process.wait()
    drain.join()
    assert "Loading user/fer" in "".join(said) and "Traceback" not in "".join(said)
    with FERPipeline.from_pretrained(published[2]) as pipeline:
        [here] = pipeline(photograph)
    [there] = answer["faces"]
    assert there["emotion"] == here.emotion
    assert there["probabilities"] == pytest.approx(here.to_dict()["probabilities"], abs=1e-5)
