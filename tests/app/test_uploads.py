"""The check of a path that a client sent, without a server: folder, links, size to the byte."""

import base64

import gradio as gr
import pytest
from PIL import Image

from fer_hub.web.uploads import decode_base64, photograph, uploaded

NOT_UPLOADED = "got another path"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The upload folder, beside a file that is not in it."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads" / "inner").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "uploads"


def refusal(function, *arguments):
    with pytest.raises(gr.Error) as caught:
        function(*arguments)
    return caught.value.message


def test_a_file_in_the_folder_is_taken_up_to_the_limit(folder):
    (folder / "inner" / "a.jpg").write_bytes(b"x" * 2_000_000)
    assert uploaded(str(folder / "inner" / "a.jpg"), 2_000_000) == folder / "inner" / "a.jpg"
    assert "at most 1 MB" in refusal(uploaded, str(folder / "inner" / "a.jpg"), 1_999_999)


def test_nothing_else_is_taken(folder):
    (folder / "link").symlink_to(folder.parent / "secret.txt")
    (folder.parent / "uploads2").mkdir()
    (folder.parent / "uploads2" / "a.txt").write_text("x")
    outside = folder.parent / "secret.txt"
    for path in (str(outside), "secret.txt", f"{folder}/../secret.txt", f"{folder}/link", f"{folder}/none", f"{folder}",
                 f"{folder}/inner", f"{folder}2/a.txt", "", None, "\0", "x" * 9000):  # fmt: skip
        assert NOT_UPLOADED in refusal(uploaded, path, 100), path


def test_base64_is_measured_before_it_is_decoded():
    data = b"x" * 3_000_000
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    assert decode_base64(url, len(data)) == data
    assert "at most 2 MB" in refusal(decode_base64, url, len(data) - 1)
    assert "must contain base64" in refusal(decode_base64, "data:image/png;base64,%%%", 100)


def test_pixels_are_counted_before_they_are_decoded(tmp_path):
    Image.new("L", (40, 30)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    assert photograph(data, 1200).size == (40, 30)
    told = refusal(photograph, data, 1199)
    assert "1,199 pixels, got 40x30" in told and told.startswith("the file ") and "max_pixels" not in told
