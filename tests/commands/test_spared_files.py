"""Nothing that a command reads is replaced by what it writes."""

import shutil
from pathlib import Path

import pytest

from fer_hub.commands import main

PHOTO = Path(__file__).resolve().parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with photographs and data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    shutil.copy(PHOTO, tmp_path / "photos" / "a.jpg")
    shutil.copy(PHOTO, tmp_path / "a.jpg")
    for name in ("faces.parquet", "faces.csv", "copies.json"):
        (tmp_path / name).write_text("not looked at")
    return tmp_path


def content(folder):
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("predict a.jpg --output ./a.jpg --format csv", "--output must not be a photograph, got ./a.jpg, which would"),
        ("predict photos --errors photos/a.jpg", "--errors must not be a photograph, got photos/a.jpg, which would"),
        ("predict faces.parquet --output faces.parquet", "--output must not be a photograph, got faces.parquet"),
        ("predict photos --annotate .", "--annotate must be another folder than that of the photographs, got ., where"),
        ("duplicates --data faces.csv --sheet faces.csv", "--sheet must not be the data, got faces.csv, which would"),
        ("duplicates --data faces.csv --output faces.csv", "--output must not be the data, got faces.csv"),
        ("contact-sheet --data faces.csv --output faces.csv", "--output must not be the data, got faces.csv"),
        (
            "clean-accuracy ./x --data faces.csv --duplicates copies.json --output copies.json",
            "--output must not be a file that is read, got copies.json, which would be lost; name a new file.",
        ),
    ],
)
def test_what_is_read_is_not_replaced(words, said, here, capsys):
    before = content(here)
    assert main(words.split()) == 2
    assert said in capsys.readouterr().err and content(here) == before


def test_two_photographs_are_not_copied_to_one_place(here, monkeypatch, capsys):
    monkeypatch.chdir(here / "photos")
    assert main(["predict", "a.jpg", "../a.jpg", "--annotate", "out"]) == 2
    said = "but a.jpg and ../a.jpg would both be out/a.jpg; call the command once for each."
    assert said in capsys.readouterr().err and not (here / "photos" / "out").exists()


@pytest.mark.parametrize("name", ["faces.xlsx", "faces.JSON", "faces.csv.gz", "new.jpg"])
def test_an_ending_that_promises_another_format_is_refused(name, here, capsys):
    assert main(["predict", "a.jpg", "--output", name]) == 2
    said = f"--output must end in .csv, .jsonl, .ndjson, .parquet or .txt, got {name}, whose ending promises another"
    assert said in capsys.readouterr().err and not (here / name).exists()


def test_a_copy_elsewhere_and_an_earlier_file_are_written(here, tiny_checkpoint):
    (here / "rows.csv").write_text("of an earlier run")
    words = f"predict photos --output rows.csv --annotate out --quiet --checkpoint {tiny_checkpoint}"
    assert main(words.split()) == 0
    assert (here / "rows.csv").read_text().startswith("path,") and (here / "out" / "photos" / "a.jpg").is_file()


@pytest.mark.parametrize("words", ["export ./network --output a.jpg", "predict photos --output a.jpg/rows.csv"])
def test_an_output_below_a_file_is_one_sentence(words, here, tiny_checkpoint, capsys):
    shutil.copytree(tiny_checkpoint, here / "network")
    before = content(here)
    assert main(words.split()) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: a.jpg") and said.endswith(
        " must be a folder or lie in one, but a file has that name; name another place."
    )
    assert content(here) == before
