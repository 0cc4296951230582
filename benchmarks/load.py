"""Load test with many clients and mixed valid and invalid requests: checks every response, and that memory is flat.

    python benchmarks/load.py [--clients 50] [--seconds 60] [--output results/load.json]

Starts the app on the loopback address. Each client has its own address, as behind a Space's proxy. Memory is the app's
resident set size after a warm-up with the same mix, and after the load. The exit code is 1 if a response was wrong or
memory grew by more than 10 %.
"""

import argparse
import base64
import collections
import io
import json
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.chromium import ROOT
from benchmarks.webcam_rate import start
from fer_hub.files import write_json

PORTRAIT = (ROOT / "examples" / "astronaut.jpg").read_bytes()
META = {"_type": "gradio.FileData"}
MAX_GROWTH = 0.1


def _bomb() -> bytes:
    stream = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(stream, "PNG")
    return stream.getvalue()


def _data_url(data: bytes) -> dict:
    return {"url": f"data:image/jpeg;base64,{base64.b64encode(data).decode()}", "meta": META}


KINDS = {
    "predict": ("predict", PORTRAIT, None),
    "predict base64": ("predict", _data_url(PORTRAIT), None),
    "classify": ("classify", PORTRAIT, None),
    "annotate": ("annotate", PORTRAIT, None),
    "bomb": ("predict", _bomb(), "the file must have at most 40,000,000 pixels, got 12000x12000; make it smaller."),
    "text": ("predict", b"dear sir", "the file must be an image of a known format"),
    "truncated": ("classify", PORTRAIT[:9000], "the file must be a complete image"),
    "empty": ("annotate", b"", "the file must be an image, but is empty."),
    "foreign path": ("predict", {"path": "/etc/passwd"}, "the input must be a file that was uploaded"),
    "inner address": ("predict", {"path": "http://127.0.0.1/", "meta": META}, "a URL must point to a public address"),
    "nothing": ("predict", None, "the image is missing"),
}
"""Kind of request → endpoint, input, and beginning of the expected refusal; `None` for a valid request."""


@dataclass
class Tally:
    """Counts and errors of the requests."""

    answered: collections.Counter = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def ask(client: httpx.Client, kind: str) -> str | None:
    """Make one request; returns what was wrong with the response, or `None`."""
    endpoint, sent, refusal = KINDS[kind]
    if isinstance(sent, bytes):
        [path] = client.post("gradio_api/upload", files={"files": ("a.jpg", sent)}).json()
        sent = {"path": path, "meta": META}
    joined = client.post(f"gradio_api/call/{endpoint}", json={"data": [sent]})
    if joined.status_code != 200:
        return f"{kind}: status {joined.status_code}, {joined.text[:200]}"
    text = client.get(f"gradio_api/call/{endpoint}/{joined.json()['event_id']}").text
    event, told = text.strip().split("\n\n")[-1].split("\n", 1)
    told = json.loads(told.removeprefix("data: "))
    if refusal is not None:
        fits = event == "event: error" and str(told.get("error")).startswith(refusal)
    elif event != "event: complete":
        fits = False
    elif endpoint == "predict":
        fits = len(told[0]["faces"]) == 1 and told[0]["faces"][0]["emotion"] == "happy"
    elif endpoint == "classify":
        fits = told[0]["label"] == "happy"
    else:
        fits = Image.open(io.BytesIO(client.get(told[0]["url"]).content)).size == (512, 512)
    return None if fits else f"{kind}: {text[:300]}"


def load(url: str, clients: int, stop: threading.Event, requests: int | None = None) -> Tally:
    """Run clients in parallel, each with seeded random requests, until `stop` is set or each made its requests."""
    tally, lock = Tally(), threading.Lock()

    def work(number: int) -> None:
        chance, left = random.Random(number), requests
        headers = {"X-Forwarded-For": f"198.51.100.{number + 1}"}
        with httpx.Client(base_url=url, timeout=300, headers=headers) as client:
            while not stop.is_set() and (left is None or left > 0):
                left = None if left is None else left - 1
                kind, begin = chance.choice(list(KINDS)), time.perf_counter()
                try:
                    wrong = ask(client, kind)
                except (httpx.HTTPError, ValueError) as error:
                    wrong = f"{kind}: {error!r}"
                with lock:
                    tally.seconds.append(time.perf_counter() - begin)
                    tally.answered[kind] += 1
                    if wrong:
                        tally.wrong.append(wrong)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50, help="how many ask at the same time")
    parser.add_argument("--seconds", type=float, default=60, help="for how long they ask")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        process, url = start("app", Path(name))
        try:
            app = psutil.Process(process.pid)
            load(url, arguments.clients, threading.Event(), requests=12)
            before, stop = app.memory_info().rss, threading.Event()
            timer = threading.Timer(arguments.seconds, stop.set)
            timer.start()
            tally = load(url, arguments.clients, stop)
            after = app.memory_info().rss
        finally:
            process.terminate()
            process.wait()
    tally.seconds.sort()
    count, growth = len(tally.seconds), after / before - 1
    for kind, number in sorted(tally.answered.items()):
        print(f"{kind:16} {number:5}")
    what = f"{count} requests of {arguments.clients} clients in {arguments.seconds:g} s"
    print(f"{what}, {len(tally.wrong)} answered wrongly")
    half, most = tally.seconds[count // 2], tally.seconds[count * 95 // 100]
    print(f"half of them within {half:.1f} s, 95 % within {most:.1f} s")
    print(f"memory {before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after: {growth:+.1%}")
    if arguments.output:
        figures = {
            "clients": arguments.clients,
            "seconds": arguments.seconds,
            "requests": count,
            "good": sum(number for kind, number in tally.answered.items() if KINDS[kind][2] is None),
            "wrong": len(tally.wrong),
            "median_seconds": round(half, 2),
            "slowest_twentieth_seconds": round(most, 2),
            "memory_growth": round(growth, 4),
            "memory_growth_limit": MAX_GROWTH,
        }
        write_json(arguments.output, figures)
    for sentence in tally.wrong[:10]:
        print(sentence)
    return 1 if tally.wrong or growth > MAX_GROWTH else 0


if __name__ == "__main__":
    raise SystemExit(main())
