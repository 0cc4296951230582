"""Every way in which loading fails, over HTTP and from folders, ends in one sentence that says what to do."""

import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from fer_hub.hub import explain_load_error, publish_model
from fer_hub.model import ARCHITECTURES
from tests.hub.stand_in import WRITE_TOKEN
from tests.hub.stand_in_repository import Repository

ROOT = Path(__file__).resolve().parent.parent.parent

LOAD_ALL = """
import json, os, sys
from transformers import AutoConfig, AutoModelForImageClassification
from transformers.models.auto.image_processing_auto import AutoImageProcessor
from fer_hub.hub import explain_load_error
import fer_hub.model
told = []
for token, case in json.loads(sys.argv[1]):
    os.environ["HF_TOKEN"] = token
    checkpoint, _, revision = case.partition("@")
    options = {"revision": revision} if revision else {}
    try:
        for each in (AutoConfig, AutoImageProcessor, AutoModelForImageClassification):
            each.from_pretrained(checkpoint, trust_remote_code=False, **options)
        told.append(None)
    except Exception as error:
        better = explain_load_error(checkpoint, error, revision=revision or None)
        told.append([type(better).__name__, str(better)])
print(json.dumps(told))
"""

LACKS = (
    "the checkpoint must contain config.json, model.safetensors, preprocessor_config.json, but {} lacks {}; save "
    "model and image processor again with save_pretrained."
)
UNKNOWN = "the checkpoint must have an architecture that transformers or fer_hub supports, but "
NOWHERE = (
    "the checkpoint must be a local folder or a repository on the Hub, but {} is neither, or it is private; correct "
)
NOT_CACHED = (
    "the checkpoint must be in the cache while HF_HUB_OFFLINE is set, but {} is not; load it once while online, or "
    "pass a folder."
)

ANONYMOUS = {
    "user/fer": None,
    "user/fer@nope": [
        "FileNotFoundError",
        "revision must be a branch, tag or commit of the checkpoint, but 'user/fer' has no 'nope'; omit it to load "
        "the latest.",
    ],
    "user/noweights": ["FileNotFoundError", LACKS.format("'user/noweights'", "model.safetensors")],
    "user/noprocessor": ["FileNotFoundError", LACKS.format("'user/noprocessor'", "preprocessor_config.json")],
    "user/noconfig": ["FileNotFoundError", LACKS.format("'user/noconfig'", "config.json (or a model_type in it)")],
    "user/architecture": [
        "ValueError",
        f"architecture must be one of {', '.join(ARCHITECTURES)}, got 'vit'; choose one of these, or upgrade fer_hub "
        "if the checkpoint is newer.",
    ],
    "user/newer": [
        "ValueError",
        "format_version must be at most 1, got 99: the checkpoint was written by a newer fer_hub; upgrade fer_hub to "
        "read it.",
    ],
    "user/remote": [
        "ValueError",
        UNKNOWN
        + "'user/remote' comes with its own code; review that code, then pass trust_remote_code=True to run it.",
    ],
    "user/unknown": ["ValueError", UNKNOWN + "'user/unknown' does not; upgrade both if the checkpoint is newer."],
    "user/truncated": [
        "ValueError",
        "model.safetensors must be a complete safetensors file, but that of 'user/truncated' cannot be read (Error "
        "while deserializing header: incomplete metadata, file not fully covered); copy or download it again.",
    ],
    "user/absent": [
        "FileNotFoundError",
        NOWHERE.format("'user/absent'") + "the name, or run hf auth login (or set HF_TOKEN) if so.",
    ],
    "user/secret": [
        "FileNotFoundError",
        NOWHERE.format("'user/secret'") + "the name, or run hf auth login (or set HF_TOKEN) if so.",
    ],
    "a/b/c": [
        "FileNotFoundError",
        "the checkpoint must be a folder or a Hub id, got 'a/b/c': there is no such folder, and Hub ids are "
        "owner/name; correct it.",
    ],
}

LOGGED_IN = {
    "user/secret": None,
    "user/absent": [
        "FileNotFoundError",
        NOWHERE.format("'user/absent'") + "the name, or log in with a token that may read it.",
    ],
}

EXPIRED = {
    "user/again": [
        "PermissionError",
        "you must have access to the checkpoint, but the Hub refused the access token for 'user/again' (401); run hf "
        "auth login, or correct HF_TOKEN.",
    ],
}

OFFLINE = {
    "user/fer": None,  # from the cache
    "user/absent": ["ConnectionError", NOT_CACHED.format("'user/absent'")],
    "user/fer@nope": ["ConnectionError", NOT_CACHED.format("'user/fer' at revision 'nope'")],
}


CIRCUMSTANCES = {
    "anonymous": ("", ANONYMOUS),
    "logged in": (WRITE_TOKEN, LOGGED_IN),
    "expired": ("hf_expiredexpired", EXPIRED),
    "offline": ("", OFFLINE),
}
"""Name → (token, {case: what is said}); in this order, so that what is loaded first is in the cache later."""


@pytest.fixture(scope="module")
def said(hub, finished_checkpoint, tmp_path_factory, python):
    """{(circumstance, case): [type, sentence]}, None if it loaded."""
    api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
    publish_model(finished_checkpoint, "user/fer", public=True, api=api, say=[].append)
    files = hub.model("user/fer").files()
    config = json.loads(files["config.json"])

    def variant(name, private=False, **changes):
        hub.repositories["models", f"user/{name}"] = Repository(private)
        hub.model(f"user/{name}").change("made", **files | changes)

    variant("noweights", **{"model.safetensors": None})
    variant("noprocessor", **{"preprocessor_config.json": None})
    variant("noconfig", **{"config.json": None})
    variant("architecture", **{"config.json": json.dumps(config | {"architecture": "vit"}).encode()})
    variant("newer", **{"config.json": json.dumps(config | {"format_version": 99}).encode()})
    variant("remote", **{"config.json": json.dumps(config | {"model_type": "zzz"}).encode()})
    variant("unknown", **{"config.json": b'{"model_type": "zzz"}'})
    variant("truncated", **{"model.safetensors": files["model.safetensors"][:-40]})
    variant("secret", private=True)

    variant("again")
    home = tmp_path_factory.mktemp("hf")
    environment = os.environ | hub.environment(home, token=None) | {"PYTHONPATH": str(ROOT)}
    told = {}
    for offline in ("0", "1"):  # decided when huggingface_hub is imported
        asked = [(name, case) for name, (_, cases) in CIRCUMSTANCES.items() for case in cases]
        asked = [(name, case) for name, case in asked if (name == "offline") == (offline == "1")]
        cases = json.dumps([(CIRCUMSTANCES[name][0], case) for name, case in asked])
        done = python(["-c", LOAD_ALL, cases], home, environment | {"HF_HUB_OFFLINE": offline})
        assert done.returncode == 0, done.stderr
        told |= dict(zip(asked, json.loads(done.stdout.splitlines()[-1]), strict=True))
    return told


@pytest.mark.parametrize(
    ("circumstance", "case", "expected"),
    [(name, case, expected) for name, (_, cases) in CIRCUMSTANCES.items() for case, expected in cases.items()],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_from_the_hub(said, circumstance, case, expected):
    assert said[circumstance, case] == expected


def load_folder(folder):
    """The error for a folder, without its path."""
    from transformers import AutoModelForImageClassification
    from transformers.models.auto.image_processing_auto import AutoImageProcessor

    try:
        AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
        AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=False, use_safetensors=True)
    except Exception as error:
        better = explain_load_error(folder, error)
        return type(better).__name__, str(better).replace(str(folder), "FOLDER")
    pytest.fail("it loaded")


@pytest.mark.parametrize("name", ["model.safetensors", "preprocessor_config.json", "config.json"])
def test_a_folder_that_lacks_a_file(checkpoint, name):
    (checkpoint / name).unlink()
    assert load_folder(checkpoint) == ("FileNotFoundError", LACKS.format("'FOLDER'", name))


def test_a_folder_with_a_pickle_instead(checkpoint):
    shutil.move(checkpoint / "model.safetensors", checkpoint / "pytorch_model.bin")
    assert load_folder(checkpoint) == (
        "FileNotFoundError",
        LACKS.format("'FOLDER'", "model.safetensors (and has pytorch_model.bin, a pickle, which is not loaded)"),
    )


def test_a_folder_with_truncated_weights(checkpoint):
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-40])
    assert load_folder(checkpoint) == (
        "ValueError",
        "model.safetensors must be a complete safetensors file, but that of 'FOLDER' cannot be read (Error while "
        "deserializing header: incomplete metadata, file not fully covered); copy or download it again.",
    )


def test_only_local_files(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    from transformers import AutoConfig

    with pytest.raises(OSError) as caught:
        AutoConfig.from_pretrained("user/never-loaded", local_files_only=True)
    better = explain_load_error("user/never-loaded", caught.value)
    assert type(better) is ConnectionError
    assert str(better) == NOT_CACHED.format("'user/never-loaded'").replace("HF_HUB_OFFLINE", "local_files_only")


def test_without_a_network(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        with pytest.raises(Exception) as caught:  # of httpx or httpx2, as the client is
            HfApi(endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}").model_info("user/fer")
    better = explain_load_error("user/fer", caught.value, revision="v2")
    assert type(better) is ConnectionError
    assert str(better) == (
        "the checkpoint must come from the Hub, as 'user/fer' at revision 'v2' is not in the cache, but the Hub at "
        f"{constants.ENDPOINT} does not respond; check the network connection, or pass a folder."
    )


def test_a_token_in_an_address_is_not_repeated():
    error = explain_load_error("https://me:hf_secretsecret@hub/user/fer", OSError("model.safetensors"))
    assert "hf_secretsecret" not in str(error) and "'https://***@hub/user/fer'" in str(error)
