"""Attacks over HTTP, each followed by a valid request: one sentence for the attacker, and the server keeps running."""

import base64
import io
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

import fer_hub

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "astronaut.jpg"
META = {"_type": "gradio.FileData"}
NOT_UPLOADED = "the input must be a file that was uploaded, got another path; upload it first."
ONE_FILE = "the input must be one file, got a list; send one of them."
NO_FILE_DATA = (
    "a file must be sent as its upload's FileData with path and meta, got str; upload it first, in Python with "
    "gradio_client.handle_file."
)
SERVER_FILES = [
    str(PORTRAIT), "examples/astronaut.jpg", str(fer_hub.__file__), "/etc/passwd", "../../etc/passwd", "", "\0",
    "x" * 9000,
]  # fmt: skip


@pytest.fixture(autouse=True)
def still_good(http):
    """After every test of this file a valid request works."""
    yield
    event, answer = http.call("predict", http.upload(PORTRAIT.read_bytes(), "a.jpg"))
    assert event == "complete", (event, answer)
    assert len(answer[0]["faces"]) == 1


@pytest.fixture(scope="module")
def file_inputs(http):
    """(endpoint, valid values of all its inputs, where, component) for every input that takes files, private endpoints
    included."""
    config = http.client.get("config").json()
    parts = {part["id"]: part for part in config["components"]}
    found = [
        (event["api_name"], [parts[each]["props"].get("value") for each in event["inputs"]], position, kind)
        for event in config["dependencies"]
        for position, part in enumerate(event["inputs"])
        if (kind := parts[part]["type"]) in ("image", "file", "video", "gallery", "imageeditor", "audio", "json")
    ]
    assert {kind for *_, kind in found} >= {"image", "file", "video"}
    return found


def _picture(mode="RGB", size=(64, 48), kind="PNG", **options):
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, kind, **options)
    return stream.getvalue()


def _data_url(data, kind="image/jpeg"):
    return {"path": None, "url": f"data:{kind};base64,{base64.b64encode(data).decode()}", "meta": META}


@pytest.mark.parametrize("path", SERVER_FILES, ids=lambda path: repr(path[-20:]))
@pytest.mark.parametrize("meta", [True, False], ids=["meta", "no_meta"])
def test_no_input_of_any_endpoint_opens_a_file_of_the_server(http, file_inputs, path, meta):
    """Gradio itself refuses foreign paths only where the payload carries `meta`.

    All other inputs are valid, so that nothing but the check of the file can refuse.
    """
    for endpoint, values, position, kind in file_inputs:
        file = {"path": path} | ({"meta": META} if meta else {})
        for payload, sentence in (
            (file, NOT_UPLOADED),
            ([file], NOT_UPLOADED if kind == "file" else ONE_FILE),
            ({"video": file}, NOT_UPLOADED),
            (path, NO_FILE_DATA),
        ):
            if not path and endpoint == "look" and sentence == NOT_UPLOADED:
                continue  # no picture for the webcam's stream, which then lasts the whole minute that it may last
            data = [*values[:position], payload, *values[position + 1 :]]
            status, told = http.call(endpoint, *data)
            if path or sentence in (NO_FILE_DATA, ONE_FILE):
                assert (status, told["error"]) == ("error", sentence), (endpoint, kind, payload)
            elif status == "error":  # no path is no file, which some endpoints want
                assert "\n" not in told["error"] and str(PORTRAIT) not in told["error"], (endpoint, told)
            else:
                assert endpoint not in ("predict", "annotate", "classify", "predict_batch", "predict_video"), told


@pytest.mark.parametrize("endpoint", ["predict", "annotate", "classify"])
@pytest.mark.parametrize("path", SERVER_FILES[:4], ids=lambda path: repr(path[-20:]))
def test_a_foreign_path_is_named_as_such(http, endpoint, path):
    for meta in ({}, {"meta": META}):
        assert http.refusal(endpoint, {"path": path, **meta}) == NOT_UPLOADED
    assert http.refusal("predict_batch", [{"path": path}]) == NOT_UPLOADED
    assert http.refusal("predict_video", {"path": path}) == NOT_UPLOADED
    assert http.refusal("predict_video", {"video": {"path": path}}) == NOT_UPLOADED


@pytest.mark.parametrize("where", ["gradio_api/file=", "gradio_api/file/"])
@pytest.mark.parametrize("path", ["/etc/passwd", "app.py", "checkpoints/fer2013/config.json", "..%2fapp.py"])
def test_no_file_of_the_server_is_handed_out(http, where, path):
    assert http.client.get(where + path).status_code in (403, 404)


@pytest.mark.parametrize(
    "route",
    [
        "gradio_api/file=http://127.0.0.1:1/x.png", "gradio_api/file=https://example.org/x.png",
        "gradio_api/proxy=http://127.0.0.1:1/", "gradio_api/deep_link", "gradio_api/run-history/buckets", "monitoring",
        "gradio_api/custom_component/1/client/component/style.css", "gradio_api/vibe-code/",
    ],
)  # fmt: skip
def test_unneeded_routes_are_closed(http, route):
    answer = http.client.get(route)
    assert (answer.status_code, answer.json()) == (404, {"detail": "this server does not provide that route."})


@pytest.mark.parametrize("route", ["process_recording", "vibe-edit", "component_server"])
def test_editing_and_recording_are_closed(http, route):
    answer = http.client.post(f"gradio_api/{route}", json={})
    assert (answer.status_code, answer.json()) == (404, {"detail": "this server does not provide that route."})


# ---- sizes


def test_base64_is_limited_as_uploads_are(http):
    """In gradio itself base64 passes any limit."""
    big = _data_url(b"\0" * 20_000_001)
    assert http.refusal("predict", big) == "the file must be at most 20 MB; send a smaller one."
    event, detail = http.call("predict", _data_url(b"\0" * 21_000_000))
    assert (event, detail) == ("413", "a request must be at most 26 MB, but this one is larger; send a smaller one.")


def test_a_body_of_unknown_length_is_limited_too(http):
    def endless():
        yield b'{"data": ["'
        for _ in range(400):
            yield b"x" * 100_000

    answer = http.client.post("gradio_api/call/predict", content=endless())
    assert answer.status_code == 413
    assert answer.json() == {"detail": "a request must be at most 26 MB, but this one is larger; send a smaller one."}


def test_an_upload_is_limited(http):
    answer = http.client.post("gradio_api/upload", files={"files": ("a.mp4", b"\0" * 100_000_001)})
    assert answer.status_code == 413
    host, port = http.client.base_url.host, http.client.base_url.port
    with socket.create_connection((host, port)) as line:
        line.sendall(b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n")
        answer = line.recv(4096) + line.recv(4096)
    assert b" 413 " in answer and b"at most 200 MB" in answer


def test_uploaded_photos_have_their_own_size_limit(http):
    big = http.upload(b"\0" * 20_000_001)
    assert http.refusal("predict", big) == "the file must be at most 20 MB; send a smaller one."
    assert http.refusal("predict_batch", [big]) == "the file must be at most 20 MB; send a smaller one."


@pytest.mark.parametrize("mode", ["1", "L"])
def test_decompression_bombs_are_refused_undecoded(http, mode):
    """18 kB that took gradio 35 seconds: here less than a normal photo takes."""
    bomb = http.upload(_picture(mode, (12_000, 12_000)), "bomb.png")
    good = http.upload(PORTRAIT.read_bytes(), "a.jpg")
    durations = {}
    for name, file in (("bomb", bomb), ("good", good)):
        begin = time.perf_counter()
        for _ in range(5):
            event, told = http.call("predict", file)
        durations[name] = time.perf_counter() - begin
        assert event == ("error" if name == "bomb" else "complete")
    assert told is not None
    sentence = "the file must have at most 40,000,000 pixels, got 12000x12000; make it smaller."
    assert http.refusal("predict", bomb) == sentence
    assert http.refusal("predict_batch", [bomb]) == f"image 0 of 1 (counted from 0): {sentence}"
    assert durations["bomb"] < 2 * durations["good"]


def test_too_many_photos_are_refused(http):
    one = http.upload(_picture(), "a.png")
    sentence = "there must be at most 20 photos at once, got 21; send fewer."
    assert http.refusal("predict_batch", [one] * 21) == sentence


def test_deeply_nested_input_is_refused(http):
    nested: list = []
    for _ in range(200):
        nested = [nested]
    deep = "the input is nested too deeply; see the API page for its form."
    assert http.refusal("predict", http.upload(_picture(), "a.png"), nested) == deep
    assert http.refusal("predict", nested) == ONE_FILE


# ---- addresses


@pytest.fixture(scope="module")
def inner_server():
    """A server on the loopback address that must never be asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PORTRAIT.read_bytes())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "127.1", "[::ffff:127.0.0.1]"]
)
def test_urls_never_reach_the_server_itself(http, inner_server, host):
    port, asked = inner_server
    url = f"http://{host}:{port}/portrait.jpg"
    for payload in ({"path": url, "meta": META}, {"path": url}, {"url": url}, {"path": url, "url": url, "meta": META}):
        sentence = http.refusal("predict", payload)
        assert "must point to a public address" in sentence or "cannot be reached" in sentence
    http.refusal("predict_batch", [{"path": url, "meta": META}])
    http.refusal("predict_video", {"path": url, "meta": META})
    # an input that takes no file does not fetch one either
    assert "accepts no file" in http.refusal("predict", http.upload(_picture()), {"path": url, "meta": META})
    assert asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/a.jpg", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data", "http://[fd00::1]/",
        "http://100.64.0.1/", "https://172.16.0.1/", "http://[64:ff9b::a00:1]/", "http://[::ffff:0:a00:1]/",
        "http://[::a00:1]/",
    ],
)  # fmt: skip
def test_urls_never_reach_private_addresses(http, url):
    sentence = f"a URL must point to a public address, got '{url}'; upload the file instead."
    assert http.refusal("predict", {"path": url, "meta": META}) == sentence


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/a.jpg", "gopher://example.org/", "http://", "http:///a"]
)
def test_only_http_is_fetched(http, url):
    sentence = f"a URL must start with http:// or https://, got '{url}'; upload the file instead."
    assert http.refusal("predict", {"path": url, "meta": META}) == sentence


# ---- requests that are none


@pytest.mark.parametrize(
    "payload", [1, True, "text", [], [[]], {"a": 1}, {"path": 5}, {"path": "x", "meta": 7}, {"url": 9}]
)
def test_odd_payloads_get_one_sentence(http, payload):
    for endpoint in ("predict", "annotate", "classify", "predict_batch", "predict_video"):
        sentence = http.refusal(endpoint, payload)
        assert sentence and "\n" not in sentence and "Error" not in sentence


def test_no_private_endpoint_answers_without_a_sentence(http):
    config = http.client.get("config").json()
    events = [event for event in config["dependencies"] if event["connection"] != "stream"]  # those wait for frames
    names = {event["api_name"] for event in events}
    for name in names:
        for data in ([], [None] * 8, ["x"] * 8, [{}] * 8, [[1]] * 8, [10**400] * 8):
            event, told = http.call(name, *data)
            assert event in ("complete", "error"), (name, data, told)
            if event == "error":
                assert isinstance(told["error"], str) and "\n" not in told["error"], (name, data, told)


@pytest.mark.parametrize(
    ("route", "body", "status", "sentence"),
    [
        ("call/predict", b"not json", 422, 'the body must be JSON such as {"data": [...]}, but is not.'),
        ("call/predict", b'{"data": 5}', 422, 'the body must be JSON such as {"data": [...]}, but is not.'),
        ("call/no_such", b'{"data": []}', 404, "there is no such endpoint; /gradio_api/info lists them all."),
        ("call/v2/no_such", b"{}", 404, "there is no such endpoint; /gradio_api/info lists them all."),
        ("queue/join", b'{"data": [], "fn_index": 9999, "session_hash": "a"}', 404,
         "there is no such endpoint; /gradio_api/info lists them all."),
        ("run/predict", b'{"data": []}', 404, None),
    ],
)  # fmt: skip
def test_malformed_requests_get_a_status_and_a_sentence(http, route, body, status, sentence):
    answer = http.client.post(f"gradio_api/{route}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    if sentence:
        assert answer.json()["detail"] == sentence


def test_webcam_frames_are_checked_too(http):
    """The endpoint of the webcam takes frames as base64 until its stream is closed."""
    [event] = [e for e in http.client.get("config").json()["dependencies"] if e["connection"] == "stream"]
    bomb = _data_url(_picture("1", (9000, 9000)), "image/png")
    for payload in ({"path": "/etc/passwd"}, {"path": str(PORTRAIT)}, bomb, 7):
        assert "\n" not in http.refusal(event["api_name"], payload, None)


def test_one_client_cannot_fill_the_queue(http):
    file = http.upload(PORTRAIT.read_bytes(), "a.jpg")
    answers = []

    def ask():
        slowly = [file, "fer2013", 0.5, True]  # a thorough search: they come faster than they are answered
        answers.append(http.client.post("gradio_api/call/predict", json={"data": slowly}))

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}, [answer.text for answer in answers]
    assert refused[0].json() == {"detail": "a client must have at most 16 unfinished requests; wait for their results."}
    for answer in answers:
        if answer.status_code == 200:
            assert "event: complete" in http.client.get(f"gradio_api/call/predict/{answer.json()['event_id']}").text
