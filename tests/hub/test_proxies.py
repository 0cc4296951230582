"""A proxy that cannot be used is named in one sentence, with the variable that names it."""

import json
import os

import pytest

from fer_hub.web import launch
from tests.conftest import ROOT

ASK = """
import json, os, sys
import huggingface_hub
from fer_hub import FERPipeline
from fer_hub.hub import publish_model
for package, variable, proxy in json.loads(sys.argv[2]):
    if package == "absent":
        sys.modules["socksio"] = None
    else:
        sys.modules.pop("socksio", None)
    os.environ[variable] = proxy
    huggingface_hub.close_session()  # the next client reads the variable
    for what in (
        lambda: FERPipeline.from_pretrained("somebody/fer"),
        lambda: publish_model(sys.argv[1], "somebody/fer", dry_run=True, say=lambda text: print(text.splitlines()[0])),
    ):
        try:
            what()
        except Exception as error:
            print(type(error).__name__, error, sep=": ")
    del os.environ[variable]
"""
"""Both proxies in one process, as its imports take most of the time."""


def test_loading_and_publishing(tmp_path, finished_checkpoint, python):
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    clean.pop("HF_HUB_OFFLINE", None)
    cases = [("absent", "ALL_PROXY", "socks5://127.0.0.1:9"), ("there", "HTTPS_PROXY", "nonsense://127.0.0.1:9")]
    done = python(["-c", ASK, finished_checkpoint, json.dumps(cases)], ROOT, {**clean, "HF_HOME": str(tmp_path)})
    absent = (
        "a proxy with SOCKS needs the package socksio, but ALL_PROXY names one and it is not installed; run pip "
        "install socksio, or unset the variable."
    )
    unusable = "the proxy that HTTPS_PROXY names must be usable, but is not ("
    told = done.stdout.splitlines()
    for sentence in (absent, unusable):
        assert any(line.startswith(f"ConnectionError: {sentence}") for line in told), done.stdout + done.stderr
        assert any(line.startswith(f"note: shown as if somebody/fer were new: {sentence}") for line in told), told


@pytest.mark.parametrize("before", ["", "example.org", "localhost,example.org"])
def test_the_page_reaches_itself_without_a_proxy(before, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, before)
    launch.reach_own_address()
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ[name].split(",")
        assert {"localhost", "127.0.0.1", "::1"} <= set(hosts) and len(hosts) == len(set(hosts))
        assert set(filter(None, before.split(","))) <= set(hosts)
