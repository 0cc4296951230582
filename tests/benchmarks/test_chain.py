"""The measurement of the chain: that its processes measure what they say, what counts as missed, and the figures."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import chain, chain_process
from fer_hub.files import write_json

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return chain.made_photos(tmp_path_factory.mktemp("photos"))


def test_a_first_result_needs_no_torch_and_is_measured_from_outside(photos):
    row = chain.run("first", {"photo": photos["one"], "options": {}})
    assert row["found"] == 1 and not row["torch"]
    assert 0 < row["cpu_seconds"] < 60 and 50 < row["peak_mib"] < 400


def test_a_process_that_fails_ends_the_measurement(photos):
    with pytest.raises(SystemExit, match="first ended with code 1"):
        chain.run("first", {"photo": "no.jpg", "options": {}})


def test_memory_and_faces_are_counted_while_pictures_are_streamed(monkeypatch):
    monkeypatch.setattr(chain_process, "on_cores", lambda *positions: None)
    for streamed in (False, True):
        row = chain_process.many(40, streamed)
        assert row["pictures"] == 40 and row["with_a_face"] == 39
        assert list(row["mib"]) == ["10 %", "50 %", "100 %"]
        assert min(row["mib"].values()) > 50 and row["peak_mib"] > 50


def test_no_two_pictures_are_the_same():
    assert len({np.asarray(picture).tobytes() for picture in chain_process.pictures(60)}) == 60


def test_networks_and_times_are_compared(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(chain_process, "on_cores", lambda *positions: None)
    np.save(tmp_path / "crops.npy", np.random.default_rng(0).integers(0, 256, (7, 48, 48), dtype=np.uint8))
    row = chain_process.equal(str(tmp_path / "crops.npy"), 7, [photos["one"], photos["twenty"]])
    assert row["crops"]["crops"] == 7 and row["crops"]["logits_apart"] < 1e-4 and not row["crops"]["other_emotion"]
    assert row["photographs"]["faces"] == 21 and not row["photographs"]["other_faces"]
    row = chain_process.turns({name: photos[name] for name in photos}, 1)
    assert row["found"] == {"one": 1, "tilted": 1, "one_large": 1, "twenty": 20, "small": 20}
    assert min(row["milliseconds"].values()) > 0


def test_a_folder_is_streamed_on_the_cores_that_are_named(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(chain_process, "on_cores", lambda *positions: asked.append(positions))
    monkeypatch.setattr(chain, "PHOTOS", 4)
    row = chain_process.folder(chain.made_folder(tmp_path), [0, 1], 2)
    assert asked == [(0, 1)] and row["per_second"] > 0 and len(list(tmp_path.iterdir())) == 4


def test_a_missed_goal_sets_the_exit_code_and_other_parts_stay(tmp_path, monkeypatch, capsys):
    output = tmp_path / "chain.json"
    write_json(output, {"calls": {"mib": {"10 %": 100.0, "100 %": 101.0}}})
    for two, code in ((19.0, 0), (17.0, 1)):
        found = {"one core": {"per_second": 10.0}, "two cores": {"per_second": two}}
        monkeypatch.setitem(chain.PARTS, "cores", lambda options, folder, found=found: found)
        assert chain.main(["cores", "--output", str(output)]) == code
        goals = json.loads(output.read_text())["goals"]
        assert goals == {
            "two cores": {"reached": two / 10, "at least": 1.8, "met": not code},
            "calls, memory": {"reached": 1.01, "at most": 1.05, "met": True},
        }
    assert "two cores                     1.7 at least 1.8, missed" in capsys.readouterr().out


def test_the_committed_figures_have_every_part_and_say_what_was_reached():
    figures = json.loads((ROOT / "results" / "chain.json").read_text())
    assert set(chain.PARTS) < set(figures) and figures["goals"] == chain.judged(figures)
    assert figures["equal"]["crops"]["crops"] == 1000 and figures["calls"]["pictures"] == 5000
    assert figures["stream"]["pictures"] == 100_000 and figures["stream"]["with_a_face"] == 99_000
    assert figures["photo"]["found"] == {"one": 1, "tilted": 1, "one_large": 1, "twenty": 20, "small": 20}
