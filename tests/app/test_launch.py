"""app.py as a program: its options and its errors."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys

import gradio as gr
import httpx
import pytest
from starlette.middleware import Middleware

import start
from fer_hub.web.launch import begin_prefix_with_slash, checkpoints, listening_address
from fer_hub.web.page import launch_options
from tests.app.conftest import OFFLINE, ROOT, running
from tests.wording import says


def launch(*arguments, **variables):
    environment = {name: value for name, value in variables.items()}
    return subprocess.run(
        [sys.executable, "app.py", *arguments], cwd=ROOT, env=start.os.environ | OFFLINE | environment, text=True,
        capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_help_names_the_options_of_start_py():
    done = launch("--help")
    options = set(re.findall(r"^ +(--[a-z]+)", done.stdout, re.M))
    assert done.returncode == 0 and options == set(re.findall(r"^ +(--[a-z]+)", start.__doc__, re.M))
    assert options == {"--host", "--port", "--checkpoint", "--share"}


@pytest.mark.parametrize("arguments", [["--prot", "7998"], ["--port", "0"], ["--port", "x"], ["--por", "7998"], ["x"]])
def test_unknown_options_are_refused(arguments):
    done = launch(*arguments)
    assert (done.returncode, done.stdout) == (2, "") and arguments[-1] in done.stderr.splitlines()[-1]


def test_a_missing_checkpoint_is_refused_in_one_sentence(tmp_path):
    nowhere = str(tmp_path / "nowhere")
    for done in (launch(FER_HUB_CHECKPOINT=nowhere), launch("--checkpoint", nowhere)):
        assert done.returncode == 1
        assert done.stderr == (
            f"checkpoint must be a checkpoint folder or a Hub id, got {nowhere!r}; there is no such folder.\n"
        )


def test_the_options_win_over_the_environment(tmp_path, exported_eight):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = launch("--port", port, "--checkpoint", str(exported_eight), GRADIO_SERVER_PORT="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"port {port} must be free, but a program listens there; choose another one."
    nowhere = {"FER_HUB_CHECKPOINT": str(tmp_path)}
    with running(tmp_path / "uploads", "app.py", "--checkpoint", str(exported_eight), **OFFLINE, **nowhere) as (url, _):
        page = httpx.get(url + "config").json()
    model = next(each["props"] for each in page["components"] if each["props"].get("elem_id") == "model")
    assert model["value"] == "eight"


def test_the_network_of_a_training_is_listed_under_its_folder(tiny_checkpoint, tmp_path):
    final = tmp_path / "mine" / "final"
    shutil.copytree(tiny_checkpoint, final)
    assert next(iter(checkpoints(str(final)))) == "mine"
    assert next(iter(checkpoints(str(tiny_checkpoint)))) == tiny_checkpoint.name


@pytest.mark.parametrize("host", ["http://127.0.0.1", "nowhere.invalid", "192.0.2.1"])
def test_an_address_of_another_computer_is_called_so(host):
    """gradio says that the port is taken, and that one may try another."""
    with pytest.raises(ValueError) as caught:
        listening_address(host)
    assert says(
        str(caught.value), f"the address to listen on must be one of this computer, ..., got {host!r} (...); give ..."
    )


def test_it_listens_on_an_address_of_ip_version_6(tmp_path, exported_eight):
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
            port = free.getsockname()[1]
    except OSError:
        pytest.skip("this computer has no IPv6")
    assert (listening_address("::1"), listening_address("[::]")) == ("[::1]", "[::]")
    command = ["app.py", "--checkpoint", str(exported_eight), "--host", "::", "--port", str(port)]
    with running(tmp_path / "uploads", *command, said=f"]:{port}", **OFFLINE):
        assert httpx.get(f"http://[::1]:{port}/healthz").json() == {"status": "ok"}


def test_a_page_that_takes_long_is_served_all_the_same():
    """On a busy computer gradio's own look at the page took longer than the 3 seconds that it waits."""

    class Late:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope.get("method") == "HEAD":
                await asyncio.Event().wait()
            await self.app(scope, receive, send)

    options = launch_options() | {"app_kwargs": {"middleware": [Middleware(Late)]}}
    with gr.Blocks() as page:
        gr.Markdown("served")
    try:
        page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **options)
        assert httpx.get(page.local_url).status_code == 200
    finally:
        page.close(verbose=False)


@pytest.mark.parametrize(
    ("named", "taken"),
    [("fer", "/fer"), ("/fer", "/fer"), ("https://example.org/fer", "https://example.org/fer"), ("", "")],
)
def test_a_prefix_begins_with_a_slash(named, taken, monkeypatch):
    """Without it no address of the page is answered."""
    monkeypatch.setenv("GRADIO_ROOT_PATH", named)
    begin_prefix_with_slash()
    assert os.environ["GRADIO_ROOT_PATH"] == taken
