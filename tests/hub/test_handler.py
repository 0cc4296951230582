"""What `--with-handler` adds to a model repository, called as the toolkit of Inference Endpoints calls it."""

import json
import shutil

import pytest

from fer_hub.hub.handler_files import handler_files
from fer_hub.hub.model_files import plan_model
from tests.conftest import ROOT

PORTRAIT = ROOT / "examples" / "astronaut.jpg"

# huggingface_inference_toolkit: the folder is put on the path, handler.py is loaded by its own, EndpointHandler(folder)
# is made once and called with the body of each request.
CALL = """
import base64, importlib.util, json, sys
folder, portrait = sys.argv[1:]
sys.path.insert(0, folder)
spec = importlib.util.spec_from_file_location("handler", folder + "/handler.py")
module = importlib.util.module_from_spec(spec)
sys.modules["handler"] = module
spec.loader.exec_module(module)
handler = module.EndpointHandler(folder)
data = open(portrait, "rb").read()
text = base64.b64encode(data).decode()

def refusal(body):
    try:
        return handler(body)
    except ValueError as error:
        return str(error)

import PIL.Image
print(json.dumps({
    "package": sys.modules["fer_hub"].__file__,
    "bytes": handler({"inputs": data}),
    "pil": handler({"inputs": PIL.Image.open(portrait)}),
    "list": handler({"inputs": [text, "data:image/jpeg;base64," + text], "parameters": {"min_score": 0.8}}),
    "refused": [refusal(body) for body in (
        {}, {"inputs": "/etc/passwd"}, {"inputs": 3}, {"inputs": b"no picture"}, {"inputs": [text] * 21},
        {"inputs": "http://127.0.0.1:9/a.jpg"}, {"inputs": data, "parameters": {"min_score": 2}},
        {"inputs": data, "parameters": {"top_k": 2}})],
}))
"""


@pytest.fixture
def repository(tmp_path):
    """The files that a publication with a handler uploads."""
    folder = tmp_path / "repository"
    checkpoint = shutil.copytree(ROOT / "checkpoints" / "fer2013", tmp_path / "checkpoint")
    plan = plan_model(checkpoint, "owner/name", extra=handler_files())
    for upload in plan.uploads:
        path = folder / upload.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(upload.read())
    assert plan.owns("fer_hub/of_an_earlier_version.py")
    return folder


def test_the_endpoint_answers_from_the_repository_alone(repository, tmp_path, python):
    run = python(["-I", "-c", CALL, repository, PORTRAIT], tmp_path)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout.splitlines()[-1])
    assert answer["package"] == str(repository / "fer_hub" / "__init__.py")
    [face] = answer["bytes"]
    assert face["emotion"] == "happy" and len(face["probabilities"]) == 7
    assert answer["pil"] == answer["bytes"]
    for [same] in answer["list"]:  # in one batch, so that the last digits may differ
        assert same["box"] == face["box"] and same["probabilities"] == pytest.approx(face["probabilities"], abs=1e-4)
    begins = [
        "the body must be a photograph", "a photograph as text must be base64", "a photograph must be bytes",
        "the bytes must be an image", "there may be 20 photographs", "", "min_score must be from 0 to 1",
        "parameters may hold min_score alone",
    ]  # fmt: skip
    assert all(text.startswith(begin) for text, begin in zip(answer["refused"], begins, strict=True)), answer["refused"]
    assert "127.0.0.1" in answer["refused"][5] and "public" in answer["refused"][5]


def test_requirements_name_what_predictions_need_and_no_more():
    files = {upload.path: upload for upload in handler_files()}
    lines = files["requirements.txt"].read().decode().splitlines()
    assert any(line.startswith("transformers==") for line in lines)
    assert not any(line.startswith(("gradio", "datasets", "typer", "av")) for line in lines)
    assert "fer_hub/pipeline.py" in files and not any("__pycache__" in name for name in files)


def test_a_folder_that_is_no_clone_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--with-handler needs a clone .*has no handler\.py"):
        handler_files(tmp_path)
