"""Facts about networks that are not loaded, and the list of networks on the page."""

import contextlib
import shutil
import socket
import subprocess
import sys

import pytest

from fer_hub.files import write_json
from fer_hub.hub import away
from fer_hub.hub.shipped import shipped_checkpoints
from fer_hub.web.facts import Facts, card, facts
from fer_hub.web.launch import checkpoints
from tests.app.conftest import EIGHT, ROOT
from tests.hub.stand_in import HubStandIn
from tests.hub.stand_in_repository import Repository

SHIPPED = list(shipped_checkpoints())


def test_facts_of_a_folder(eight, shipped_checkpoint):
    known = facts(eight)
    assert (known.labels, known.dataset, known.images) == (EIGHT, "FER+", 3573)
    assert known.title("eight") == "eight: 8 expressions, 81 % test accuracy on FER+"
    assert facts(shipped_checkpoint).title("fer2013").startswith("fer2013: 7 expressions, ")
    assert facts(shipped_checkpoint).dataset == "FER-2013"


@pytest.mark.parametrize("content", ["[]", '{"test": {"images": "many"}}', '{"test": 5}', "no JSON", "\xff"])
def test_foreign_files_give_the_facts_they_contain(eight, tmp_path, content):
    folder = shutil.copytree(eight, tmp_path / "odd")
    (folder / "metrics.json").write_bytes(content.encode("latin-1"))
    assert facts(folder) == Facts(labels=EIGHT)
    assert facts(folder).title("odd") == "odd: 8 expressions"
    write_json(folder / "config.json", {"id2label": {"a": 1}})
    assert facts(folder).title("odd") == "odd"


def test_the_card_of_a_folder_is_shown_with_its_own_pictures(tmp_path):
    (tmp_path / "plot.png").write_bytes(b"png")
    (tmp_path / "README.md").write_text(
        "---\nlicense: apache-2.0\n---\n# A network\n\n![Plot](plot.png) ![Gone](gone.png) ![No](../plot.png)\n"
        "![Far](https://example.org/a.png)\n\n---\nThe end\n"
    )
    text = card("a", tmp_path)
    assert text.startswith("# A network\n") and text.endswith("---\nThe end\n")
    assert "![Plot](data:image/png;base64,cG5n) Gone ![No](../plot.png)\n" in text  # the browser finds nothing there


def test_a_network_without_a_card_says_so(eight):
    assert card("eight", eight) == "The network eight has no model card."
    link = "[huggingface.co/owner/name](https://huggingface.co/owner/name)"
    assert card("owner/name", "owner/name") == f"The card of this network is on the Hub: {link}"


def test_facts_of_a_hub_network(eight, tmp_path):
    ask = "import sys; from fer_hub.web.facts import facts\nfor name in sys.argv[1:]: print(facts(name).title(name))"
    with HubStandIn() as hub:
        for name, files in (("user/eight", ("config.json", "metrics.json", "training_args.json")), ("user/bare", ())):
            hub.repositories["models", name] = repository = Repository(private=False)
            repository.change("files", **{file: (eight / file).read_bytes() for file in files}, **{"a.txt": b""})
        environment = {"PATH": "", "PYTHONPATH": ".", **hub.environment(tmp_path, token=None)}
        command = [sys.executable, "-c", ask, "user/eight", "user/bare", "user/none"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    titles = ["user/eight: 8 expressions, 81 % test accuracy on FER+", "user/bare", "user/none"]
    assert done.stdout.splitlines() == titles, done.stderr


STARTS = """
import sys
from PIL import Image
from fer_hub.web.facts import facts
from fer_hub.web.service import Service
with Service({"it": sys.argv[1]}) as service:
    service.faces(Image.new("RGB", (64, 64)), "it")
    print(facts(sys.argv[1]).title("it"))
"""
"""What a start of the app asks of the Hub: the network, and the facts about it."""


def test_where_the_hub_is_away_it_is_asked_once_and_the_cache_serves(tmp_path):
    """A Hub that takes connections and says nothing; its client would wait and try again for every file."""

    def start(name, environment):
        done = subprocess.run([sys.executable, "-c", STARTS, name], cwd=ROOT, capture_output=True, text=True,
                              env=environment)  # fmt: skip
        assert done.stdout.startswith("it: 8 expressions, "), done.stderr

    with HubStandIn() as hub:
        hub.repositories["models", "user/fer"] = repository = Repository(private=False)
        files = (ROOT / "checkpoints" / "photographs").iterdir()
        commit = repository.change("files", **{path.name: path.read_bytes() for path in files if path.is_file()})
        there = {"PATH": "", "PYTHONPATH": ".", **hub.environment(tmp_path, token=None)}
        for name in ("user/fer", f"user/fer@{commit}"):
            start(name, there)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        start("user/fer", there | {"HF_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        silent.setblocking(False)
        asked = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                asked += 1
    assert asked == 1


def test_a_hub_that_refuses_is_away_at_once(monkeypatch):
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setattr(away, "PATIENCE", 1e6)  # longer than any test may take
        monkeypatch.setattr(away, "_asked", None)
        assert away.is_away()


def test_several_networks_may_be_offered_first_at_their_commits(monkeypatch):
    monkeypatch.setenv("FER_HUB_CHECKPOINT", "owner/name@3f1c, owner/other")
    assert list(checkpoints().items())[:2] == [("owner/name", "owner/name@3f1c"), ("owner/other", "owner/other")]


def test_shipped_networks_are_named_after_their_folders(monkeypatch, eight):
    monkeypatch.delenv("FER_HUB_CHECKPOINT", raising=False)
    assert list(checkpoints()) == SHIPPED
    monkeypatch.setenv("FER_HUB_CHECKPOINT", str(eight))
    assert checkpoints()["eight"] == str(eight) and list(checkpoints()) == ["eight", *SHIPPED]
    monkeypatch.setenv("FER_HUB_CHECKPOINT", "owner/name")
    assert list(checkpoints()) == ["owner/name", *SHIPPED]


def test_a_chosen_network_replaces_the_shipped_one_of_that_name(monkeypatch, eight, tmp_path):
    folder = shutil.copytree(eight, tmp_path / SHIPPED[-1])
    monkeypatch.setenv("FER_HUB_CHECKPOINT", str(folder))
    assert list(checkpoints()) == [SHIPPED[-1], *SHIPPED[:-1]]
    assert checkpoints()[SHIPPED[-1]] == str(folder)
