"""Load test with many clients and mixed valid, invalid and rude requests: checks every response, and what is left.

    python benchmarks/load.py [--clients 50] [--seconds 60] [--output results/load.json]

Starts the app on the loopback address. Each client has its own address, as behind a Space's proxy. Some break off their
uploads, leave before the result, or read it slowly. Memory is the app's resident set size after a warm-up with the same
mix, and after the load. Then a normal request is timed alone and beside thorough searches of another client, and the
visitors' files are counted after the sweep, which comes after a minute here. The exit code is 1 if a response was
wrong, memory grew by more than 10 %, a normal request waited more than a second longer, or a file was left.
"""

import argparse
import base64
import collections
import io
import json
import os
import random
import subprocess
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
from benchmarks.collage import collage
from benchmarks.rude import META, PORTRAIT, RUDE, rude
from fer_hub.files import write_json

MAX_GROWTH, MAX_DELAY = 0.1, 1.0
KEEP_SECONDS = 60
"""After this time the app sweeps here; on a server after half an hour."""


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

SETTINGS = ("photographs", 0.5)
"""Network and detection score that follow the photo, where a search is to be thorough."""


@dataclass
class Tally:
    """Counts and errors of the requests."""

    answered: collections.Counter = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def ask(client: httpx.Client, kind: str) -> str | None:
    """Make one request; returns what was wrong with the response, or `None`."""
    if kind in RUDE:
        return rude(client, kind)
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


def beside_thorough(url: str, searches: int = 6) -> tuple[float, float]:
    """Seconds of a normal request alone, and beside thorough searches of another client; the slowest of five each."""
    stream = io.BytesIO()
    collage(24, 0)[0].save(stream, "JPEG")
    stop = threading.Event()

    def search() -> None:
        with httpx.Client(base_url=url, timeout=300, headers={"X-Forwarded-For": "203.0.113.7"}) as client:
            [path] = client.post("gradio_api/upload", files={"files": ("a.jpg", stream.getvalue())}).json()
            file = {"path": path, "meta": META}
            while not stop.is_set():
                joined = client.post("gradio_api/call/predict", json={"data": [file, *SETTINGS, True]})
                client.get(f"gradio_api/call/predict/{joined.json()['event_id']}")

    def slowest() -> float:
        seconds = []
        with httpx.Client(base_url=url, timeout=300, headers={"X-Forwarded-For": "203.0.113.8"}) as client:
            for _ in range(5):
                begin = time.perf_counter()
                wrong = ask(client, "predict")
                seconds.append(time.perf_counter() - begin)
                if wrong:
                    raise RuntimeError(wrong)
        return max(seconds)

    alone = slowest()
    threads = [threading.Thread(target=search) for _ in range(searches)]
    for thread in threads:
        thread.start()
    time.sleep(3)  # until all places for slow requests are taken
    beside = slowest()
    stop.set()
    for thread in threads:
        thread.join()
    return alone, beside


def serve() -> None:
    """Run the app with a sweep after a minute; called in a separate process."""
    from fer_hub.hub.shipped import example_photographs
    from fer_hub.web import launch
    from fer_hub.web.own_folder import own_folder

    launch.set_up_process()
    with own_folder():
        from fer_hub.web import page
        from fer_hub.web.service import Service

        page.SWEEP_SECONDS, page.KEEP_SECONDS = 5, KEEP_SECONDS
        with Service(launch.checkpoints()) as service:
            service.pipeline(service.names[0])
            page.build(service, [str(path) for path in example_photographs()]).launch(**page.launch_options())


def start(folder: Path) -> tuple[subprocess.Popen, str]:
    """The process of the app and its address, once it listens; visitors' files lie in `folder`."""
    environment = os.environ | {
        "GRADIO_TEMP_DIR": str(folder), "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1",
        "GRADIO_SERVER_NAME": "127.0.0.1",
    }  # fmt: skip
    command = [sys.executable, __file__, "--serve"]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    for line in process.stdout:
        if "http://127.0.0.1:" in line:
            return process, line.split()[-1]
    raise RuntimeError("the app ended before it listened")


def left(folder: Path) -> int:
    """Number of visitors' files after the sweep, waiting for it twice as long as it takes."""
    end = time.monotonic() + 2 * KEEP_SECONDS
    while True:
        count = sum(path.is_file() and path.name != "lock" for path in folder.rglob("*"))
        if count == 0 or time.monotonic() > end:
            return count
        time.sleep(1)


def load(url: str, clients: int, stop: threading.Event, requests: int | None = None) -> Tally:
    """Run clients in parallel, each with seeded random requests, until `stop` is set or each made its requests."""
    tally, lock = Tally(), threading.Lock()

    def work(number: int) -> None:
        chance, left = random.Random(number), requests
        headers = {"X-Forwarded-For": f"198.51.100.{number + 1}"}
        with httpx.Client(base_url=url, timeout=300, headers=headers) as client:
            while not stop.is_set() and (left is None or left > 0):
                left = None if left is None else left - 1
                kind, begin = chance.choice([*KINDS, *RUDE]), time.perf_counter()
                try:
                    wrong = ask(client, kind)
                except (httpx.HTTPError, OSError, ValueError) as error:
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
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return 0
    with tempfile.TemporaryDirectory() as name:
        process, url = start(Path(name))
        try:
            app = psutil.Process(process.pid)
            load(url, arguments.clients, threading.Event(), requests=12)
            before, stop = app.memory_info().rss, threading.Event()
            timer = threading.Timer(arguments.seconds, stop.set)
            timer.start()
            tally = load(url, arguments.clients, stop)
            after = app.memory_info().rss
            alone, beside = beside_thorough(url)
            files = left(Path(name))
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
    print(f"a normal request took {alone:.2f} s alone, {beside:.2f} s beside thorough searches; {files} files left")
    if arguments.output:
        figures = {
            "clients": arguments.clients,
            "seconds": arguments.seconds,
            "requests": count,
            "good": sum(number for kind, number in tally.answered.items() if kind in KINDS and KINDS[kind][2] is None),
            "rude": sum(tally.answered[kind] for kind in RUDE),
            "wrong": len(tally.wrong),
            "median_seconds": round(half, 2),
            "slowest_twentieth_seconds": round(most, 2),
            "memory_growth": round(growth, 4),
            "memory_growth_limit": MAX_GROWTH,
            "normal_seconds": round(alone, 2),
            "normal_seconds_beside_thorough": round(beside, 2),
            "files_left": files,
        }
        write_json(arguments.output, figures)
    for sentence in tally.wrong[:10]:
        print(sentence)
    return 1 if tally.wrong or growth > MAX_GROWTH or beside - alone > MAX_DELAY or files else 0


if __name__ == "__main__":
    raise SystemExit(main())
