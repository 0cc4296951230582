"""The app as a Space: its files, its settings, and the model that it loads."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import RepoCard

from fer_hub.hub import publish_model, publish_space
from fer_hub.hub.space_files import ROOT, plan_space


@pytest.fixture
def clone(tmp_path) -> Path:
    """The files of the repository that matter to a Space, to change."""
    target = tmp_path / "clone"
    shutil.copytree(ROOT / "fer_hub", target / "fer_hub", ignore=shutil.ignore_patterns("assets", "__pycache__"))
    shutil.copytree(ROOT / "examples", target / "examples")
    for name in ("README.md", "app.py", "requirements.txt", "packages.txt", "LICENSE", "NOTICE", "train.py"):
        shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def model(hub, finished_checkpoint):
    """The id of a public model on the Hub."""
    from huggingface_hub import HfApi

    from tests.hub.stand_in import WRITE_TOKEN

    api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
    publish_model(finished_checkpoint, "user/fer", public=True, api=api, say=[].append)
    return "user/fer"


def publish(name, model, api, **options):
    said = []
    return publish_space(name, model, api=api, say=said.append, **options), "\n".join(said)


def _commit(api, model):
    return api.model_info(model).sha


def test_a_new_space(hub, api, model):
    result, said = publish("user/app", model, api)
    space = hub.space("user/app")
    files = space.files()
    assert space.private and space.settings["sdk"] == "gradio"
    commit = _commit(api, model)
    assert space.variables == {"FER_HUB_CHECKPOINT": f"{model}@{commit}"}  # there before the first build
    assert space.history() == ["Publish Space with fer_hub", "initial commit"]
    for name in ("app.py", "packages.txt", "LICENSE", "NOTICE", "examples/astronaut.jpg",
                 "fer_hub/__init__.py", "fer_hub/model/modeling_fer.py", "fer_hub/hub/loading.py",
                 "fer_hub/assets/face_detection/face_detection_short_range.tflite"):  # fmt: skip
        assert files[name] == (ROOT / name).read_bytes()
    package = {p.relative_to(ROOT).as_posix() for p in (ROOT / "fer_hub").rglob("*.py") if "__pycache__" not in p.parts}
    assert package <= set(files)
    tops = {path.split("/")[0] for path in files}
    assert tops == {".gitattributes", "LICENSE", "NOTICE", "README.md", "app.py", "examples", "fer_hub",
                    "packages.txt", "requirements.txt"}  # fmt: skip
    assert not [path for path in files if path.endswith((".pyc", ".pyi", ".bin", ".pt"))]
    assert not [path for path in files if path.startswith("examples/") and path.count("/") > 1]
    assert f"{' ' * 11}checkpoints/" in said and f"the Space loads {model} instead" in said
    assert said.endswith(f"{hub.url}/spaces/user/app is up to date at commit {result.commit[:8]}.")


def test_the_front_matter(hub, api, model):
    publish("user/front", model, api)
    text = hub.space("user/front").files()["README.md"].decode()
    card = RepoCard(text).data.to_dict()
    pin = re.search(r"^gradio==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)[1]
    assert (card["sdk"], card["sdk_version"], card["app_file"]) == ("gradio", pin, "app.py")
    assert card["python_version"] == "3.12" and card["license"] == "apache-2.0" and card["title"] and card["tags"]
    assert 0 < len(card["short_description"]) <= 60
    files = "config.json,preprocessor_config.json,metrics.json,training_args.json,model.safetensors"
    assert card["models"] == [model] and card["preload_from_hub"] == [f"{model} {files} {_commit(api, model)}"]
    documented = re.findall(r"^\| `(/\w+)` \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert re.findall(r"^\| `(/\w+)` \|", text, re.MULTILINE) == documented and len(documented) > 5
    assert 'Client("user/front")' in text and f"https://huggingface.co/{model}" in text


def test_again_changes_nothing_and_another_model_only_the_readme(hub, api, model, finished_checkpoint, clone):
    first, _ = publish("user/twice", model, api, source=clone)
    again, said = publish("user/twice", model, api, source=clone)
    assert not again.changed and len(hub.space("user/twice").history()) == 2
    assert "was already up to date" in said
    publish_model(finished_checkpoint, "user/better", public=True, api=api, say=[].append)
    _, said = publish("user/twice", "user/better", api, public=True, source=clone)
    space = hub.space("user/twice")
    assert space.variables == {"FER_HUB_CHECKPOINT": f"user/better@{_commit(api, 'user/better')}"}
    assert not space.private
    assert "Sending 1 files" in said and "\n  changed  README.md" in said
    assert first.commit in space.commits


def test_modules_that_are_gone_are_deleted(hub, api, model):
    publish("user/old", model, api)
    hub.space("user/old").change("by hand", **{"fer_hub/gone.py": b"", "notes.md": b"hers"})
    publish("user/old", model, api)
    files = hub.space("user/old").files()
    assert "fer_hub/gone.py" not in files and files["notes.md"] == b"hers"


def test_dry_run_sends_nothing(hub, api, model):
    asked = len(hub.requests)
    _, said = publish("user/dry", model, api, dry_run=True)
    assert ("spaces", "user/dry") not in hub.repositories
    assert [line for line in hub.requests[asked:] if not line.startswith("GET")] == []
    assert "\n  new      app.py" in said and "The Space's variable FER_HUB_CHECKPOINT is set to user/fer@" in said
    assert said.endswith("Dry run: nothing was sent.")


def test_a_private_model_needs_a_secret(api, model, finished_checkpoint):
    publish_model(finished_checkpoint, "user/secret", api=api, say=[].append)
    _, said = publish("user/hidden", "user/secret", api)
    assert (
        "note: user/secret is private: the Space can load it only with a secret HF_TOKEN that can read it, set by "
        "hand in the Space's settings; or publish the model with --public."
    ) in said


def test_the_model_must_be_there(hub, api):
    sentence = (
        "the Space's model must be a repository on the Hub, got user/nowhere, which does not exist or which you "
        "cannot read; publish it first with fer-hub publish model CHECKPOINT user/nowhere."
    )
    with pytest.raises(FileNotFoundError) as caught:
        publish("user/lost", "user/nowhere", api)
    assert str(caught.value) == sentence
    assert ("spaces", "user/lost") not in hub.repositories
    _, said = publish("user/lost", "user/nowhere", api, dry_run=True)
    assert f"note: {sentence}" in said


def test_a_payment_request_is_explained(hub, api, model):
    hub.fail("POST", "/api/repos/create", 402)
    with pytest.raises(PermissionError) as caught:
        publish("user/paid", model, api)
    assert str(caught.value) == (
        "user/paid must be covered by the account's plan, but the Hub asks for payment (402: made to fail); check "
        "the plan on the Hub."
    )


def test_several_models_are_offered_at_their_commits(hub, api, model, finished_checkpoint):
    publish_model(finished_checkpoint, "user/second", public=True, api=api, say=[].append)
    publish("user/both", [model, "user/second"], api)
    first, second = (f"{name}@{_commit(api, name)}" for name in (model, "user/second"))
    space = hub.space("user/both")
    assert space.variables == {"FER_HUB_CHECKPOINT": f"{first},{second}"}
    assert RepoCard(space.files()["README.md"].decode()).data.models == [model, "user/second"]


def test_it_installs_pytorch_for_cpus_unless_it_shall_have_a_gpu(hub, api, model):
    publish("user/cpu", model, api)
    space = hub.space("user/cpu")
    text = space.files()["requirements.txt"].decode()
    pins = (ROOT / "requirements.txt").read_text()
    torch = re.search(r"^torch==([\w.]+)", pins, re.MULTILINE)[1]
    assert text.startswith("--extra-index-url https://download.pytorch.org/whl/cpu\n")
    assert f"\ntorch=={torch}+cpu " in text and "\ntransformers==" in text and "datasets" not in text
    assert "suggested_hardware" not in space.files()["README.md"].decode()
    publish("user/gpu", model, api, gpu=True)
    space = hub.space("user/gpu")
    text = space.files()["requirements.txt"].decode()
    assert f"torch=={torch} " in text and "index-url" not in text
    assert "suggested_hardware: t4-small" in space.files()["README.md"].decode()
    assert space.variables["FER_HUB_DEVICE"] == "cuda"


def test_a_space_for_zero_gpu(hub, api, model):
    publish("user/zero", model, api, zero_gpu=True)
    space = hub.space("user/zero")
    text, card = (space.files()[name].decode() for name in ("requirements.txt", "README.md"))
    assert re.search(r"^torch==[\d.]+ ", text, re.MULTILINE) and text.endswith("\nspaces==0.51.3\n")
    assert "suggested_hardware: zero-a10g" in card and "python_version: 3.12.12" in card
    assert "FER_HUB_DEVICE" not in space.variables  # the app itself decides what borrows the GPU
    with pytest.raises(ValueError, match=r"^gpu and zero_gpu exclude each other, got both; give one of them\.$"):
        publish("user/zero", model, api, gpu=True, zero_gpu=True)


def test_it_installs_no_pytorch_where_every_model_has_its_exported_network(hub, api, model, finished_checkpoint):
    publish_model(finished_checkpoint, "user/exported", public=True, api=api, say=[].append)
    hub.repositories["models", "user/exported"].change("export", **{"model.onnx": b"a network"})
    publish("user/light", "user/exported", api)
    files = hub.space("user/light").files()
    text = files["requirements.txt"].decode()
    assert not re.search(r"^(torch|transformers)\b|index-url", text, re.MULTILINE) and "\nonnxruntime==" in text
    assert f",model.onnx {_commit(api, 'user/exported')}" in " ".join(files["README.md"].decode().split())
    assert "/explain" not in files["README.md"].decode()  # which needs PyTorch
    publish("user/mixed", ["user/exported", model], api)
    assert "\ntorch==" in hub.space("user/mixed").files()["requirements.txt"].decode()


def test_the_app_needs_none_of_the_packages_that_it_does_not_install():
    from fer_hub.hub.space_files import TORCH, TRAINING_ONLY

    names = [{"scikit-learn": "sklearn"}.get(name, name) for name in (*TRAINING_ONLY, *TORCH)]
    code = f"import sys; sys.modules.update(dict.fromkeys({names})); import fer_hub.web.page, fer_hub.web.launch"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_staged_files_can_be_looked_at_and_nothing_is_sent(hub, api, model, finished_checkpoint, tmp_path):
    asked = len(hub.requests)
    _, said = publish("user/staged", model, api, stage=tmp_path / "space")
    assert said.endswith(f"Nothing was sent; the files are in {tmp_path / 'space'}.")
    assert (tmp_path / "space" / "app.py").read_bytes() == (ROOT / "app.py").read_bytes()
    attributes = (tmp_path / "space" / ".gitattributes").read_text()
    assert "*.onnx filter=lfs" in attributes and "*.tflite filter=lfs" in attributes
    told = []
    publish_model(finished_checkpoint, "user/staged", stage=tmp_path / "model", api=api, say=told.append)
    assert (tmp_path / "model" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert "*.safetensors filter=lfs" in (tmp_path / "model" / ".gitattributes").read_text()
    assert [line for line in hub.requests[asked:] if not line.startswith("GET")] == []
    with pytest.raises(ValueError, match=r"^stage must be a new or an empty folder, got "):
        publish_model(finished_checkpoint, "user/staged", stage=tmp_path / "model", api=api, say=told.append)


def replace(path: Path, old: str, new: str):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def refusal(clone, kind=ValueError):
    with pytest.raises(kind) as caught:
        plan_space("user/app", "user/fer", source=clone)
    return str(caught.value).replace(str(clone), "CLONE")


def test_the_clone_as_it_is_makes_a_space(clone):
    assert plan_space("user/app", "user/fer", source=clone).uploads


def test_the_description_must_be_short(clone):
    old = re.search(r"^short_description: .*$", (clone / "README.md").read_text(), re.MULTILINE)[0]
    replace(clone / "README.md", old, f"short_description: {'x' * 61}")
    assert refusal(clone) == "README.md's short_description must have at most 60 characters, got 61; shorten it."


def test_the_sdk_version_must_be_the_pin(clone):
    pin = re.search(r"^gradio==(\S+)", (clone / "requirements.txt").read_text(), re.MULTILINE)[1]
    replace(clone / "README.md", f"sdk_version: {pin}", "sdk_version: 5.0.0")
    assert refusal(clone) == (
        f"README.md must have sdk gradio and as sdk_version gradio's pin in requirements.txt, {pin}, got gradio "
        "5.0.0; change one of the two."
    )


def test_metadata_must_be_complete(clone):
    replace(clone / "README.md", "app_file: app.py\n", "")
    assert refusal(clone) == (
        "README.md must begin with the Space's metadata title, sdk, sdk_version, python_version, app_file, license, "
        "short_description, tags, but lacks app_file; add them."
    )


@pytest.mark.parametrize("name", ["app.py", "README.md"])
def test_there_must_be_a_clone(clone, name):
    (clone / name).unlink()
    if name == "README.md":
        assert refusal(clone, FileNotFoundError) == (
            "a Space is made from a clone of the fer_hub repository with README.md, but CLONE has none; run the "
            "command in the clone."
        )
    else:
        assert refusal(clone) == "README.md's app_file must be a file of the repository, got app.py; correct it."


def test_pickles_do_not_go_up(clone):
    (clone / "examples" / "faces.jpg").write_bytes(b"\x80\x04\x95")
    assert refusal(clone) == (
        "examples/faces.jpg must not be a pickle, which can run code when loaded, but is one; remove it, or save the "
        "weights as safetensors with save_pretrained."
    )
