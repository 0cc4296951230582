"""Clients of the page that do not behave, for the load test."""

import socket
import time
from pathlib import Path

import httpx

PORTRAIT = (Path(__file__).resolve().parent.parent / "examples" / "astronaut.jpg").read_bytes()
META = {"_type": "gradio.FileData"}

RUDE = ("broken off", "gone", "slow reader")
"""Kinds of requests of clients that do not behave; only the last one gets an answer."""


def rude(client: httpx.Client, kind: str) -> str | None:
    """An upload that is broken off; a request whose client does not wait; one whose client reads byte by byte."""
    address = (client.base_url.host, client.base_url.port)
    if kind == "broken off":
        body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n' + PORTRAIT
        with socket.create_connection(address) as connection:
            connection.sendall(
                _head("POST", "gradio_api/upload", client, 10 * len(body), "multipart/form-data; boundary=x")
            )
            connection.sendall(body)
        return None
    [path] = client.post("gradio_api/upload", files={"files": ("a.jpg", PORTRAIT)}).json()
    joined = client.post("gradio_api/call/classify", json={"data": [{"path": path, "meta": META}]})
    if joined.status_code != 200:
        return f"{kind}: status {joined.status_code}, {joined.text[:200]}"
    with socket.create_connection(address) as connection:
        connection.sendall(_head("GET", f"gradio_api/call/classify/{joined.json()['event_id']}", client))
        if kind == "gone":
            return None
        told = b""
        while b"event: complete" not in told and (byte := connection.recv(1)):
            told += byte
            time.sleep(0.002)
        return None if byte else f"{kind}: {told[-200:]!r}"


def _head(method: str, path: str, client: httpx.Client, length: int = 0, kind: str = "text/plain") -> bytes:
    """The head of a request by hand."""
    lines = (
        f"{method} /{path} HTTP/1.1", f"Host: {client.base_url.host}:{client.base_url.port}", f"Content-Type: {kind}",
        f"Content-Length: {length}", f"X-Forwarded-For: {client.headers['X-Forwarded-For']}", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode("ascii")
