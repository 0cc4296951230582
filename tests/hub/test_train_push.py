"""`train.py --push-to-hub` leaves on the Hub exactly what the publish command leaves, and nothing before the end."""

import os
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from fer_hub.hub import publish_model, take_over_push
from fer_hub.training.arguments import FERTrainingArguments
from tests.hub.stand_in import READ_TOKEN, WRITE_TOKEN
from tests.wording import says

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def trained(hub, tiny_checkpoint, small_csv, tmp_path_factory, python):
    """A run of four steps with a checkpoint at every second; returns its final folder and what it wrote."""
    folder = tmp_path_factory.mktemp("run")
    done = python(
        ["train.py", "--data", small_csv, "--start-from", tiny_checkpoint,
         "--output-dir", folder / "out", "--max-steps", "4", "--eval-strategy", "steps",
         "--save-strategy", "steps", "--eval-steps", "2",
         "--save-steps", "2", "--per-device-train-batch-size", "16", "--precision", "fp32",
         # torch 2.13's channels-last kernels on the CPU write out of bounds for networks as narrow as this one
         "--channels-last", "false",
         "--push-to-hub", "--hub-model-id", "user/trained"],
        ROOT, os.environ | hub.environment(folder / "hf"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "out" / "final", done.stdout + done.stderr


@pytest.mark.slow
def test_it_holds_what_the_publish_command_sends(hub, trained):
    final, _ = trained
    publish_model(final, "user/published", api=HfApi(endpoint=hub.url, token=WRITE_TOKEN), say=[].append)
    pushed, published = (hub.model(name).files() for name in ("user/trained", "user/published"))
    card = pushed["README.md"].replace(b"user/trained", b"user/published")
    assert pushed | {"README.md": card} == published
    assert hub.model("user/trained").private


@pytest.mark.slow
def test_nothing_but_the_finished_checkpoint_was_pushed(hub, trained):
    assert hub.model("user/trained").history() == ["Publish checkpoint with fer_hub", "initial commit"]
    assert len(hub.seen("POST /api/models/user/trained/commit/")) == 1
    assert not [path for path in hub.model("user/trained").files() if path.endswith(".bin")]


@pytest.mark.slow
def test_the_log_shows_the_publication_and_no_token(hub, trained):
    _, output = trained
    assert f"{hub.url}/user/trained is up to date at commit" in output
    assert WRITE_TOKEN not in output


def arguments(tmp_path, **options):
    return FERTrainingArguments(output_dir=str(tmp_path), push_to_hub=True, **options)


def test_without_push_to_hub_nothing_is_asked(tmp_path):
    assert take_over_push(FERTrainingArguments(output_dir=str(tmp_path))) is None


@pytest.mark.parametrize(
    ("private", "public"), [(None, None), (True, False), (False, True)], ids=["left open", "private", "public"]
)
def test_the_options_of_the_trainer(hub, tmp_path, monkeypatch, private, public):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    args = arguments(
        tmp_path, hub_model_id="user/x", hub_private_repo=private, hub_revision="next", hub_token=WRITE_TOKEN
    )
    destination = take_over_push(args)
    assert args.push_to_hub is False  # what the Trainer sees
    api = destination.pop("api")
    assert (api.endpoint, api.token) == (hub.url, WRITE_TOKEN)
    assert destination == {"repo_id": "user/x", "public": public, "revision": "next"}


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({}, ValueError, "--push-to-hub must come with --hub-model-id owner/name, got none; add it."),
        (
            {"hub_model_id": "fer"},
            ValueError,
            "the repository must be named owner/name, got 'fer'; ...",
        ),
        (
            {"hub_model_id": "user/fer", "hub_strategy": "checkpoint"},
            ValueError,
            "hub_strategy must be end, as only the finished checkpoint is published, got checkpoint; leave it out.",
        ),
        (
            {"hub_model_id": "user/fer", "hub_always_push": True},
            ValueError,
            "hub_strategy must be end, as only the finished checkpoint is published, got hub_always_push; leave it "
            "out.",
        ),
        (
            {"hub_model_id": "user/fer", "hub_token": READ_TOKEN},
            PermissionError,
            "publishing needs ... that of user is read-only; ...",
        ),
    ],
)
def test_invalid_hub_options_fail_before_training(hub, tmp_path, monkeypatch, options, kind, sentence):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    with pytest.raises(kind) as caught:
        take_over_push(arguments(tmp_path, **options))
    assert says(str(caught.value), sentence)
