"""One checkpoint folder to one model repository: what is sent, what is kept, and failures."""

import json
import shutil
import socket
from pathlib import Path

import pytest
from huggingface_hub import HfApi, ModelCard

from fer_hub.hub import publish_model
from tests.hub.stand_in import FINE_TOKEN, READ_TOKEN, WRITE_TOKEN, HubStandIn


@pytest.fixture
def name(request):
    """A separate repository for every test."""
    return "user/" + request.node.name.partition("[")[0].removeprefix("test_")


def publish(folder, name, api, **options):
    """Publish and return (result, everything that was said)."""
    said = []
    result = publish_model(folder, name, api=api, say=said.append, **options)
    return result, "\n".join(said)


def content(folder, name):
    """What the repository must hold: the folder's files and the licence, and the repository's id in the card."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    files["README.md"] = files["README.md"].replace(b"path/or/hub-id", name.encode())
    return {"LICENSE": (Path(__file__).parents[2] / "LICENSE").read_bytes()} | files


def without_attributes(files):
    return {path: data for path, data in files.items() if path != ".gitattributes"}


def test_first(hub, api, checkpoint, name):
    (checkpoint / "training_args.bin").write_bytes(b"\x80\x02pickle")
    (checkpoint / ".DS_Store").write_bytes(b"")
    (checkpoint / "checkpoint-6").mkdir()
    expected = content(checkpoint, name)
    del expected["training_args.bin"], expected[".DS_Store"]
    result, said = publish(checkpoint, name, api)
    repository = hub.model(name)
    assert without_attributes(repository.files()) == expected
    assert repository.history() == ["Publish checkpoint with fer_hub", "initial commit"]  # one commit for everything
    assert repository.private
    assert b"*.onnx filter=lfs" in repository.files()[".gitattributes"]
    assert b"path/or/hub-id" not in repository.files()["README.md"]
    assert (result.changed, result.commit) == (True, repository.branches["main"])
    assert f"{name} does not exist yet; it will be created as private." in said
    assert said.endswith(f"{hub.url}/{name} is up to date at commit {result.commit[:8]}.")


def test_card(hub, api, finished_checkpoint, name):
    publish(finished_checkpoint, name, api)
    card = ModelCard(hub.model(name).files()["README.md"].decode()).data
    metrics = json.loads((finished_checkpoint / "metrics.json").read_text())
    assert (card.license, card.library_name, card.pipeline_tag) == (
        "apache-2.0",
        "transformers",
        "image-classification",
    )
    told = {(row.dataset_split, row.metric_type): row.metric_value for row in card.eval_results}
    keys = {"accuracy": "accuracy", "f1": "macro_f1", "expected_calibration_error": "calibration_error"}
    for split in ("validation", "test"):
        for kind, key in keys.items():
            assert told[split, kind] == round(metrics[split][key], 4)


def test_again_changes_nothing(hub, api, finished_checkpoint, name):
    first, _ = publish(finished_checkpoint, name, api)
    asked = len(hub.requests)
    again, said = publish(finished_checkpoint, name, api)
    assert (again.changed, again.commit) == (False, first.commit)
    assert len(hub.model(name).history()) == 2
    assert [line for line in hub.requests[asked:] if not line.startswith("GET")] == []
    assert said.endswith(f"{hub.url}/{name} was already up to date at commit {first.commit[:8]}.")
    assert "\n  same     model.safetensors" in said and "\n  new " not in said


def test_dry_run_sends_nothing(hub, finished_checkpoint, name, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    asked = len(hub.requests)
    result, said = publish(finished_checkpoint, name, HfApi(endpoint=hub.url, token=False), dry_run=True)
    assert ("models", name) not in hub.repositories
    assert [line for line in hub.requests[asked:] if not line.startswith("GET")] == []
    assert (result.commit, result.changed) == (None, False)
    for path in finished_checkpoint.iterdir():
        assert f"\n  new      {path.name} " in said
    assert "model.safetensors           13." in said and " kB  weights\n" in said
    assert said.endswith("Dry run: nothing was sent.")


def test_dry_run_on_an_older_publication(hub, api, checkpoint, name):
    publish(checkpoint, name, api)
    (checkpoint / "training_log.json").write_text("[]\n")
    _, said = publish(checkpoint, name, api, dry_run=True)
    assert "\n  changed  training_log.json" in said and "\n  same     config.json" in said
    assert f"{name} exists and stays private." in said
    assert len(hub.model(name).history()) == 2


def test_our_leftovers_are_deleted_and_foreign_files_kept(hub, api, checkpoint, name):
    publish(checkpoint, name, api)
    theirs = {"pytorch_model.bin": b"\x80\x02", "demo/notes.md": b"hers"}
    hub.model(name).change("by hand", **theirs, **{"zoo_old_fer.py": b"", "model.onnx": b"of earlier weights"})
    result, said = publish(checkpoint, name, api)
    files = hub.model(name).files()
    assert without_attributes(files) == content(checkpoint, name) | theirs
    assert hub.model(name).history()[0] == "Publish checkpoint with fer_hub" and len(hub.model(name).history()) == 4
    assert "delete   model.onnx" in said and "delete   zoo_old_fer.py" in said
    assert "  keep     demo/notes.md\n  keep     pytorch_model.bin" in said
    assert result.changed


@pytest.mark.parametrize(
    ("before", "asked", "after", "sentence"),
    [
        (None, None, True, "does not exist yet; it will be created as private."),
        (None, True, False, "does not exist yet; it will be created as public."),
        (True, None, True, "exists and stays private."),
        (False, None, False, "exists and stays public."),
        (True, True, False, "exists and becomes public."),
        (False, False, True, "exists and becomes private."),
    ],
)
def test_visibility(hub, api, finished_checkpoint, before, asked, after, sentence):
    name = f"user/seen-{before}-{asked}"
    if before is not None:
        publish(finished_checkpoint, name, api, public=not before)
    _, said = publish(finished_checkpoint, name, api, public=asked)
    assert hub.model(name).private is after
    assert f"{name} {sentence}" in said


def test_revision_is_a_branch(hub, api, checkpoint, name):
    publish(checkpoint, name, api)
    (checkpoint / "training_log.json").write_text("[]\n")
    publish(checkpoint, name, api, revision="next", message="Try a longer training")
    repository = hub.model(name)
    assert repository.files("next")["training_log.json"] == b"[]\n" != repository.files()["training_log.json"]
    assert repository.history("next")[0] == "Try a longer training" and len(repository.history()) == 2


@pytest.mark.parametrize("branch", ["a branch", "0" * 40, "a..b", "/x"])
def test_revision_must_be_a_branch(api, finished_checkpoint, branch):
    with pytest.raises(ValueError) as caught:
        publish(finished_checkpoint, "user/fer", api, revision=branch)
    assert str(caught.value) == (
        f"revision must be the name of a branch to publish to, got {branch!r}; commit hashes and spaces are not "
        "allowed, the default is main."
    )


def test_a_failed_commit_leaves_nothing_and_the_next_run_goes_on(checkpoint, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with HubStandIn(large_from=5_000) as hub:  # weights and pictures go to the large file storage
        api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
        hub.fail("POST", "/commit/", 500)
        with pytest.raises(ConnectionError) as caught:
            publish(checkpoint, "user/fer", api)
        assert str(caught.value) == (
            "the Hub must accept the request, but failed (500: made to fail); run the same command again: files "
            "already sent are not sent again, and no partial state is visible."
        )
        assert hub.model("user/fer").history() == ["initial commit"]
        stored = len(hub.seen("PUT /storage/"))
        assert stored >= 2
        publish(checkpoint, "user/fer", api)
        assert len(hub.seen("PUT /storage/")) == stored  # not sent twice
        assert without_attributes(hub.model("user/fer").files()) == content(checkpoint, "user/fer")
        assert len(hub.model("user/fer").history()) == 2
        again, _ = publish(checkpoint, "user/fer", api)
        assert not again.changed  # large files are compared by their sha256


def test_a_change_in_between_is_not_overwritten(hub, api, checkpoint, name):
    publish(checkpoint, name, api)
    (checkpoint / "training_log.json").write_text("[]\n")

    def meanwhile(text):
        if text.startswith("Sending"):
            hub.model(name).change("somebody else's", **{"notes.md": b"hers"})

    with pytest.raises(RuntimeError) as caught:
        publish_model(checkpoint, name, api=api, say=meanwhile)
    assert str(caught.value) == (
        f"{name} must not change during the publication, but did (412: A commit has happened since. Please refresh "
        "and try again.); run the same command again."
    )
    assert hub.model(name).history()[0] == "somebody else's"


def test_no_token(hub, finished_checkpoint, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(PermissionError) as caught:
        publish(finished_checkpoint, "user/fer", HfApi(endpoint=hub.url))
    assert str(caught.value) == (
        "publishing needs an access token with write permission, but there is none; run hf auth login, or set "
        "HF_TOKEN in the environment."
    )


@pytest.mark.parametrize(
    ("token", "owner", "sentence"),
    [
        (
            READ_TOKEN,
            "user",
            "publishing needs an access token with write permission, but that of user is read-only; create another "
            "in the Hub's settings and run hf auth login.",
        ),
        (
            WRITE_TOKEN,
            "stranger",
            "the repository's owner must be an account of the access token (user, team), got stranger; publish under "
            "one of these, or log in with another token.",
        ),
        (
            FINE_TOKEN,
            "user",
            "the access token must be allowed to write to user/forbidden, but is not (403: You don't have the "
            "rights to "
            'create a repository under the namespace "user".); give it write permission in the settings of the Hub, or '
            "log in with another.",
        ),
        (
            "hf_expiredexpired",
            "user",
            "the access token must be valid, but the Hub refused it (401: Invalid credentials in Authorization "
            "header); run hf auth login with a new one, or correct HF_TOKEN.",
        ),
    ],
    ids=["read only", "of somebody else", "forbidden", "expired"],
)
def test_tokens_that_do_not_fit(hub, finished_checkpoint, token, owner, sentence):
    with pytest.raises(PermissionError) as caught:
        publish(finished_checkpoint, f"{owner}/forbidden", HfApi(endpoint=hub.url, token=token))
    assert str(caught.value) == sentence
    assert ("models", f"{owner}/forbidden") not in hub.repositories


def test_team_repositories(hub, api, finished_checkpoint):
    publish(finished_checkpoint, "team/fer", api)
    assert hub.model("team/fer").private


@pytest.mark.parametrize("wrong", ["fer", "user/fer/x", "user/", "us er/fer", "user/fer.git", "user/a--b", ""])
def test_malformed_ids(api, finished_checkpoint, wrong):
    with pytest.raises(ValueError) as caught:
        publish(finished_checkpoint, wrong, api)
    assert str(caught.value) == (
        f"the repository must be named owner/name, got {wrong!r}; for example user/fer, in letters, digits, -, _ "
        "and . only."
    )


def test_without_a_network(finished_checkpoint):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        api = HfApi(endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}", token=WRITE_TOKEN)
        with pytest.raises(ConnectionError) as caught:
            publish(finished_checkpoint, "user/fer", api)
        assert str(caught.value) == (
            f"the Hub at {api.endpoint} must be reachable, but is not ([Errno 111] Connection refused); check the "
            "network connection and run the same command again: files already sent are not sent again, and no "
            "partial state is visible."
        )
        _, said = publish(finished_checkpoint, "user/fer", api, dry_run=True)
    assert "note: shown as if user/fer were new: the Hub at " in said
    assert "\n  send     model.safetensors" in said and said.endswith("Dry run: nothing was sent.")


def test_a_token_in_a_file_does_not_go_up(api, hub, checkpoint, name):
    options = json.loads((checkpoint / "training_args.json").read_text())
    (checkpoint / "training_args.json").write_text(json.dumps(options | {"hub_token": WRITE_TOKEN}))
    with pytest.raises(ValueError) as caught:
        publish(checkpoint, name, api)
    assert str(caught.value) == (
        "training_args.json must not contain the access token, which everybody could then read, but does; remove it."
    )
    assert ("models", name) not in hub.repositories


def test_files_ignored_by_the_hub_are_noticed(hub, api, checkpoint, name):
    publish(checkpoint, name, api)
    hub.model(name).change("by hand", **{".gitignore": b"extra*\n"})  # the Hub obeys it
    shutil.copy(checkpoint / "training.png", checkpoint / "extra.png")
    (checkpoint / "training_log.json").write_text("[]\n")
    with pytest.raises(RuntimeError) as caught:
        publish(checkpoint, name, api)
    assert str(caught.value) == (
        f"{name} must contain every file that was sent, but lacks extra.png; check for a .gitignore there, and run "
        "the same command again."
    )
