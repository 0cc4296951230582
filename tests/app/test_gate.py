"""The gate counts requests from the moment they arrive, not only once gradio has put them into its queue."""

import asyncio
import types

import pytest

from fer_hub.web.gate import MAX_PER_CLIENT, Gate


class EmptyQueue:
    """Gradio's queue while the first requests are still on their way to it."""

    max_size, event_ids_to_events = 20, {}

    def __len__(self):
        return 0


def statuses(hosts):
    """The status that each address gets whose requests all arrive before the first one is queued."""

    async def all_at_once():
        gone_in = asyncio.Event()

        async def app(scope, receive, send):
            await gone_in.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def ask(host):
            sent = []

            async def send(message):
                sent.append(message)

            scope = {"type": "http", "method": "POST", "path": "/gradio_api/call/predict", "headers": [],
                     "client": (host, 1), "app": inner}  # fmt: skip
            await gate(scope, None, send)
            return sent[0]["status"]

        gate = Gate(app)
        inner = types.SimpleNamespace(get_blocks=lambda: types.SimpleNamespace(_queue=EmptyQueue()))
        for _ in range(2):  # the second time nothing is left of the first
            gone_in.clear()
            waiting = [asyncio.ensure_future(ask(host)) for host in hosts]
            await asyncio.sleep(0)  # all of them run up to where they wait
            gone_in.set()
            found = await asyncio.gather(*waiting)
        assert not gate._entering
        return found

    return asyncio.run(all_at_once())


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["a"] * 40, [200] * MAX_PER_CLIENT + [429] * (40 - MAX_PER_CLIENT)),
        (["a"] * 3 + ["b"] * 3, [200] * 6),
        ([*"abcdefghijklmnopqrstuvwxyz"], [200] * 20 + [503] * 6),
    ],
)
def test_simultaneous_requests_cannot_overfill_the_queue(hosts, expected):
    assert statuses(hosts) == expected
