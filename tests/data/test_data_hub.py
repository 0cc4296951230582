"""Hub dataset ids, against a stand-in for the Hub on this machine."""

import json

import pytest

from fer_hub.data import load_fer2013
from tests.conftest import ROOT


@pytest.fixture
def run(python):
    """Runs a script in a process of its own, which must end well."""

    def ran(script, environment):
        done = python(["-c", script], ROOT, environment)
        assert done.returncode == 0, done.stderr
        return done

    return ran


def test_a_hub_dataset_loads_by_its_id_and_revision(tmp_path, make_dataset, dataset_hub, run):
    made = make_dataset([0, 1, 2], ["happy", "neutral", "sad"])
    repo = tmp_path / "repo"
    (repo / "data").mkdir(parents=True)
    for name in ("train", "validation", "test"):
        made.to_parquet(str(repo / "data" / f"{name}-0.parquet"))
    script = """
import json
from fer_hub.data import load_fer2013
splits = load_fer2013("someone/faces", revision="main")
seen = {"labels": {name: split["label"][:] for name, split in splits.items()}}
for key, name, revision in (("name", "someone/else", None), ("revision", "someone/faces", "v9")):
    try:
        load_fer2013(name, revision=revision)
    except FileNotFoundError as error:
        seen[key] = str(error)
print(json.dumps(seen))
"""
    with dataset_hub(repo) as environment:
        done = run(script, environment)
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["labels"] == {name: [3, 6, 4] for name in ("train", "validation", "test")}
    lead = "no such local file or folder, and no accessible dataset of that name"
    assert seen["name"].startswith(f"someone/else: {lead} on the Hub (")
    assert seen["revision"].startswith(f"someone/faces: {lead} at revision 'v9' on the Hub (")
    assert seen["name"].endswith("); correct the name, or log in if it is private.")


def test_any_hub_dataset_loads_with_its_own_classes(tmp_path, make_dataset, dataset_hub, run):
    made = make_dataset([0, 1, 2] * 4, ["wild", "calm", "odd"]).rename_columns({"image": "photo", "label": "mood"})
    repo = tmp_path / "repo"
    (repo / "data").mkdir(parents=True)
    made.to_parquet(str(repo / "data" / "train-0.parquet"))
    made.to_parquet(str(repo / "data" / "extra-0.parquet"))
    (repo / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        "  - {split: train, path: data/train-*}\n  - {split: extra, path: data/extra-*}\n---\n"
    )
    script = """
import json, logging, sys
logging.basicConfig(format="%(message)s", stream=sys.stderr)
from fer_hub.data import decode_images, prepare
found = prepare("someone/faces")
sizes = {name: decode_images(split).shape for name, split in found.splits.items()}
print(json.dumps([found.splits["train"].features["label"].names, sizes, found.about]))
"""
    with dataset_hub(repo) as environment:
        done = run(script, environment)
    names, sizes, about = json.loads(done.stdout.splitlines()[-1])
    assert names == ["wild", "calm", "odd"]
    assert sizes == {"train": [6, 48, 48], "validation": [3, 48, 48], "test": [3, 48, 48]}
    assert about == {"name": "someone/faces", "hub": True, "fer2013": False, "images": "crops",
                     "cut": ["validation", "test"]}  # fmt: skip
    assert "someone/faces: the split 'extra' is ignored, as it is not train, validation or test" in done.stderr


def test_a_hub_id_while_offline_is_explained(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError) as caught:
        load_fer2013("someone/faces")
    assert str(caught.value).startswith("someone/faces: no such local file or folder, and the Hub is unreachable (")
    assert str(caught.value).endswith("); correct the path, or try again while online.")
