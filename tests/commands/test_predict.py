"""`fer-hub predict`: what is found, what the rows say, what cannot be read."""

import csv
import io
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image

import fer_hub
from fer_hub import EMOTIONS, FERPipeline
from fer_hub.commands import main
from fer_hub.commands.face_rows import COLUMNS, CsvFaces, JsonFaces
from fer_hub.commands.photograph_files import ENDINGS, each_photograph, find_photographs
from fer_hub.commands.predict import MOST_ERRORS, tell
from fer_hub.commands.prediction_rows import opened
from fer_hub.images import load_image
from fer_hub.inference.identity import Identity
from fer_hub.inference.onnx_classifier import checkpoint_sha256
from fer_hub.results import FacePrediction

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NETWORK = Identity("a, b", "1+2")


@pytest.fixture
def photos(tmp_path):
    """A folder with a face, a picture without one, a broken file, a note, and a hidden picture."""
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    shutil.copy(EXAMPLES / "astronaut.jpg", folder / "below" / "face.jpg")
    Image.new("RGB", (64, 48), "grey").save(folder / "empty.png")
    (folder / "broken.JPG").write_bytes(b"no picture")
    (folder / "note.txt").write_text("not looked at")
    shutil.copy(EXAMPLES / "astronaut.jpg", folder / ".hidden.jpg")
    return folder


@pytest.fixture
def many(tmp_path):
    """160 small photographs: one of a group, one that cannot be read."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(160):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(folder / f"{number:03}.png")
    (folder / "012.png").write_bytes(b"broken")
    shutil.copy(EXAMPLES / "a_group.jpg", folder / "077.jpg")
    return folder


def test_csv_has_a_row_for_each_face_and_one_for_none(photos, tiny_checkpoint, capsys):
    words = ["predict", str(photos), "--checkpoint", str(tiny_checkpoint), "--quiet"]
    assert main(words) == 1
    said = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert list(rows[0]) == [*COLUMNS, *EMOTIONS]
    assert [Path(row["path"]).name for row in rows] == ["empty.png", "face.jpg"]
    empty, face = rows
    assert (empty["width"], empty["height"]) == ("64", "48")
    named = ("path", "width", "height", "model", "version")
    assert {value for name, value in empty.items() if name not in named} == {""}
    weights = checkpoint_sha256(tiny_checkpoint / "model.safetensors")
    for row in rows:
        assert (row["model"], row["version"]) == (str(tiny_checkpoint), f"{fer_hub.__version__}+{weights[:12]}")
    with FERPipeline.from_pretrained(tiny_checkpoint) as pipeline:
        [expected] = pipeline(photos / "below" / "face.jpg")
    assert (face["width"], face["height"], face["face"]) == ("512", "512", "0")
    assert tuple(int(face[name]) for name in ("xmin", "ymin", "xmax", "ymax")) == expected.box
    assert float(face["detection_score"]) == pytest.approx(expected.detection_score, abs=1e-6)
    assert face["emotion"] == expected.emotion
    for emotion in EMOTIONS:
        assert float(face[emotion]) == pytest.approx(expected.probabilities[emotion], abs=1e-6)
    broken = photos / "broken.JPG"
    assert said.err.splitlines()[-3:] == [
        "2 photographs, 1 without a face; 1 face; 1 other file in folders left out",
        "1 could not be read:",
        f"  {broken}: the file {broken} must be an image of a known format (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, "
        "...), but is not or is damaged; convert it to JPEG or PNG.",
    ]


def test_json_lines_say_the_same_and_the_file_is_whole(photos, tiny_checkpoint, tmp_path, capsys):
    (photos / "broken.JPG").unlink()
    words = ["predict", str(photos), "--checkpoint", str(tiny_checkpoint), "--quiet"]
    assert main([*words, "--output", str(tmp_path / "out" / "faces.jsonl")]) == 0
    assert capsys.readouterr().out == ""
    empty, face = map(json.loads, (tmp_path / "out" / "faces.jsonl").read_text().splitlines())
    assert main(words) == 0
    row = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))[1]
    network = {name: row[name] for name in ("model", "version")}
    assert empty == {"path": str(photos / "empty.png"), "width": 64, "height": 48} | network | dict.fromkeys(
        ("face", "detection_score", "quality", "angle", "box", "keypoints", "emotion", "probabilities")
    )
    assert {name: face[name] for name in network} == network
    assert list(face) == list(empty) and len(face["keypoints"]) >= 4
    assert (str(face["quality"]), str(face["angle"])) == (row["quality"], row["angle"])
    assert {name: str(value) for name, value in face["box"].items()} == {name: row[name] for name in face["box"]}
    assert {name: str(value) for name, value in face["probabilities"].items()} == {name: row[name] for name in EMOTIONS}


@pytest.mark.parametrize(("name", "begins"), [("a.csv", "path,"), ("a.txt", "path,"), ("a.ndjson", "{")])
def test_the_ending_tells_the_format(name, begins, tiny_checkpoint, tmp_path):
    photo = str(EXAMPLES / "astronaut.jpg")
    words = ["predict", photo, "--checkpoint", str(tiny_checkpoint), "--quiet", "--output", str(tmp_path / name)]
    assert main(words) == 0
    assert (tmp_path / name).read_text().startswith(begins)
    assert main([*words, "--format", "jsonl"]) == 0
    assert (tmp_path / name).read_text().startswith("{")


def test_nothing_is_written_where_the_network_does_not_load(tmp_path, capsys):
    output = tmp_path / "faces.csv"
    assert main(["predict", str(EXAMPLES), "--checkpoint", "./nowhere", "--output", str(output)]) == 1
    assert "./nowhere" in capsys.readouterr().err and not output.exists()
    assert main(["predict", str(EXAMPLES), "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith(f"--output must be a file, got {tmp_path}, which is a folder; name a file "
                                            "in it.\n")  # fmt: skip


def test_files_folders_patterns_and_addresses(photos):
    face, empty, broken = (str(photos / name) for name in ("below/face.jpg", "empty.png", "broken.JPG"))
    assert find_photographs([str(photos)]).photographs == [broken, empty, face]
    found = find_photographs([empty, str(photos / "**" / "*.jpg"), str(photos), "https://example.org/a"])
    assert found.photographs == [empty, face, broken, "https://example.org/a"] and found.problems == []
    assert (find_photographs([str(photos)]).others, found.others) == (1, 1)
    assert find_photographs([str(photos / "note.txt")]).photographs == [str(photos / "note.txt")]  # asked for by name
    nothing = find_photographs([str(photos / "*.gif"), str(photos / "gone.jpg")])
    assert nothing.problems == [
        f"{photos / '*.gif'}: must hold photographs, holds none",
        f"{photos / 'gone.jpg'}: must be a file, a folder or a pattern, there is none of this name",
    ]


def test_endings_are_of_formats_that_are_read():
    from fer_hub.heic import register_heic
    from fer_hub.images import FORMATS

    Image.init()
    register_heic()
    known = {ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS}
    assert set(ENDINGS) <= known | {".heic", ".heif"}


def test_odd_names_can_be_written_and_read_again():
    face = FacePrediction((1, 2, 3, 4), 0.5, 'no, or "yes"', {'no, or "yes"': 1.0})
    path = os.fsdecode(b'a,"b\n\xff.jpg')
    for kind, labels in ((CsvFaces, [list(face.probabilities)]), (JsonFaces, [])):
        file = io.StringIO()
        kind(file, *labels, NETWORK).write(path, (5, 6), [face])
        text = file.getvalue().encode().decode()  # UTF-8 can hold it
        row = json.loads(text) if kind is JsonFaces else next(csv.DictReader(io.StringIO(text)))
        assert (row["path"], row["emotion"]) == ('a,"b\n\\udcff.jpg', face.emotion)


def test_ctrl_c_leaves_no_unfinished_file(tiny_checkpoint, tmp_path):
    shutil.copy(EXAMPLES / "astronaut.jpg", tmp_path / "1.jpg")
    os.mkfifo(tmp_path / "2.jpg")  # whoever reads it waits
    (tmp_path / "faces.csv").write_text("of an earlier run")
    words = [str(tmp_path), "--checkpoint", str(tiny_checkpoint), "--output", str(tmp_path / "faces.csv"), "--quiet"]
    command = [sys.executable, "-m", "fer_hub", "predict", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # it would be ignored where the tests run in the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    with open(tmp_path / "2.jpg", "wb"):  # once it is read, after the first photograph
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted; no unfinished file is left." and "Traceback" not in said
    assert (tmp_path / "faces.csv").read_text() == "of an earlier run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.jpg", "2.jpg", "faces.csv"]


def written(file: Path, kind: str, names: list[str], settings: dict, *, until: int | None = None) -> None:
    """A run over photographs of these names, one of them broken, ended by an error before number `until`."""
    faces = [FacePrediction((1, 2, 3, 4), 0.5, "a", {"a": 0.75, "ü": 0.25})] * 2
    with opened(str(file), kind, ["a", "ü"], NETWORK, settings=settings) as rows:
        for number, name in enumerate(names):
            if number == until:
                raise InterruptedError
            if name in rows.done:
                continue
            if name == "broken":
                rows.failed(name, ValueError("no image"))
            else:
                rows.write(name, (5, 6), faces[: number % 3])


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_run_is_resumed_wherever_its_files_are_cut_off(kind, tmp_path):
    names, whole = ["1", "ä", "broken", "4", "5"], tmp_path / f"whole.{kind}"
    written(whole, kind, names, {"x": 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == [whole.name]
    with pytest.raises(InterruptedError):
        written(tmp_path / "cut", kind, names, {"x": 1}, until=4)
    rows, journal = ((tmp_path / f"cut.{ending}").read_bytes() for ending in ("partial", "journal"))
    for length in range(0, len(journal) + 1, 3):
        (tmp_path / "cut.journal").write_bytes(journal[:length])
        (tmp_path / "cut.partial").write_bytes(rows + b"half a ro" if length % 2 else rows)
        written(tmp_path / "cut", kind, names, {"x": 1})
        assert (tmp_path / "cut").read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", whole.name]


def test_a_run_with_other_options_is_not_resumed(tmp_path):
    with pytest.raises(InterruptedError):
        written(tmp_path / "a.csv", "csv", ["1", "2"], {"x": 1}, until=1)
    with pytest.raises(ValueError) as caught:
        written(tmp_path / "a.csv", "csv", ["1", "2"], {"x": 2})
    assert str(caught.value) == (
        f"{tmp_path / 'a.csv.journal'} must be of a run with the same options to be resumed, got others; give those, "
        f"or delete it and {tmp_path / 'a.csv.partial'} to begin anew."
    )


def test_a_run_killed_ten_times_has_every_photograph_once(many, tmp_path, capsys):
    folder, output, journal = many, tmp_path / "faces.jsonl", tmp_path / "faces.jsonl.journal"
    words = ["predict", str(folder), "--quiet", "--workers", "1", "--resume", "--output", str(output)]
    # processes of a server that has imported everything, so that each begins at once
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fer_hub.commands.line", "fer_hub.pipeline", "onnxruntime", "pytest", "tqdm.auto"])
    for least in sorted(random.Random(0).sample(range(2, 155), 10)):
        process = context.Process(target=main, args=(words,))
        process.start()
        while not (journal.exists() and journal.read_bytes().count(b"\n") >= least):
            process.join(0.01)
            assert process.exitcode is None
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL and not output.exists()
    earlier = journal.read_bytes().count(b"\n") - 1
    assert main(words) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith(f"; {earlier} photographs done before") and earlier >= 100
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    once = [row["path"] for row in rows if not row["face"]]  # the first face, or none
    assert once == sorted(str(path) for path in folder.iterdir() if path.name != "012.png")
    with FERPipeline.from_pretrained() as pipeline:
        faces = len(pipeline(folder / "077.jpg"))
    assert faces > 1 and [row["face"] for row in rows if row["path"].endswith("077.jpg")] == list(range(faces))
    assert (tmp_path / "faces.jsonl.errors.txt").read_text() == f"{said[-1].strip()}\n"
    assert said[-1].startswith(f"  {folder / '012.png'}: the file ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces.jsonl", "faces.jsonl.errors.txt", "many"]


def test_a_long_list_of_errors_is_whole_in_its_file(tmp_path, capsys):
    file, failed = tmp_path / "errors.txt", [f"{number}: bad" for number in range(MOST_ERRORS + 1200)]
    with pytest.raises(typer.Exit):
        tell(failed, file)
    assert file.read_text().splitlines() == failed
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "1,300 could not be read:" and said[-2:] == ["  99: bad", f"  and 1,200 more, all in {file}"]
    tell([], file)  # a later run that could read everything
    assert not file.exists() and capsys.readouterr().err == ""


def test_rows_of_a_parquet_file_names_on_stdin_and_drawn_copies(tiny_checkpoint, tmp_path, monkeypatch):
    import pyarrow as pa
    import pyarrow.parquet as pq

    astronaut = EXAMPLES / "astronaut.jpg"
    rows = [{"image": {"bytes": astronaut.read_bytes(), "path": "a"}, "label": 1}] * 2
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "set.parquet")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{astronaut}\n\n{tmp_path / 'set.parquet'}\n"))
    words = ["predict", "-", "--checkpoint", str(tiny_checkpoint), "--quiet", "--annotate", str(tmp_path / "drawn")]
    assert main([*words, "--output", str(tmp_path / "faces.parquet")]) == 0
    table = pq.read_table(tmp_path / "faces.parquet")
    assert table.column_names == [*COLUMNS, *EMOTIONS]
    found = table.to_pylist()
    assert [row["path"] for row in found] == [str(astronaut), *(f"{tmp_path / 'set.parquet'}#{n}" for n in (0, 1))]
    assert found[0] | {"path": ""} == found[1] | {"path": ""} and found[0]["xmax"] > found[0]["xmin"]
    drawn = sorted(path.name for path in (tmp_path / "drawn").rglob("*.*") if path.is_file())
    assert drawn == ["astronaut.jpg", "set.parquet#0.jpg", "set.parquet#1.jpg"]
    assert main(["predict", str(astronaut), "--resume"]) == 2
    assert main(["predict", str(astronaut), "--format", "parquet"]) == 2


def test_a_data_set_is_streamed_by_its_name(tmp_path):
    import datasets

    data = datasets.Dataset.from_dict({"image": [str(EXAMPLES / "astronaut.jpg")], "label": [3]})
    (tmp_path / "name").mkdir()
    data.cast_column("image", datasets.Image()).to_parquet(tmp_path / "name" / "test.parquet")
    word = f"hf://datasets/{tmp_path / 'name'}@test"
    assert find_photographs([word]).photographs == [word]
    [(name, row)] = each_photograph([word])
    assert name == f"{word}#0" and load_image(row).size == (512, 512)


def test_two_threads_give_what_one_gives(many, tmp_path, capsys):
    said = []
    for workers in ("1", "2"):
        words = ["predict", str(many), "--quiet", "--workers", workers, "--output", str(tmp_path / f"{workers}.csv")]
        assert main(words) == 1
        said.append(capsys.readouterr().err)
    assert said[0] == said[1] and "012.png" in said[0]
    assert (tmp_path / "1.csv").read_text() == (tmp_path / "2.csv").read_text()
