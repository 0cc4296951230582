"""A proxy that cannot be used is named in one sentence, with the variable that names it."""

import os
import subprocess
import sys

import pytest

from fer_hub.web import launch

LOAD = """
import sys
if sys.argv[1] == "absent":
    sys.modules["socksio"] = None
from fer_hub import FERPipeline
try:
    FERPipeline.from_pretrained("somebody/fer")
except Exception as error:
    print(type(error).__name__, error, sep=": ")
"""


@pytest.mark.parametrize(
    ("package", "variable", "proxy", "said"),
    [
        (
            "absent", "ALL_PROXY", "socks5://127.0.0.1:9",
            "ConnectionError: a proxy with SOCKS needs the package socksio, but ALL_PROXY names one and it is not "
            "installed; run pip install socksio, or unset the variable.",
        ),
        (
            "there", "HTTPS_PROXY", "nonsense://127.0.0.1:9",
            "ConnectionError: the proxy that HTTPS_PROXY names must be usable, but is not (",
        ),
    ],
)  # fmt: skip
def test_loading_from_the_hub(package, variable, proxy, said, tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    clean.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, package], capture_output=True, text=True,
        env={**clean, variable: proxy, "HF_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.startswith(said), done.stdout + done.stderr


@pytest.mark.parametrize("before", ["", "example.org", "localhost,example.org"])
def test_the_page_reaches_itself_without_a_proxy(before, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, before)
    launch.reach_own_address()
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ[name].split(",")
        assert {"localhost", "127.0.0.1", "::1"} <= set(hosts) and len(hosts) == len(set(hosts))
        assert set(filter(None, before.split(","))) <= set(hosts)
