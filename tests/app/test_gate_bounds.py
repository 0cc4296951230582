"""The gate alone, without gradio: its limits to the byte and to the request, and what it makes of errors."""

import asyncio
import errno
import json
import logging
import types

import pytest

from fer_hub.web import gate as gate_module
from fer_hub.web.disk import FULL
from fer_hub.web.gate import MAX_QUEUE, Gate
from fer_hub.web.logged import Limited
from fer_hub.web.sentences import BROKEN

CALL, UPLOAD = "/gradio_api/call/predict", "/gradio_api/upload"


class Queue:
    """Gradio's queue with requests of these addresses in it."""

    def __init__(self, *hosts, max_size=MAX_QUEUE):
        self.max_size = max_size
        clients = [host and types.SimpleNamespace(host=host) for host in hosts]
        requests = [types.SimpleNamespace(request=types.SimpleNamespace(client=each)) for each in clients]
        self.event_ids_to_events = dict(enumerate(requests))

    def __len__(self):
        return len(self.event_ids_to_events)


async def ok(scope, receive, send):
    """An app that reads the whole body and answers."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def ask(path, method="POST", app=ok, length=None, body=(b"",), queue=None, client=("a", 1)):
    """Status and JSON of the answer of an app behind the gate."""
    sent, parts = [], list(body)

    async def receive():
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    inner = types.SimpleNamespace(get_blocks=lambda: types.SimpleNamespace(_queue=queue or Queue()))
    headers = [] if length is None else [(b"content-length", str(length).encode())]
    method = "".join(list(method))  # as a server makes it: equal to the constant and not the same object
    scope = {"type": "http", "method": method, "path": path, "client": client, "app": inner, "headers": headers}
    asyncio.run(Gate(app)(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize(("path", "limit", "megabytes"), [(CALL, 26_766_666, 26), (UPLOAD, 200_000_000, 200)])
def test_a_body_may_have_so_many_bytes(path, limit, megabytes):
    told = {"detail": f"a request must be at most {megabytes} MB, but this one is larger; send a smaller one."}
    assert ask(path, length=limit)[0] == 200
    assert ask(path, length=limit + 1) == (413, told)
    assert ask(path, length="-1") == ask(path, length="many") == (413, told)
    half = bytes(limit // 2)
    assert ask(path, body=[half, half])[0] == 200
    assert ask(path, body=[half, half, b"xxx"]) == (413, told)  # of no stated length


def test_an_app_that_catches_the_refusal_of_a_body_cannot_answer_in_its_own_words():
    async def stubborn(scope, receive, send):
        try:
            await receive()
        except Exception:
            await send({"type": "http.response.start", "status": 500, "headers": []})

    assert ask(CALL, app=stubborn, body=[bytes(26_766_667)])[0] == 413


@pytest.mark.parametrize("scope", [{"type": "lifespan"}, {"type": "websocket", "path": "/monitoring"}])
def test_what_is_no_request_is_passed_on(scope):
    seen = []

    async def app(*arguments):
        seen.append(arguments)

    asyncio.run(Gate(app)(scope, None, None))
    assert seen == [(scope, None, None)]


def test_a_client_may_have_sixteen_unfinished_requests_in_the_queue():
    told = {"detail": "a client must have at most 16 unfinished requests; wait for their results."}
    others = [*"bcdefghij", None]
    assert ask(CALL, queue=Queue(*["a"] * 15, *others))[0] == 200
    assert ask(CALL, queue=Queue(*["a"] * 16, *others)) == (429, told)
    for path, method in ((CALL, "GET"), ("/gradio_api/info", "POST"), ("/config", "GET")):
        assert ask(path, method, queue=Queue(*["a"] * 16))[0] == 200, "only what joins the queue is counted"
    assert ask("/gradio_api/queue/join", queue=Queue(*["a"] * 16))[0] == 429
    assert ask(CALL, queue=Queue(), client=None)[0] == 200


def test_the_queue_holds_sixty_four():
    hosts = [f"host {number}" for number in range(64)]
    assert ask(CALL, queue=Queue(*hosts[:63]))[0] == 200
    told = {"detail": "the server's queue of 64 requests is full; try again in a minute."}
    assert ask(CALL, queue=Queue(*hosts)) == (503, told)


@pytest.mark.parametrize(
    ("error", "status", "start"),
    [
        (KeyError("x"), 404, "there is no such endpoint;"), (IndexError(), 404, "there is no such endpoint;"),
        (type("FnIndexInferError", (Exception,), {})(), 404, "there is no such endpoint;"),
        (ValueError("x"), 400, "the request is malformed;"), (TypeError(), 400, "the request is malformed;"),
        (AttributeError(), 400, "the request is malformed;"), (RuntimeError("a secret"), 500, BROKEN),
        (OSError(errno.ENOSPC, "No space left"), 507, FULL), (OSError("another"), 500, BROKEN),
    ],
    ids=repr,
)  # fmt: skip
def test_errors_become_one_sentence(error, status, start):
    async def app(scope, receive, send):
        raise error

    got, told = ask("/gradio_api/info", "GET", app)
    assert got == status and told["detail"].startswith(start)


def test_an_error_after_the_answer_has_begun_goes_on_to_the_server():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        ask("/config", "GET", app)


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        (CALL, {"length": 10**9}, 413), (CALL, {"queue": Queue(*["a"] * 16)}, 429),
        (CALL, {"queue": Queue(*map(str, range(64)))}, 503), ("/monitoring", {}, None), ("/config", {}, None),
    ],
)  # fmt: skip
def test_refusals_for_lack_of_room_are_told_to_the_operator(path, options, status, caplog, monkeypatch):
    monkeypatch.setattr(gate_module, "_LOGGED", Limited(gate_module._log))
    with caplog.at_level(logging.WARNING):
        ask(path, **options)
    lines = [record.getMessage() for record in caplog.records if record.name == "fer_hub.web.gate"]
    assert [line.split(":")[0] for line in lines] == ([f"refused with {status}"] if status else [])


def test_a_full_disk_takes_no_uploads(monkeypatch, caplog):
    monkeypatch.setattr(gate_module, "_LOGGED", Limited(gate_module._log))
    monkeypatch.setattr(gate_module, "has_room", lambda: False)  # no test fills a disk
    told = {"detail": "the server has no disk space for uploads at the moment; try again in half an hour."}
    assert ask(UPLOAD) == (507, told)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["refused with 507"]
    assert ask(UPLOAD, "GET")[0] == ask(CALL)[0] == 200
