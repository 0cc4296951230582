"""The running app as clients use it: names and defaults are stable, responses follow the schema."""

import base64
import csv
import json
from pathlib import Path

import av
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from jsonschema import Draft202012Validator
from PIL import Image, ImageChops

from fer_hub.hub.shipped import shipped_checkpoints
from fer_hub.results import KEYPOINTS
from fer_hub.web import service
from tests.app.driving import EMOTIONS

ROOT = Path(__file__).resolve().parents[2]
PORTRAIT = ROOT / "examples" / "astronaut.jpg"
SCHEMA = json.loads((ROOT / "fer_hub" / "web" / "schema.json").read_text(encoding="utf-8"))
NAMES = list(shipped_checkpoints())
MODEL = NAMES[0]


def check(answer, definition=None):
    """Check a response against schema.json, and conditions that a schema cannot express."""
    schema = SCHEMA if definition is None else {**SCHEMA["$defs"][definition]}
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(schema).validate(answer)
    assert answer["version"] == service.VERSION
    for face in answer["faces"] if definition is None else ():
        box = face["box"]
        assert 0 <= box["xmin"] < box["xmax"] <= answer["width"] and 0 <= box["ymin"] < box["ymax"] <= answer["height"]
        assert face["keypoints"] and set(face["keypoints"]) <= set(KEYPOINTS)
        assert list(face["probabilities"]) == answer["labels"]
        assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert face["emotion"] == max(face["probabilities"], key=face["probabilities"].get)


@pytest.fixture(scope="module")
def client(app_url):
    return Client(app_url, verbose=False)


# ---- what is promised


def test_endpoints_parameters_and_defaults_are_stable(client):
    """A change here breaks clients: raise `service.VERSION` and say so in the changelog."""
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    promised = {
        name: {
            row["parameter_name"]: row["parameter_default"] if row["parameter_has_default"] else "required"
            for row in facts["parameters"]
        }
        for name, facts in endpoints.items()
    }
    options = {
        "model": MODEL, "min_score": 0.8, "thorough": False, "prior": "training", "detection_model": "fused"
    }  # fmt: skip
    assert promised == {
        "/predict": {"image": "required", **options},
        "/annotate": {"image": "required", **options},
        "/classify": {"image": "required", **options},
        "/explain": {"image": "required", "model": MODEL, "min_score": 0.8, "thorough": False, "face": 1},
        "/predict_batch": {"images": "required", **options, "keep_going": False},
        "/predict_video": {"video": "required", "model": MODEL, "every": 1, "min_score": 0.8},
    }
    returned = {name: [row["component"] for row in facts["returns"]] for name, facts in endpoints.items()}
    assert returned == {
        "/predict": ["Json"],
        "/annotate": ["Image"],
        "/classify": ["Label"],
        "/explain": ["Json"],
        "/predict_batch": ["Json"],
        "/predict_video": ["Json", "Video", "File", "File", "Image"],
    }
    assert {name: [row["label"] for row in facts["returns"]] for name, facts in endpoints.items()} == {
        "/predict": ["faces"],
        "/annotate": ["annotated"],
        "/classify": ["emotion"],
        "/explain": ["heat"],
        "/predict_batch": ["results"],
        "/predict_video": ["summary", "annotated", "table", "rows", "timeline"],
    }


def test_every_endpoint_and_parameter_is_described(http):
    paths = http.client.get("gradio_api/info").json()["named_endpoints"]
    for facts in paths.values():
        assert facts["description"]
    document = http.client.get("gradio_api/openapi.json").json()
    assert document["openapi"].startswith("3.")


# ---- answers


def test_predict_gives_every_face_as_json(client):
    result = client.predict(handle_file(PORTRAIT), api_name="/predict")
    check(result)
    with Image.open(PORTRAIT) as image:
        assert (result["width"], result["height"]) == image.size
    [face] = result["faces"]
    assert face["box"]["xmin"] > 150 and face["box"]["xmax"] < 300 and face["box"]["ymax"] < 200  # where her face is
    assert tuple(result["labels"]) == EMOTIONS and result["model"] == MODEL
    assert face["emotion"] == "happy"


def test_classify_gives_the_largest_face_as_label(client):
    result = client.predict(handle_file(PORTRAIT), api_name="/classify")
    assert result["label"] == "happy"
    faces = client.predict(handle_file(PORTRAIT), api_name="/predict")["faces"]
    told = {row["label"]: row["confidence"] for row in result["confidences"]}
    assert told == pytest.approx(faces[0]["probabilities"], abs=1e-6)


def test_annotate_returns_the_photo_with_a_box(client):
    with Image.open(client.predict(handle_file(PORTRAIT), api_name="/annotate")) as got, Image.open(PORTRAIT) as sent:
        assert got.size == sent.size
        changed = ImageChops.difference(got.convert("RGB"), sent.convert("RGB"))
        assert max(high for _, high in changed.getextrema()) > 100


def test_predict_batch_keeps_the_order(client, tmp_path):
    wall = tmp_path / "wall.png"
    Image.new("RGB", (320, 240), (200, 180, 160)).save(wall)
    files = [handle_file(path) for path in (PORTRAIT, wall, PORTRAIT)]
    answers = client.predict(files, api_name="/predict_batch")
    for answer in answers:
        check(answer)
    assert [len(answer["faces"]) for answer in answers] == [1, 0, 1]
    assert answers[0] == answers[2] == client.predict(handle_file(PORTRAIT), api_name="/predict")
    assert client.predict([handle_file(PORTRAIT)], api_name="/predict_batch") == answers[:1]  # one is a list too


def test_predict_batch_names_the_bad_one(client, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(AppError, match=r"^image 1 of 2 \(counted from 0\): the file must be an image"):
        client.predict([handle_file(PORTRAIT), handle_file(bad)], api_name="/predict_batch")
    with pytest.raises(AppError, match=r"^the images are missing; upload photos first\.$"):
        client.predict([], api_name="/predict_batch")


def test_predict_batch_gives_each_photo_its_result_or_its_sentence(client, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    files = [handle_file(path) for path in (PORTRAIT, bad, PORTRAIT)]
    first, second, third = client.predict(files, keep_going=True, api_name="/predict_batch")
    check(first)
    assert first == third and list(second) == ["error"]
    assert second["error"].startswith("the file must be an image")


def test_predict_video_gives_a_summary_and_four_files(client, short_video):
    summary, video, rows, told, plot = client.predict(handle_file(short_video), every=2, api_name="/predict_video")
    check(summary, "video")
    assert (summary["frames"], summary["analysed"], summary["face_count"], summary["model"]) == (10, 5, 1, MODEL)
    with av.open(video["video"] if isinstance(video, dict) else video) as file:
        assert sum(1 for _ in file.decode(video=0)) == 10
    with open(rows, newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in table] == [0, 2, 4, 6, 8]
    assert [bool(row["face_id"]) for row in table] == [True, True, True, True, False]  # no face, and yet a row
    assert json.loads(Path(told).read_text(encoding="utf-8"))["video"]["width"] == 256
    with Image.open(plot) as image:
        assert image.width > 300


def test_a_photo_without_a_face_is_no_error(client, tmp_path):
    path = tmp_path / "wall.png"
    Image.new("RGB", (320, 240), (200, 180, 160)).save(path)
    answer = client.predict(handle_file(path), api_name="/predict")
    check(answer)
    assert (answer["width"], answer["height"], answer["faces"]) == (320, 240, [])
    assert client.predict(handle_file(path), api_name="/classify") == {}
    with Image.open(client.predict(handle_file(path), api_name="/annotate")) as got:
        assert got.size == (320, 240)


def test_explain_gives_a_heat_map_of_a_face(client):
    told = client.predict(handle_file(PORTRAIT), api_name="/explain")
    assert told["emotion"] == "happy" and 0.5 < told["probability"] <= 1
    heat = np.array(told["heat"])
    assert heat.shape == (48, 48) and heat.max() > 0
    assert client.predict(handle_file(PORTRAIT), face=2, api_name="/explain") is None  # there is one face


def test_min_score_leaves_faces_out(client):
    assert client.predict(handle_file(PORTRAIT), min_score=1, api_name="/predict")["faces"] == []
    assert len(client.predict(handle_file(PORTRAIT), min_score=0.3, api_name="/predict")["faces"]) >= 1


# ---- raw HTTP


def test_an_image_alone_is_enough(http):
    file = http.upload(PORTRAIT.read_bytes(), "a.jpg")
    event, [answer] = http.call("predict", file)
    assert event == "complete"
    check(answer)
    assert http.call("predict", file, MODEL, 0.5, False) == ("complete", [answer])
    assert http.call("predict", file, MODEL, 0.5) == ("complete", [answer])
    assert http.call("predict", file, MODEL) == ("complete", [answer])
    assert http.call("predict_batch", [file]) == ("complete", [[answer]])


def test_parameters_can_be_given_by_name(http):
    file = http.upload(PORTRAIT.read_bytes(), "a.jpg")
    joined = http.client.post("gradio_api/call/v2/predict", json={"image": file, "min_score": 1})
    told = http.client.get(f"gradio_api/call/v2/predict/{joined.json()['event_id']}").text
    assert told.startswith("event: complete") and json.loads(told.split("data: ", 1)[1])[0]["faces"] == []


def test_base64_images_are_accepted(http):
    data = base64.b64encode(PORTRAIT.read_bytes()).decode()
    for payload in (
        {"url": f"data:image/jpeg;base64,{data}", "path": None, "meta": {"_type": "gradio.FileData"}},
        {"url": f"data:image/jpeg;base64,{data}"},
    ):
        event, [answer] = http.call("predict", payload)
        assert (event, len(answer["faces"])) == ("complete", 1)


def test_the_synchronous_route_is_closed_because_it_passes_by_the_queue(http):
    answer = http.client.post("gradio_api/run/predict", json={"data": [http.upload(PORTRAIT.read_bytes(), "a.jpg")]})
    assert answer.status_code == 404 and "join the queue" in answer.json()["detail"]


# ---- what is refused


def test_no_image_gets_one_sentence(http):
    for endpoint in ("predict", "annotate", "classify"):
        for data in ([], [None], [{"path": None}]):
            assert http.refusal(endpoint, *data) == "the image is missing; upload a photo first."
    assert http.refusal("predict_video", None) == "the video is missing; upload a video first."


@pytest.mark.parametrize("value", ["sharp", "", "../fer2013", 7, ["fer2013"], {"a": 1}, True, None])
def test_an_unknown_model_is_refused(http, value):
    file = http.upload(PORTRAIT.read_bytes(), "a.jpg")
    sentence = f"model must be one of {', '.join(NAMES)}, got {value!r}; default {MODEL}."
    assert http.refusal("predict", file, value) == sentence


@pytest.mark.parametrize("value", [0.29, 1.01, -1, "half", None, True, [0.5], 1e308, 10**400])
def test_a_min_score_out_of_range_is_refused(http, value):
    file = http.upload(PORTRAIT.read_bytes(), "a.jpg")
    sentence = http.refusal("predict", file, MODEL, value)
    assert sentence.startswith("min_score must be a number from 0.3 to 1, got ") and sentence.endswith("; default 0.8.")


@pytest.mark.parametrize("value", [0, 31, 1.5, "2", None, True])
def test_every_must_be_a_whole_number(http, value, short_video):
    file = http.upload(short_video.read_bytes(), "a.mp4")
    sentence = f"every must be a whole number from 1 to 30, got {value!r}; default 1."
    assert http.refusal("predict_video", file, MODEL, value) == sentence


def _film(tmp_path, size, seconds, fps=1):
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((size[1], size[0], 3), np.uint8), format="rgb24")
        for _ in range(round(seconds * fps)):
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return path.read_bytes()


def test_videos_beyond_the_limits_are_refused_with_the_limit(http, tmp_path):
    long = http.upload(_film(tmp_path, (64, 64), 125), "long film.mp4")
    sentence = "the video must last at most 120 s, but lasts 125.0 s; shorten it first."
    assert http.refusal("predict_video", long) == sentence
    large = http.upload(_film(tmp_path, (2560, 1440), 2), "large.mp4")
    sentence = "the video must have frames of at most 2,073,600 pixels, got 2560x1440; make it smaller."
    assert http.refusal("predict_video", large) == sentence


@pytest.mark.parametrize(
    ("name", "data"),
    [("empty.mp4", b""), ("letter.mp4", b"dear sir"), ("photo.mp4", PORTRAIT.read_bytes()),
     ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"), ("join.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n")],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_files_that_are_no_video_get_one_sentence(http, name, data):
    sentence = http.refusal("predict_video", http.upload(data, name))
    assert sentence.startswith("the video must ") and "\n" not in sentence and "/" not in sentence


def test_a_truncated_video_is_analysed(http, short_video):
    event, told = http.call("predict_video", http.upload(short_video.read_bytes()[:900], "cut.mp4"))
    assert event == "error" and told["error"].startswith("the video must ")
