"""Atomic writes of folders and files, whatever existed before and whatever fails."""

from pathlib import Path

import pytest

from fer_hub.files import building


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
