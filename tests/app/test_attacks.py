"""Attacks over HTTP on a page with one input and no network: what they leave behind, and what the log says."""

import io
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import gradio as gr
import httpx
import pytest
from PIL import Image

from fer_hub.web import gate, guard
from fer_hub.web.disk import FULL
from fer_hub.web.gate import MAX_JSON_BYTES
from fer_hub.web.guard import Page
from fer_hub.web.logged import MOST_LINES, Limited
from fer_hub.web.own_folder import PREFIX, own_folder, sweep
from fer_hub.web.page import launch_options
from fer_hub.web.uploads import Photo, photograph
from tests.app.conftest import Http
from tests.test_image_bounds import many_scans

UPLOAD = "/gradio_api/upload"


def size(path):
    if path is None:
        return "none"
    image = photograph(path.read_bytes())
    return f"{image.width}x{image.height}"


def to_a_full_disk():
    with open("/dev/full", "wb", buffering=0) as file:
        file.write(b"a result")


def fails():
    raise ZeroDivisionError


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """(raw HTTP, folder of its uploads) of a page in this process."""
    base = tmp_path_factory.mktemp("attacked")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRADIO_TEMP_DIR", str(base))
        with own_folder() as folder:
            with Page() as page:
                photo, text = Photo(visible=False), gr.Textbox(visible=False)
                gr.Button(visible=False).click(size, photo, text, api_name="size")
                gr.Button(visible=False).click(to_a_full_disk, None, text, api_name="full")
                gr.Button(visible=False).click(fails, None, text, api_name="fails")
            page.queue(max_size=64, api_open=False)
            page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options())
            http = Http(page.local_url)
            yield http, folder
            http.client.close()
            page.close(verbose=False)
        assert list(base.iterdir()) == []  # nothing is left after the end


@pytest.fixture(autouse=True)
def fresh_logs(monkeypatch):
    for module in (gate, guard):
        monkeypatch.setattr(module, "_LOGGED", Limited(logging.getLogger(module.__name__)))


def lines(caplog):
    return [record.getMessage() for record in caplog.records if record.name.startswith("fer_hub.web")]


def pieces(folder: Path) -> list[Path]:
    return [path for path in (folder / "uploads").glob("*") if path.is_file()]


def emptied(http: Http, folder: Path) -> bool:
    """Whether no piece is left; the answer to an upload may arrive a moment before its pieces are removed."""
    for _ in range(2000):
        if not pieces(folder):
            return True
        http.client.get("healthz")
    return False


def break_off(url: httpx.URL, told: int, sent: int) -> None:
    """Begin an upload of `told` bytes and close the connection after `sent`."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    with socket.create_connection((url.host, url.port)) as connection:
        connection.sendall(
            f"POST {UPLOAD} HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            f"Content-Length: {told}\r\n\r\n".encode()
            + head
            + b"a" * sent
        )


def test_an_upload_that_is_broken_off_leaves_no_file_and_one_line(attacked, caplog):
    http, folder = attacked
    break_off(http.client.base_url, 5_000_000, 3_000_000)
    for _ in range(2000):  # until the server has noticed
        http.client.get("healthz")
        if any(line.startswith("broken off") for line in lines(caplog)):
            break
    assert [line.partition(", id ")[0] for line in lines(caplog)] == [f"broken off: POST '{UPLOAD}'"]
    assert emptied(http, folder) and not [record for record in caplog.records if record.exc_info]


def test_many_of_them_do_not_fill_the_log(attacked, caplog):
    http, folder = attacked
    for _ in range(MOST_LINES + 20):
        break_off(http.client.base_url, 50_000, 20_000)
    for _ in range(4000):
        http.client.get("healthz")
        if len(lines(caplog)) == MOST_LINES + 1 and not pieces(folder):
            break
    assert len(lines(caplog)) == MOST_LINES + 1 and pieces(folder) == []


@pytest.mark.parametrize("name", ["other", "files[]"])
def test_files_under_a_name_that_nobody_reads_leave_nothing(attacked, name):
    http, folder = attacked
    http.client.post(UPLOAD, files={name: ("a.jpg", b"a" * 100_000)})
    assert emptied(http, folder), pieces(folder)


def test_an_upload_without_an_end_leaves_nothing(attacked):
    http, folder = attacked
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + b"a" * 100_000
    http.client.post(UPLOAD, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert emptied(http, folder), pieces(folder)


def test_a_complete_upload_is_kept(attacked):
    http, folder = attacked
    stream = io.BytesIO()
    Image.new("RGB", (40, 30)).save(stream, "PNG")
    file = http.upload(stream.getvalue(), "a.png")
    assert Path(file["path"]).is_relative_to(folder) and pieces(folder) == []
    assert http.call("size", file) == ("complete", ["40x30"])


def test_a_jpeg_of_thousands_of_scans_is_refused_and_others_are_answered(attacked):
    http, _ = attacked
    sentence = http.refusal("size", http.upload(many_scans(5000), "a.jpg"))
    assert sentence.startswith("the file must have at most 50 scans, but has more") and "\n" not in sentence
    assert http.call("size", None) == ("complete", ["none"])


def test_an_icon_is_refused(attacked):
    http, _ = attacked
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "ICO")
    assert http.refusal("size", http.upload(stream.getvalue(), "a.ico")).startswith(
        "the file must be an image of a known"
    )


def test_the_disk_is_full_for_a_result(attacked, caplog):
    http, _ = attacked
    assert http.refusal("full") == FULL
    [line] = lines(caplog)
    assert line.startswith("no room on the disk: /full, id ") and line.endswith("No space left on device")


def test_the_disk_is_full_for_an_upload(attacked, caplog, monkeypatch):
    http, folder = attacked
    monkeypatch.setattr("gradio.route_utils.GradioUploadFile.write", lambda *_: to_a_full_disk())
    answer = http.client.post(UPLOAD, files={"files": ("a.jpg", b"a")})
    assert (answer.status_code, answer.json()) == (507, {"detail": FULL})
    assert lines(caplog)[0].startswith(f"no room on the disk: POST '{UPLOAD}', id ") and pieces(folder) == []


def test_how_much_must_be_free_is_a_variable(attacked, caplog, monkeypatch):
    http, _ = attacked
    monkeypatch.setenv("FER_HUB_MIN_FREE_MB", "999999999")
    answer = http.client.post(UPLOAD, files={"files": ("a.jpg", b"a")})
    assert answer.status_code == 507 and lines(caplog)[0].startswith(f"refused with 507: POST '{UPLOAD}', id ")
    monkeypatch.setenv("FER_HUB_MIN_FREE_MB", "0")
    assert http.client.post(UPLOAD, files={"files": ("a.jpg", b"a")}).status_code == 200


def test_a_failure_is_logged_with_endpoint_and_id_and_its_answer_names_it(attacked, caplog):
    http, _ = attacked
    joined = http.client.post("gradio_api/call/fails", json={"data": []}).json()["event_id"]
    answer = http.client.get(f"gradio_api/call/fails/{joined}").text
    assert f"the error is in its log under {joined}" in answer
    assert lines(caplog) == [f"failed: /fails, id {joined}"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]


def test_answers_carry_the_id_of_the_log(attacked, caplog):
    http, _ = attacked
    answer = http.client.post(
        "gradio_api/call/size", headers={"X-Request-ID": "from-the-proxy"}, content=bytes(MAX_JSON_BYTES + 1)
    )
    assert (answer.status_code, answer.headers["x-request-id"]) == (413, "from-the-proxy")
    assert ", id from-the-proxy: a request must be at most" in lines(caplog)[0]
    ids = {
        http.client.get("healthz", headers={"X-Request-ID": odd}).headers["x-request-id"] for odd in ("", "a b", "<x>")
    }
    assert len(ids) == 3 and all(number.isalnum() and len(number) == 12 for number in ids)


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_kept(tmp_path, caplog):
    code = """
import sys
from fer_hub.web.own_folder import own_folder
with own_folder() as folder:
    (folder / "uploads" / "visitor.jpg").write_bytes(b"a")
    print(folder, flush=True)
    sys.stdin.read()
"""
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)}
    commands = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True) for _ in range(2)]  # fmt: skip
    dead, alive = (Path(command.stdout.readline().strip()) for command in commands)
    assert dead.name.startswith(PREFIX) and dead.stat().st_mode & 0o777 == 0o700
    assert sweep(tmp_path) == 0
    commands[0].kill()
    commands[0].wait()
    assert sweep(tmp_path) == 1 and not dead.exists() and (alive / "uploads" / "visitor.jpg").is_file()
    assert "removed what 1 ended process left in" in lines(caplog)[0]
    commands[1].communicate("")  # ends as usual
    assert list(tmp_path.iterdir()) == []
