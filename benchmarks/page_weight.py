"""The page beside a bare `gr.Interface`: Lighthouse's performance score, first paint and bytes, and the first result.

    python -m benchmarks.page_weight [--rounds 3] [--output results/page.json]

Both are served at once, each in its own process, and visited in turns with an empty cache by Lighthouse (from npm, run
by npx), with its simulated phone on a slow mobile network. The first result is when the page shows the faces that it
begins with, in a Chromium without throttling. The exit code is 1 if a goal is missed: a performance score no lower than
the bare page's, and at most 1.5 times its bytes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.chromium import FLAGS, ROOT, open_browser
from fer_hub.files import write_json
from start import find_browser

LIGHTHOUSE = "lighthouse@13.5.0"
MOST_BYTES = 1.5

BARE = """
import gradio
gradio.Interface(lambda photo: {"happy": 1.0}, gradio.Image(type="pil"), gradio.Label()).launch()
"""

RESULT = """
const noted = new MutationObserver(() => {
    if (window.firstResult || !document.querySelector('.fer-card')) return;
    window.firstResult = performance.now();
});
noted.observe(document, {subtree: true, childList: true});
"""


def start(command: list[str], folder: Path) -> tuple[subprocess.Popen, str]:
    """A server's process and its address, once it listens."""
    environment = os.environ | {
        "GRADIO_TEMP_DIR": str(folder), "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1",
        "GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_SERVER_NAME": "127.0.0.1",
    }  # fmt: skip
    process = subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    for line in process.stdout:
        if "http://127.0.0.1:" in line:
            return process, line.split()[-1]
    raise RuntimeError(f"{' '.join(command)[:60]} ended before it listened")


def visit(url: str, chromium: str, folder: Path) -> dict[str, float]:
    """One visit of Lighthouse: score (0 to 1), bytes and requests, first and largest contentful paint in seconds."""
    report = folder / "report.json"
    flags = " ".join(f"--{flag}" for flag in FLAGS if "fake" not in flag)
    done = subprocess.run(
        ["npx", "--yes", LIGHTHOUSE, url, "--only-categories=performance", "--output=json", f"--output-path={report}",
         "--quiet", f"--chrome-flags={flags}"],
        cwd=folder, env=os.environ | {"CHROME_PATH": chromium}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"Lighthouse must measure {url}, but failed: {' '.join(done.stderr.split())[-400:]}")
    told = json.loads(report.read_text(encoding="utf-8"))
    audits = told["audits"]
    requests = audits["network-requests"]["details"]["items"]
    return {
        "score": told["categories"]["performance"]["score"],
        "kib": round(sum(each.get("transferSize", 0) for each in requests) / 1024, 1),
        "requests": len(requests),
        "first_paint": round(audits["first-contentful-paint"]["numericValue"] / 1000, 2),
        "largest_paint": round(audits["largest-contentful-paint"]["numericValue"] / 1000, 2),
        "heaviest": [
            [each["url"].rpartition("/")[2][:60], round(each["transferSize"] / 1024, 1)]
            for each in sorted(requests, key=lambda each: -each.get("transferSize", 0))[:8]
        ],
    }


def first_result(url: str, folder: Path) -> float:
    """Seconds from the request to the first result that is shown."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser = open_browser(folder / "profile")
    try:
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": RESULT})
        browser.get(url)
        shown = WebDriverWait(browser, 60).until(lambda _: browser.execute_script("return window.firstResult"))
        return round(shown / 1000, 2)
    finally:
        browser.quit()
        shutil.rmtree(folder / "profile", ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often both are visited")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    found = find_browser()
    if found is None or shutil.which("npx") is None:
        raise SystemExit("needs Chromium, chromedriver and npm: apt-get install chromium chromium-driver npm")
    commands = {"page": [sys.executable, "app.py"], "bare": [sys.executable, "-c", BARE]}
    visits: dict[str, list[dict]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as name:
        folder, running = Path(name), {}
        try:
            running = {kind: start(command, folder / kind) for kind, command in commands.items()}
            for _ in range(arguments.rounds):
                for kind, (_, url) in running.items():
                    visits[kind].append(visit(url, found[0], folder))
                    told = {name: value for name, value in visits[kind][-1].items() if name != "heaviest"}
                    print(kind, told, flush=True)
            results = [first_result(running["page"][1], folder) for _ in range(arguments.rounds)]
        finally:
            for process, _ in running.values():
                process.terminate()
                process.wait()
    names = ("score", "kib", "requests", "first_paint", "largest_paint")
    medians = {kind: {name: median(each[name] for each in told) for name in names} for kind, told in visits.items()}
    figures = {
        "lighthouse": LIGHTHOUSE.partition("@")[2],
        **medians,
        "ratio": round(medians["page"]["kib"] / medians["bare"]["kib"], 2),
        "first_result": median(results),
        "goals": {"ratio": MOST_BYTES},
        "scores": {kind: [each["score"] for each in told] for kind, told in visits.items()},
        "heaviest": visits["page"][-1]["heaviest"],
    }
    print(json.dumps(figures, indent=2))
    if arguments.output:
        write_json(arguments.output, figures)
    return int(figures["ratio"] > MOST_BYTES or medians["page"]["score"] < medians["bare"]["score"])


if __name__ == "__main__":
    raise SystemExit(main())
