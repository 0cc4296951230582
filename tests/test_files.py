"""Atomic writes of folders and files, whatever existed before and whatever fails."""

import io
import shutil
import sys
from pathlib import Path

import pytest

from fer_hub import FERPipeline, load_image
from fer_hub.commands import main
from fer_hub.data.loading import load_fer2013
from fer_hub.files import building, word_at_home
from fer_hub.training.parser import FERArgumentParser
from fer_hub.video.reader import VideoReader


def build(folder: Path, text: str = "new") -> None:
    with building(folder) as temporary:
        (temporary / "file").write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_created_or_replaced_completely(tmp_path):
    build(tmp_path / "a" / "b", "old")
    (tmp_path / "a" / "b" / "left over").write_text("old")
    build(tmp_path / "a" / "b")
    assert content(tmp_path) == {"a/b/file": "new"}


def test_an_error_in_the_block_leaves_the_old_folder(tmp_path):
    build(tmp_path / "a", "old")
    with pytest.raises(KeyboardInterrupt), building(tmp_path / "a") as temporary:
        (temporary / "half").write_text("new")
        raise KeyboardInterrupt
    assert content(tmp_path) == {"a/file": "old"}


@pytest.mark.parametrize("there", [True, False])
def test_the_target_of_a_link_is_replaced(tmp_path, there):
    if there:
        build(tmp_path / "disk" / "real", "old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "real")
    build(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "disk") == {"real/file": "new"}
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("link", "disk")] == []


@pytest.mark.parametrize("failing", [1, 2])
def test_when_a_move_fails_both_folders_are_kept(tmp_path, monkeypatch, failing):
    build(tmp_path / "a", "old")
    rename, moves = Path.rename, []

    def fails_once(self, target):
        moves.append(target)
        if len(moves) == failing:
            raise OSError(16, "Device or resource busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_once)  # a disk cannot be told to fail just then
    with pytest.raises(OSError, match="Device or resource busy") as caught:
        build(tmp_path / "a")
    [kept] = [path for path in tmp_path.iterdir() if path.name != "a"]
    assert str(caught.value).endswith(f"what was to come there stays in {kept}.")
    assert (content(tmp_path / "a"), content(kept)) == ({"file": "old"}, {"file": "new"})


def test_what_cannot_be_replaced_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder, what in ((tmp_path / "file", "a file"), (Path("/"), "a mount point")):
        with pytest.raises(ValueError, match=f"must be a folder that can be replaced, but is {what};"):
            build(folder)
    assert content(tmp_path) == {"file": "mine"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with a photograph, elsewhere than the working folder."""
    folder, here = tmp_path / "home", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.chdir(here)
    shutil.copy(Path(__file__).resolve().parent.parent / "examples" / "astronaut.jpg", folder / "a.jpg")
    return folder


def test_a_tilde_is_the_home_folder(home, tiny_checkpoint, small_csv):
    """Shells do not expand it behind =, nor do programs that start others without a shell."""
    shutil.copytree(tiny_checkpoint, home / "network")
    shutil.copy(small_csv, home / "fer2013.csv")
    assert load_image("~/a.jpg").size == load_image(Path("~/a.jpg")).size == (512, 512)
    with FERPipeline.from_pretrained("~/network"):
        pass
    assert len(load_fer2013("~/fer2013.csv")["train"]) == 70
    with pytest.raises(ValueError, match=r"^a\.jpg must be a video"):
        VideoReader("~/a.jpg")
    words = ["predict", "~/a.jpg", "--checkpoint=~/network", "--output=~/rows.csv", "--quiet"]
    assert main(words) == 0 and (home / "rows.csv").is_file() and not Path("~").exists()
    data, _, training = FERArgumentParser().parse_args_into_dataclasses(["--data=~/fer2013.csv", "--output-dir=~/runs"])
    assert (data.data, training.output_dir) == (f"{home}/fer2013.csv", f"{home}/runs")
    (Path("~")).mkdir()
    shutil.copy(home / "a.jpg", Path("~") / "b.jpg")
    assert load_image("~/b.jpg").size == (512, 512)  # a folder that has this name
    assert word_at_home("~nobody/a.jpg") == "~nobody/a.jpg"


def test_what_a_nas_or_a_disk_leaves_in_folders_is_no_photograph(home, monkeypatch):
    from fer_hub.commands.photograph_files import find_photographs

    for name in ("@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/b.jpg", "$RECYCLE.BIN/c.jpg", "__MACOSX/d.jpg"):
        (home / name).parent.mkdir(parents=True)
        shutil.copy(home / "a.jpg", home / name)
    assert find_photographs([str(home)]).photographs == [str(home / "a.jpg")]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufeffa.jpg\nb.jpg\n"))  # as PowerShell writes lists
    assert find_photographs(["-"]).photographs == ["a.jpg", "b.jpg"]
