"""The app where others run it: behind a proxy, with an output of few letters, beside another user's Gradio."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from fer_hub.web import launch
from tests.app.conftest import OFFLINE, ROOT, Http, running

TELLS = """
import os, time
import onnxruntime
session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
until = time.monotonic() + 60
while not os.path.exists(os.environ["LOOKED_UP"]) and time.monotonic() < until:
    time.sleep(0.1)
"""
"""A session of ONNX Runtime whose telemetry is on; it looks for its maker's host within seconds."""


@pytest.fixture(scope="module")
def proxies():
    """Proxies that lead nowhere, one of them of a kind for which a package may be missing."""
    named = {
        "http_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:9",
    }
    return {**named, "NO_PROXY": "", "no_proxy": ""}


@pytest.mark.slow
def test_it_starts_and_answers_among_strangers(tmp_path, exported_eight, proxies, recorder):
    """All at once, as a start takes long; and nobody far away is asked for by name, in Python or in C."""
    work = tmp_path / "work"
    (work).mkdir()
    (work / "gradio").write_text("another user's")  # where gradio would make its folder
    notes = recorder("app")
    variables = {"PYTHONIOENCODING": "cp1252", "GRADIO_TEMP_DIR": "", **proxies, **notes.variables}
    with running(tmp_path / "unused", "app.py", "--checkpoint", str(exported_eight), **variables) as (url, _):
        http = Http(url)
        photo = (ROOT / "examples" / "astronaut.jpg").read_bytes()
        event, told = http.call("classify", http.upload(photo, "사진 ü.jpg"))
        assert event == "complete", told
        assert http.client.get("").status_code == 200
        http.client.close()
        [own] = work.glob("fer_hub-*")
        assert stat.S_IMODE(own.stat().st_mode) == 0o700
        assert any(path.is_file() for path in own.rglob("*"))
        control = recorder("control")
        model = next((ROOT / "fer_hub" / "assets").rglob("*.onnx"))
        environment = {**os.environ, **control.variables, "ORT_DISABLE_TELEMETRY": "0", "MODEL": str(model)}
        subprocess.run([sys.executable, "-c", TELLS], check=True, env=environment, cwd=tmp_path)
        assert control.foreign(), "the recorder must see what ONNX Runtime looks up"
    assert notes.foreign() == set()  # nor when it ended, which is when MediaPipe would report


@pytest.mark.slow
def test_as_process_1_of_a_container_it_ends_when_told_to(tmp_path, exported_eight):
    """The kernel does not end process 1 by a signal for which it has no handler of its own."""
    own = ["unshare", "--map-root-user", "--fork", "--pid", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], capture_output=True).returncode:
        pytest.skip("needs unshare of util-linux, and the right to number processes anew")
    app = [*own, sys.executable, "-m", "fer_hub", "app", "--checkpoint", str(exported_eight)]
    start = f"import os; os.execvp('unshare', {app!r})"
    with running(tmp_path / "uploads", "-c", start, **OFFLINE) as (url, process):
        assert httpx.get(url + "healthz").json() == {"status": "ok"}
        [first] = psutil.Process(process.pid).children()
        assert "NSpid:\t" in (status := Path(f"/proc/{first.pid}/status").read_text())
        assert next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[-1] == "1"
        first.terminate()
        assert process.wait(timeout=20) == 0


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty folder for temporary files, and no GRADIO_TEMP_DIR."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(launch.FILES, "")
    return tmp_path


def test_visitors_files_lie_in_a_folder_of_this_user_alone(temporary):
    launch.keep_files_private()
    own = Path(os.environ[launch.FILES])
    assert own == temporary / f"fer_hub-{os.getuid()}" and stat.S_IMODE(own.stat().st_mode) == 0o700
    own.chmod(0o755)
    os.environ[launch.FILES] = ""
    launch.keep_files_private()
    assert Path(os.environ[launch.FILES]) == own and stat.S_IMODE(own.stat().st_mode) == 0o700


@pytest.mark.parametrize("taken", ["file", "link", "folder"])
def test_where_somebody_else_took_its_name_the_folder_has_another(taken, temporary):
    place = temporary / f"fer_hub-{os.getuid()}"
    if taken == "file":
        place.write_text("")
    elif taken == "link":
        (temporary / "theirs").mkdir()
        place.symlink_to(temporary / "theirs")
    else:
        if os.geteuid() != 0:
            pytest.skip("needs root, to give a folder to another user")
        place.mkdir()
        os.chown(place, 54321, 54321)
    launch.keep_files_private()
    own = Path(os.environ[launch.FILES])
    assert own.parent == temporary and own.is_dir() and own != place
    assert own.stat().st_uid == os.getuid() and stat.S_IMODE(own.stat().st_mode) == 0o700
    assert not list(temporary.glob("theirs/*"))


def test_a_folder_that_is_named_and_cannot_be_used_is_a_sentence(temporary, monkeypatch):
    (temporary / "file").write_text("")
    named = str(temporary / "file" / "uploads")
    monkeypatch.setenv(launch.FILES, named)
    with pytest.raises(OSError) as caught:
        launch.keep_files_private()
    assert str(caught.value) == (
        f"GRADIO_TEMP_DIR must name a folder in which this user may write, got {named!r} (Not a directory); name "
        "another one, or leave it unset."
    )
