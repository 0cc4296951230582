"""Slow requests never take the places of quick ones, and visitors are served in turn."""

import asyncio
import io
import threading

import gradio as gr
import pytest
from PIL import Image

from fer_hub.web.endpoints import add_endpoints
from fer_hub.web.guard import Page
from fer_hub.web.page import launch_options
from fer_hub.web.service import Service
from fer_hub.web.turns import AT_ONCE, MOST_WAITING, Line, Turns
from fer_hub.web.uploads import QUICK_PIXELS, QUICK_SCANNED, much_work
from tests.app.conftest import Http


class Held(Service):
    """A service whose thorough searches take until they are let go."""

    def __init__(self, checkpoints):
        super().__init__(checkpoints)
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()

    def faces(self, image, model, min_score=0.5, search="normal", *values):
        if search == "thorough":
            self.begun.release()
            self.go_on.wait()
        return super().faces(image, model, min_score, "normal", *values)


@pytest.fixture(scope="module")
def held(tiny_checkpoint, tmp_path_factory):
    """(service, raw HTTP) of the endpoints in this process."""
    with pytest.MonkeyPatch.context() as environment, Held({"tiny": tiny_checkpoint}) as service:
        environment.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("held")))
        service.pipeline("tiny")
        with Page() as page:
            add_endpoints(service, Turns())
        page.queue(max_size=64, api_open=False)
        page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options())
        http = Http(page.local_url)
        yield service, http
        http.client.close()
        page.close(verbose=False)


def photo() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48)).save(stream, "PNG")
    return stream.getvalue()


def test_thorough_searches_hold_up_no_quick_request(held):
    service, http = held
    file, answers = http.upload(photo(), "a.png"), []

    def search():
        own = Http(str(http.client.base_url))
        answers.append(own.call("predict", file, "tiny", 0.5, True))
        own.client.close()

    searches = [threading.Thread(target=search) for _ in range(3 * AT_ONCE)]
    for each in searches:
        each.start()
    for _ in range(AT_ONCE):
        assert service.begun.acquire(timeout=60), answers
    try:  # none of them ends before this
        event, [told] = http.call("predict", file, "tiny", 0.5, False)
        assert (event, told["faces"], answers) == ("complete", [], [])
        event, [batch] = http.call("predict_batch", [file, file])
        assert event == "complete" and len(batch) == 2 and answers == []
    finally:
        service.go_on.set()
        for each in searches:
            each.join()
        service.go_on.clear()
    assert [event for event, _ in answers] == ["complete"] * len(searches)


async def served(line: Line, visitors: list[str]) -> list[str]:
    """The order in which requests get their places while each keeps it for a moment."""
    order = []

    async def ask(visitor):
        async with line.place(visitor):
            order.append(visitor)
            await asyncio.sleep(0)

    await asyncio.gather(*map(ask, visitors))
    return order


def test_visitors_are_served_in_turn():
    assert asyncio.run(served(Line(1, 99), ["a", "a", "a", "a", "b", "c"])) == ["a", "a", "b", "c", "a", "a"]


def test_too_many_are_refused_and_who_leaves_makes_room():
    async def scene():
        line = Line(1, 2)
        async with line.place("a"):
            waiting = [asyncio.create_task(line.place("b").__aenter__()) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(gr.Error, match=r"^'the server already has 2 such requests waiting; try again in a"):
                await line.place("c").__aenter__()
            waiting[0].cancel()
            await asyncio.sleep(0)
            waiting.append(asyncio.create_task(line.place("c").__aenter__()))
            await asyncio.sleep(0)
        done, _ = await asyncio.wait(waiting[1:], return_when=asyncio.FIRST_COMPLETED)
        assert done == {waiting[1]} and waiting[0].cancelled()
        waiting[2].cancel()

    asyncio.run(scene())


def test_a_place_given_to_somebody_who_leaves_goes_to_the_next():
    async def scene():
        line = Line(1, 9)
        first = line.place("a")
        await first.__aenter__()
        gone = asyncio.create_task(line.place("b").__aenter__())
        stays = asyncio.create_task(line.place("c").__aenter__())
        await asyncio.sleep(0)
        await first.__aexit__(None, None, None)  # calls b, which has left before it hears so
        gone.cancel()
        await asyncio.wait([stays], timeout=60)
        assert stays.done() and gone.cancelled()

    asyncio.run(scene())


def test_slow_ones_wait_in_a_line_of_their_own_and_not_without_end():
    async def scene():
        turns, go_on = Turns(), threading.Event()
        slow = [asyncio.create_task(turns.run(True, go_on.wait)) for _ in range(AT_ONCE + MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(gr.Error):
            await turns.run(True, go_on.wait)
        assert await turns.run(False, lambda: "quick") == "quick"
        go_on.set()
        assert all(await asyncio.gather(*slow))

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("pixels", "kind", "options", "expected"),
    [
        (QUICK_PIXELS // 4, "JPEG", {}, False),
        (QUICK_PIXELS // 4, "PNG", {}, False),
        (QUICK_PIXELS + 10_000, "PNG", {}, True),
        (QUICK_SCANNED // 9, "JPEG", {"progressive": True}, True),
    ],
)
def test_what_takes_long_is_told_from_the_header(tmp_path, pixels, kind, options, expected):
    Image.new("L" if kind == "PNG" else "RGB", (4000, pixels // 4000)).save(tmp_path / "photo", kind, **options)
    assert much_work(tmp_path / "photo") is expected


def test_what_is_no_photo_takes_no_time(tmp_path):
    (tmp_path / "letter").write_text("dear sir or madam")
    assert not much_work(tmp_path / "letter") and not much_work(tmp_path / "nothing")
