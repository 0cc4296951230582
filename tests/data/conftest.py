"""Small synthetic versions of FER-2013 in all of its distributed forms."""

import hashlib
import io
import json
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Image, List, Value
from PIL import Image as PILImage

from fer_hub.data import FERPLUS_VOTES
from fer_hub.model.configuration_fer import EMOTIONS

_FERPLUS_HEADER = ["Usage", "Image name", *FERPLUS_VOTES]


def face(value: int, size: tuple[int, int] = (48, 48)) -> PILImage.Image:
    """A grey tile with a gradient that starts at `value`, so that every value gives another picture."""
    width, height = size
    return PILImage.fromarray(((np.arange(width * height).reshape(height, width) + value) % 256).astype(np.uint8))


def encoded(image: PILImage.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def make_face():
    return face


@pytest.fixture
def encode():
    return encoded


@pytest.fixture(autouse=True)
def _quiet_cache(tmp_path_factory, monkeypatch, request):
    """Made parquet must not land in the user's cache; the real data may, as it is read again and again."""
    if "fer2013_folder" not in request.fixturenames:
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets_cache"))


@pytest.fixture
def make_dataset():
    """(labels, names) → a dataset with images, a ClassLabel with these names, and further columns."""

    def make(labels, names=EMOTIONS, feature=None, **columns) -> Dataset:
        features = {"image": Image(), "label": feature or ClassLabel(names=list(names))}
        data = {
            "image": [{"bytes": encoded(face(i)), "path": None} for i in range(len(labels))],
            "label": labels,
        }
        kinds = {"ferplus_votes": List(Value("uint8")), "row": Value("int32")}
        for name, values in columns.items():
            features[name] = kinds.get(name, Value("string"))
            data[name] = values
        return Dataset.from_dict(data, features=Features(features))

    return make


@pytest.fixture
def write_kaggle(tmp_path):
    """Rows of (emotion, pixels, Usage) → a CSV as Kaggle writes it; pixels None is a face."""

    def write(rows, name="fer2013.csv", header=("emotion", "pixels", "Usage"), order=(0, 1, 2)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        lines = [",".join(header)]
        for index, row in enumerate(rows):
            pixels = " ".join(map(str, np.asarray(face(index)).ravel())) if row[1] is None else row[1]
            fields = (str(row[0]), pixels, *row[2:])
            lines.append(",".join(fields[i] for i in order if i < len(fields)))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_ferplus(tmp_path):
    """Rows of (Usage, image name, ten votes) → `fer2013new.csv`."""

    def write(rows, header=_FERPLUS_HEADER) -> Path:
        path = tmp_path / "fer2013new.csv"
        lines = [",".join(header)] + [",".join([usage, name, *map(str, votes)]) for usage, name, votes in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_images(tmp_path):
    """Paths such as `train/happy/0.png` → a folder with these images."""

    def write(names, root="faces") -> Path:
        for index, name in enumerate(names):
            path = tmp_path / root / name
            path.parent.mkdir(exist_ok=True, parents=True)
            face(index).save(path)
        return tmp_path / root

    return write


class _DatasetHub(BaseHTTPRequestHandler):
    """The read-only routes of the Hub that `load_dataset` asks for, for one dataset repository."""

    repo: Path
    name = "someone/faces"
    commit = "0123456789abcdef0123456789abcdef01234567"

    def do_GET(self):
        path = self.path.split("?")[0]
        api, resolve = f"/api/datasets/{self.name}", f"/datasets/{self.name}/resolve/"
        if path in (api, f"{api}/revision/main", f"{api}/revision/{self.commit}"):
            siblings = [{"rfilename": entry["path"]} for entry in self._entries() if entry["type"] == "file"]
            self._json(
                {
                    "id": self.name,
                    "sha": self.commit,
                    "siblings": siblings,
                    "private": False,
                    "tags": [],
                    "gated": False,
                    "disabled": False,
                    "downloads": 0,
                    "likes": 0,
                }
            )
        elif path.startswith(f"{api}/revision/"):
            self._missing("RevisionNotFound")
        elif path.startswith(f"{api}/tree/"):
            folder = path.removeprefix(f"{api}/tree/").partition("/")[2]
            self._json([entry for entry in self._entries() if folder == str(Path(entry["path"]).parent).strip(".")])
        elif path.startswith(resolve):
            file = self.repo / path.removeprefix(resolve).partition("/")[2]
            self._send(200, file.read_bytes()) if file.is_file() else self._missing("EntryNotFound")
        else:
            self._missing("RepoNotFound")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._json([entry for entry in self._entries() if entry["path"] in asked["paths"]])

    def _entries(self):
        for path in sorted(self.repo.rglob("*")):
            kind = {"type": "file", "size": path.stat().st_size} if path.is_file() else {"type": "directory"}
            yield kind | {"path": path.relative_to(self.repo).as_posix(), "oid": "0" * 40}

    do_HEAD = do_GET

    def _json(self, value):
        self._send(200, json.dumps(value).encode(), "application/json")

    def _missing(self, code):
        self._send(404, b"{}", "application/json", {"X-Error-Code": code})

    def _send(self, status, body, kind="application/octet-stream", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", self.commit)
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def dataset_hub(tmp_path):
    """A folder → environment variables that point the Hub's clients at a stand-in holding `someone/faces`."""

    @contextmanager
    def serve(repo: Path):
        handler = type("Handler", (_DatasetHub,), {"repo": repo})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield os.environ | {
                "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
                "HF_HOME": str(tmp_path / "hf_home"),
                "HF_HUB_DISABLE_XET": "1",
                "HF_HUB_OFFLINE": "0",
                "NO_PROXY": "127.0.0.1",
            }
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    return serve
