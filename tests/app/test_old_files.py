"""Old files of visitors are deleted while new ones arrive."""

import asyncio
import os
import threading
import types

import pytest
from gradio import route_utils

from fer_hub.web.old_files import delete_old, replace_sweep


@pytest.fixture()
def blocks(tmp_path):
    """A page with 300 old files of visitors, one new, one of its own and one that is gone."""
    files = set()
    for name in (*map(str, range(300)), "new", "own"):
        path = tmp_path / name
        path.write_text(name)
        files.add(str(path))
    files.add(str(tmp_path / "gone"))
    own = types.SimpleNamespace(keep_in_cache={str(tmp_path / "own")})
    return types.SimpleNamespace(blocks={1: own, 2: object()}, temp_file_sets=[files])


def test_files_are_deleted_by_age(blocks, tmp_path):
    [files] = blocks.temp_file_sets
    delete_old(blocks, 3600)
    assert len(list(tmp_path.iterdir())) == 302 and len(files) == 302  # the name of what is gone is forgotten
    delete_old(blocks, None)
    assert [path.name for path in tmp_path.iterdir()] == ["own"] and files == {str(tmp_path / "own")}


def test_the_sweep_goes_on_while_requests_add_files(blocks, tmp_path):
    """Gradio's own function ends in an error here, and with it the task that calls it."""
    replace_sweep()
    [files] = blocks.temp_file_sets
    done = threading.Event()

    def arrive():
        number = 0
        while not done.is_set():
            number += 1
            files.add(str(tmp_path / f"arriving-{number % 5000}"))

    async def sweep():
        app = types.SimpleNamespace(get_blocks=lambda: blocks)
        task = asyncio.create_task(route_utils.delete_files_on_schedule(app, 0, 0))
        while (tmp_path / "7").exists() or (tmp_path / "299").exists():
            await asyncio.sleep(0)
            assert not task.done(), task.exception()
        task.cancel()

    thread = threading.Thread(target=arrive)
    thread.start()
    try:
        asyncio.run(asyncio.wait_for(sweep(), 60))
    finally:
        done.set()
        thread.join()
    assert (tmp_path / "own").exists() and not (tmp_path / "7").exists()


def test_a_file_that_cannot_be_deleted_is_told_and_does_not_stop_the_others(blocks, tmp_path, caplog):
    (tmp_path / "folder").mkdir()
    blocks.temp_file_sets[0].add(str(tmp_path / "folder"))
    delete_old(blocks, None)
    assert sorted(os.listdir(tmp_path)) == ["folder", "own"]
    assert "a visitor's file could not be deleted" in caplog.text
