"""The app in a container's and a proxy's hands: ends when told to, and tells visitors apart where it may."""

import os
import re
import socket
from pathlib import Path

import httpx
import pytest

from fer_hub.web import launch
from fer_hub.web.gate import MAX_JSON_BYTES
from tests.app.conftest import OFFLINE, running


def test_it_ends_when_told_to_and_leaves_nothing_behind(tmp_path, exported_eight):
    """SIGTERM, which process 1 of a container would ignore; a page that listens for news does not hold it up."""
    files = tmp_path / "uploads"
    with running(files, "app.py", "--checkpoint", str(exported_eight), **OFFLINE) as (url, process):
        assert httpx.get(url + "healthz").json() == {"status": "ok"}
        assert httpx.get(url + "version").json().keys() == {"fer_hub", "gradio"}
        if (maps := Path(f"/proc/{process.pid}/maps")).is_file():
            assert "libmediapipe" in maps.read_text(), "the first visitor would wait for the detector"
        refused = httpx.post(
            url + "gradio_api/queue/join", content=bytes(MAX_JSON_BYTES + 1), headers={"X-Request-ID": "of-the-proxy"}
        )
        assert refused.status_code == 413
        sent = httpx.post(url + "gradio_api/upload", files={"files": ("visitor.png", b"a picture", "image/png")})
        assert sent.status_code == 200 and any(path.is_file() for path in files.rglob("*"))
        with httpx.stream("GET", url + "gradio_api/heartbeat/x") as page:
            assert page.status_code == 200
            process.terminate()
            assert process.wait(timeout=20) == 0
    [line] = [line for line in process.said if "refused with 413" in line]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING fer_hub\.web\.gate: refused with 413: POST ", line)
    assert "'/gradio_api/queue/join', id of-the-proxy: " in line
    assert not [path for path in files.rglob("*") if path.is_file() and path.name == "visitor.png"]
    with socket.socket() as port:
        port.bind(("127.0.0.1", httpx.URL(url).port))


@pytest.mark.parametrize(
    ("environment", "trusted"),
    [
        ({}, None),
        ({"SPACE_ID": "owner/name"}, launch.PRIVATE),
        ({"SPACE_ID": "owner/name", "FORWARDED_ALLOW_IPS": "10.1.2.3"}, "10.1.2.3"),
    ],
)
def test_a_proxy_is_believed_on_a_space_or_where_one_says_so(environment, trusted, monkeypatch):
    for name in ("SPACE_ID", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    launch.trust_proxies()
    assert os.environ.get("FORWARDED_ALLOW_IPS") == trusted
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)


@pytest.mark.parametrize(
    ("proxy", "header", "seen"),
    [
        ("10.0.0.7", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.7", "9.9.9.9, 1.2.3.4", "1.2.3.4"),  # the first is what the visitor claimed
        ("10.0.0.7", "9.9.9.9, 1.2.3.4, 10.0.0.8", "1.2.3.4"),
        ("5.6.7.8", "1.2.3.4", "5.6.7.8"),  # no proxy of ours: not believed
    ],
)
def test_behind_a_trusted_proxy_every_visitor_counts_alone_and_cannot_forge(proxy, header, seen):
    import asyncio

    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    clients = []

    async def app(scope, receive, send):
        clients.append(scope["client"][0])

    scope = {"type": "http", "client": (proxy, 1), "headers": [(b"x-forwarded-for", header.encode())], "scheme": "http"}
    asyncio.run(ProxyHeadersMiddleware(app, launch.PRIVATE)(scope, None, None))
    assert clients == [seen]


def test_a_space_without_its_variable_names_it(monkeypatch):
    monkeypatch.delenv("FER_HUB_CHECKPOINT", raising=False)
    monkeypatch.setattr(launch, "shipped_checkpoints", dict)
    with pytest.raises(ValueError, match=r"^FER_HUB_CHECKPOINT must name a checkpoint folder or a model of the Hub"):
        launch.checkpoints()


def test_a_full_disk_is_a_warning_at_start(monkeypatch, caplog, tmp_path):
    from fer_hub.web.disk import warn_if_full

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    warn_if_full()
    assert not caplog.records
    monkeypatch.setenv("FER_HUB_MIN_FREE_MB", "999999999")
    warn_if_full()
    assert caplog.records[0].getMessage().startswith(f"uploads are refused: {tmp_path} has ")
    monkeypatch.setenv("FER_HUB_MIN_FREE_MB", "much")
    with pytest.raises(ValueError, match=r"^FER_HUB_MIN_FREE_MB must be a whole number of megabytes, got 'much'"):
        warn_if_full()
