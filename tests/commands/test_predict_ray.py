"""`fer-hub predict --ray` and the actor for Ray Data, on a cluster of two workers, one of which is killed."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fer_hub import FERPipeline
from fer_hub.commands import main
from fer_hub.commands.photograph_files import Piece, each_photograph, find_photographs, pieces, rows_of_piece
from fer_hub.images import load_image

ROOT = Path(__file__).resolve().parents[2]
ASTRONAUT = ROOT / "examples" / "astronaut.jpg"
PAGE = (ROOT / "docs" / "many_photographs.md").read_text(encoding="utf-8")


def parquet(path: Path, rows: int) -> Path:
    """A data set with two photographs in each row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([{"image": {"bytes": ASTRONAUT.read_bytes(), "path": "a"}, "label": 1}] * rows)
    pq.write_table(table, path, row_group_size=2)
    return path


def test_a_parquet_file_is_divided_and_what_is_done_is_left_out(tmp_path):
    file = str(parquet(tmp_path / "set.parquet", 5))
    names = [name for name, _ in each_photograph([file])]
    found = list(pieces(["a.jpg", file, "b.jpg"]))
    assert found == [Piece("a.jpg"), *(Piece(file, group, 2 * group, []) for group in range(3)), Piece("b.jpg")]
    assert [name for piece in found if piece.is_part for name, _ in rows_of_piece(piece)] == names
    left = list(pieces(["a.jpg", file], {"a.jpg", names[0], names[1], names[3]}))
    assert [name for piece in left for name, _ in rows_of_piece(piece)] == [names[2], names[4]]
    assert list(pieces([file], set(names))) == []


def test_photographs_and_data_sets_in_a_bucket(tmp_path):
    (tmp_path / "a b" / ".hidden").mkdir(parents=True)
    for name in ("a b/1.jpg", ".hidden/2.jpg", "a b/.3.jpg"):
        shutil.copy(ASTRONAUT, tmp_path / name if name[0] != "." else tmp_path / "a b" / name)
    (tmp_path / "note.txt").write_text("not looked at")
    bucket = f"file://{tmp_path}"
    found = find_photographs([bucket, f"{bucket}/gone.jpg", f"{bucket}/note.txt"])
    assert (found.photographs, found.others) == ([f"{bucket}/a b/1.jpg", f"{bucket}/note.txt"], 1)
    assert found.problems == [f"{bucket}/gone.jpg: must be a file or folder in a bucket, there is none of this name"]
    [(name, source)] = each_photograph(found.photographs[:1])
    assert name == found.photographs[0] and load_image(source).size == (512, 512)
    with pytest.raises(FileNotFoundError, match=r"^file:///no/where\.jpg: there is no such file; check the address\.$"):
        load_image(next(each_photograph(["file:///no/where.jpg"]))[1])
    parquet(tmp_path / "set.parquet", 1)
    assert [name for name, _ in each_photograph([f"{bucket}/set.parquet"])] == [f"{bucket}/set.parquet#0"]


def test_what_does_not_go_with_a_cluster_is_refused(tmp_path, capsys):
    words = ["predict", str(ASTRONAUT), "--ray", "--annotate", str(tmp_path)]
    assert main(words) == 2 and "--annotate must be left out with --ray" in capsys.readouterr().err
    assert main(["predict", "hf://datasets/owner/name", "--ray", "--quiet"]) == 1
    assert capsys.readouterr().err.startswith(
        "error: photographs for --ray must be files, addresses or Parquet files, "
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    assert main(["predict", str(ASTRONAUT), "--ray", address, "--quiet"]) == 1  # nobody listens there any more
    said = capsys.readouterr().err
    assert said.startswith(f"error: --ray must name a running cluster, got {address}, which does not answer (")


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster of two workers on this computer."""
    ray = pytest.importorskip("ray", reason='needs Ray: pip install ".[ray]"')
    memory = 100_000_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # where the workers find fer_hub
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=memory)
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder with small pictures, a face and a broken file."""
    folder = tmp_path_factory.mktemp("ray") / "photos"
    folder.mkdir()
    for number in range(30):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(folder / f"{number:02}.png")
    (folder / "12.png").write_bytes(b"broken")
    shutil.copy(ASTRONAUT, folder / "20.jpg")
    return folder


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the worker by its open files, in /proc")
def test_every_photograph_is_there_once_though_a_worker_is_killed(cluster, photos, tmp_path):
    import psutil
    import pyarrow.parquet as pq

    late = tmp_path / "more" / "late.jpg"
    late.parent.mkdir()
    os.mkfifo(late)  # whoever reads it waits
    file = str(parquet(tmp_path / "set.parquet", 3))
    output = tmp_path / "faces.parquet"
    words = ["photos", str(late.parent), file, "--resume", "--quiet", "--ray", cluster]
    process = subprocess.Popen(
        [sys.executable, "-m", "fer_hub", "predict", *words, "--workers", "2", "--output", str(output)],
        cwd=photos.parent, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with open(late, "wb"):  # once a worker reads it
        [reading] = [each for each in psutil.Process().children(recursive=True) if holds(each.pid, late)]
        reading.send_signal(signal.SIGKILL)
        reading.wait()
    with open(late, "wb") as pipe:  # once the next does
        pipe.write(ASTRONAUT.read_bytes())
    said = process.communicate()[1]
    assert process.returncode == 1, said
    assert "1 could not be read:" in said and said.splitlines()[-1].startswith("  photos/12.png: the file ")
    rows = pq.read_table(output).to_pylist()
    good = [f"photos/{path.name}" for path in sorted(photos.iterdir()) if path.name != "12.png"]
    assert [row["path"] for row in rows] == [*good, str(late), *(f"{file}#{n}" for n in range(3))]
    with FERPipeline.from_pretrained() as pipeline:
        [expected] = pipeline(ASTRONAUT)
    faces = [row for row in rows if row["face"] == 0]
    assert len(faces) == 5 and {(row["xmin"], row["emotion"]) for row in faces} == {(expected.box[0], expected.emotion)}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "faces.parquet", "faces.parquet.errors.txt", "more", "set.parquet"
    ]  # fmt: skip


def holds(process: int, file: Path) -> bool:
    """Whether a process has a file open."""
    try:
        return any(Path(f"/proc/{process}/fd", each).readlink() == file for each in os.listdir(f"/proc/{process}/fd"))
    except OSError:  # it has ended
        return False


@pytest.mark.slow
def test_the_page_s_program_writes_one_row_for_each_photograph(cluster, photos, tmp_path):
    import pyarrow.parquet as pq

    [code] = [each for each in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "import ray" in each]
    os.symlink(photos, tmp_path / "photos")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(RAY_ADDRESS=cluster), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(tmp_path / "faces").to_pylist()
    assert sorted(Path(row["path"]).name for row in rows) == sorted(path.name for path in photos.iterdir())
    by_name = {Path(row["path"]).name: row for row in rows}
    broken, empty, face = (by_name[name] for name in ("12.png", "00.png", "20.jpg"))
    assert broken["error"].startswith("the bytes must be an image") and broken["faces"] is broken["width"] is None
    assert (empty["error"], empty["faces"], empty["width"]) == (None, [], 32)
    with FERPipeline.from_pretrained() as pipeline:
        [expected] = pipeline(ASTRONAUT)
    [found] = face["faces"]
    assert tuple(found["box"].values()) == expected.box and found["emotion"] == expected.emotion
    assert json.dumps(found["probabilities"]) == json.dumps(dict(expected.probabilities))
    assert (face["model"], "+" in face["version"]) == ("photographs", True)
