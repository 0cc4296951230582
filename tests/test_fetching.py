"""Photographs by address: any letters in it, any server behind it, and the proxies of the environment."""

import socket
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import unquote

import pytest
from PIL import Image

from fer_hub import FERPipeline, fetching
from fer_hub.environment import VARIABLES
from fer_hub.images import load_image

NAMES = ["a b.png", "사진.png", "Gesicht ü.png", "a%20b.png", "50%.png", "a+b&c=d.png", "「顔」 (1).png"]


def png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (30, 20), (200, 10, 10)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in (*VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_certificates_that_are_not_there_are_named(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/certificates")
    fetching._certificates.cache_clear()
    try:
        with pytest.raises(OSError) as caught:
            load_image("https://127.0.0.1:9/a.png")
    finally:
        fetching._certificates.cache_clear()
    assert str(caught.value) == (
        "SSL_CERT_FILE must name a file of trusted certificate authorities, got '/no/such/certificates', which is not "
        "there; correct the variable, or unset it."
    )


@contextmanager
def serving(handler):
    """The address of a server on this computer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def photographs():
    """A server that answers with a photograph, and the paths that it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", "/neu%20%C3%BC.png" if self.path == "/moved" else "/a b.png")
                return self.end_headers()
            self.send_response(200)
            self.end_headers()
            return self.wfile.write(png())

        def log_message(self, *_):
            pass

    with serving(Handler) as url:
        yield url, asked


@pytest.mark.parametrize("name", NAMES)
def test_an_address_in_any_letters(name, photographs):
    url, asked = photographs
    assert load_image(f"{url}/{name}").size == (30, 20)
    [path] = asked
    assert path.isascii() and " " not in path
    assert unquote(path) == unquote(f"/{name}")


@pytest.mark.parametrize("path", ["/moved", "/moved to a space"])
def test_a_redirect_to_any_letters(path, photographs):
    assert load_image(photographs[0] + path).size == (30, 20)


@contextmanager
def answering(answer: bytes):
    """The address of a server that says these bytes to everybody and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    guest, _ = server.accept()
                except OSError:
                    return
                with guest:
                    guest.recv(65536)
                    guest.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.png"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


NONSENSE = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a bad status": b"HTTP/1.1 abc OK\r\n\r\n",
    "a bad header": b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "less than it promised": b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nabc",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "a cut off chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc",
    "an endless header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    "a redirect to bytes": b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe/\r\nContent-Length: 0\r\n\r\n",
    "a redirect to no address": b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_a_server_that_speaks_nonsense_is_one_documented_error(answer):
    with answering(answer) as url, pytest.raises((ConnectionError, ValueError)) as caught:
        load_image(url, timeout=5)
    told = str(caught.value)
    assert type(caught.value) in (ConnectionError, ValueError)
    assert told.endswith(".") and "\n" not in told and "; " in told, told


def test_in_a_list_the_position_is_told(tiny_checkpoint):
    photo = Image.new("RGB", (64, 64))
    with answering(NONSENSE["less than it promised"]) as url, FERPipeline.from_pretrained(tiny_checkpoint) as pipeline:
        with pytest.raises(
            ConnectionError, match=r"^image 1 of the list: http://127\.0\.0\.1:\d+/a\.png cannot be read"
        ):
            pipeline([photo, url])
        with pytest.raises(
            ConnectionError, match=r"^image 2 of the list: http://127\.0\.0\.1:\d+/a\.png cannot be read"
        ):
            pipeline.classify_crops([photo, photo, url])


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "nonsense://127.0.0.1:9"])
@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_this_computer_is_never_asked_through_a_proxy(variable, proxy, photographs, monkeypatch):
    monkeypatch.setenv(variable, proxy)
    assert load_image(f"{photographs[0]}/a.png").size == (30, 20)


@pytest.mark.parametrize(
    ("variable", "proxy", "absent", "said"),
    [
        ("HTTP_PROXY", "http://127.0.0.1:9", False, r"; check the URL, and the proxy that HTTP_PROXY names\.$"),
        ("all_proxy", "http://127.0.0.1:9", False, r"; check the URL, and the proxy that all_proxy names\.$"),
        ("ALL_PROXY", "socks5://127.0.0.1:9", True, r"^a proxy with SOCKS needs the package socksio, but ALL_PROXY "),
        ("HTTP_PROXY", "nonsense://127.0.0.1:9", False, r"^the proxy that HTTP_PROXY names must be usable, but is not"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named(variable, proxy, absent, said, monkeypatch):
    monkeypatch.setenv(variable, proxy)
    if absent:
        monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ConnectionError, match=said):
        load_image("http://fer-hub.invalid/a.png", timeout=5)
