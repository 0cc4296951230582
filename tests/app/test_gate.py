"""The gate counts requests from the moment they arrive, not only once gradio has put them into its queue."""

import asyncio
import types

import pytest

from fer_hub.web import gate as gate_module
from fer_hub.web.gate import MAX_JSON_BYTES, MAX_PER_CLIENT, Gate
from fer_hub.web.logged import MOST_LINES, Limited


class EmptyQueue:
    """Gradio's queue while the first requests are still on their way to it."""

    max_size, event_ids_to_events = 20, {}

    def __len__(self):
        return 0


def statuses(hosts, path="/gradio_api/call/predict", prefix=""):
    """The status that each address gets whose requests all arrive before the first one is queued."""

    async def all_at_once():
        gone_in = asyncio.Event()

        async def app(scope, receive, send):
            await gone_in.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def ask(host):
            sent = []

            async def send(message):
                sent.append(message)

            scope = {"type": "http", "method": "POST", "path": path, "root_path": prefix, "headers": [],
                     "client": (host, 1), "app": inner}  # fmt: skip
            await gate(scope, None, send)
            return sent[0]["status"]

        gate = Gate(app)
        inner = types.SimpleNamespace(get_blocks=lambda: types.SimpleNamespace(_queue=EmptyQueue()))
        for _ in range(2):  # the second time nothing is left of the first
            gone_in.clear()
            waiting = [asyncio.ensure_future(ask(host)) for host in hosts]
            await asyncio.sleep(0)  # all of them run up to where they wait
            gone_in.set()
            found = await asyncio.gather(*waiting)
        assert not gate._entering
        return found

    return asyncio.run(all_at_once())


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["a"] * 40, [200] * MAX_PER_CLIENT + [429] * (40 - MAX_PER_CLIENT)),
        (["a"] * 3 + ["b"] * 3, [200] * 6),
        ([*"abcdefghijklmnopqrstuvwxyz"], [200] * 20 + [503] * 6),
    ],
)
def test_simultaneous_requests_cannot_overfill_the_queue(hosts, expected):
    assert statuses(hosts) == expected


def answer(path, method="GET", prefix="", size=0, times=1):
    """Status of a request to a server that stands under a prefix, and whether the app saw it."""
    seen, sent = [], []

    async def app(scope, receive, send):
        seen.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    inner = types.SimpleNamespace(get_blocks=lambda: types.SimpleNamespace(_queue=EmptyQueue()))
    scope = {"type": "http", "method": method, "path": path, "root_path": prefix, "client": ("a", 1), "app": inner,
             "headers": [(b"content-length", str(size).encode())]}  # fmt: skip
    gate = Gate(app)
    for _ in range(times):
        asyncio.run(gate(scope, None, send))
    return sent[0]["status"], bool(seen)


@pytest.mark.parametrize("prefix", ["", "/fer", "/a/b"])
@pytest.mark.parametrize("stripped", [False, True], ids=["prefix kept", "prefix taken out by the proxy"])
def test_the_gate_is_the_same_under_every_prefix(prefix, stripped):
    before = "" if stripped else prefix
    assert answer(f"{before}/monitoring", prefix=prefix) == (404, False)
    assert answer(f"{before}/gradio_api/file=https://example.org/x", prefix=prefix) == (404, False)
    assert answer(f"{before}/gradio_api/call/predict", "POST", prefix, MAX_JSON_BYTES + 1) == (413, False)
    assert answer(f"{before}/gradio_api/upload", "POST", prefix, MAX_JSON_BYTES + 1) == (200, True)
    assert answer(f"{before}/config", prefix=prefix) == (200, True)
    assert answer("/ferry/monitoring", prefix=prefix) == (200, True)  # which the app does not know


@pytest.mark.parametrize("stripped", [False, True])
def test_an_allowance_under_a_prefix(stripped):
    path = "/gradio_api/call/predict" if stripped else "/fer/gradio_api/call/predict"
    expected = [200] * MAX_PER_CLIENT + [429] * (40 - MAX_PER_CLIENT)
    assert statuses(["a"] * 40, path, "/fer") == expected


@pytest.mark.parametrize("prefix", ["", "/fer"])
def test_operators_can_ask_whether_it_lives_and_what_it_is(prefix):
    for path in ("/healthz", "/version"):
        assert answer(prefix + path, prefix=prefix) == (200, False)


def test_refusals_are_logged_but_not_without_end(caplog, monkeypatch):
    monkeypatch.setattr(gate_module, "_LOGGED", Limited(gate_module._log))  # others have counted as well
    answer("/gradio_api/call/predict\n", "POST", size=MAX_JSON_BYTES + 1, times=MOST_LINES + 30)
    lines = [record.getMessage() for record in caplog.records if record.name == "fer_hub.web.gate"]
    assert len(lines) <= MOST_LINES + 1 and not any("\n" in line for line in lines)
    assert any(line.startswith("refused with 413: POST '/gradio_api/call/predict") for line in lines)


def test_the_page_itself_is_packed_and_nothing_that_streams_is():
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    async def text(request):
        return PlainTextResponse("a page of gradio " * 1000)

    client = TestClient(Gate(Starlette(routes=[Route("/", text), Route("/gradio_api/call/x", text)])))
    packed, plain = client.get("/"), client.get("/gradio_api/call/x")
    assert packed.text == plain.text
    assert packed.headers["content-encoding"] == "gzip" and int(packed.headers["content-length"]) < 1000
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in client.get("/", headers={"accept-encoding": "identity"}).headers
