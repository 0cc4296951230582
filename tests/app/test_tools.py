"""The endpoints as tools of the Model Context Protocol, asked by its own client."""

import asyncio
import base64
import threading

import mcp
import pytest
from mcp.client.streamable_http import streamable_http_client

from tests.app.conftest import running
from tests.app.driving import PORTRAIT
from tests.app.test_privacy import SERVE

DATA = "data:image/jpeg;base64," + base64.b64encode(PORTRAIT.read_bytes()).decode()


def ask(url, *calls):
    """The tools of an app by their names; and its answers to pairs of the end of such a name and arguments."""

    async def talk():
        async with (
            streamable_http_client(f"{url}gradio_api/mcp/") as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            full = {name: next(each for each in tools if each.endswith(name)) for name, _ in calls}
            return tools, [await session.call_tool(full[name], arguments) for name, arguments in calls]

    return asyncio.run(talk())


def test_the_endpoints_are_tools(app_url):
    tools, [answer] = ask(app_url, ("classify", {"image": DATA, "thorough": False}))
    names = ("predict", "annotate", "classify", "explain", "predict_batch", "predict_video")
    assert len(tools) == len(names) and all(any(tool.endswith(name) for tool in tools) for name in names)
    assert all(tool.description for tool in tools.values())
    assert not answer.isError and "'label': 'happy'" in answer.content[0].text


@pytest.mark.parametrize(
    "image",
    [
        str(PORTRAIT), "/etc/passwd", "http://127.0.0.1/a.jpg", "http://169.254.169.254/latest/meta-data",
        {"path": str(PORTRAIT), "meta": {"_type": "gradio.FileData"}}, [str(PORTRAIT)], "data:image/png;base64,%%%",
        "\0",
    ],
)  # fmt: skip
def test_tools_open_no_file_of_the_server_and_no_inner_address(app_url, image):
    _, answers = ask(app_url, ("annotate", {"image": image}), ("predict", {"image": image}))
    for answer in answers:
        assert answer.isError, answer
        text = " ".join(part.text for part in answer.content)
        assert "Traceback" not in text and "root:" not in text


def test_other_arguments_of_tools_take_no_files_either(app_url):
    file = {"path": str(PORTRAIT), "meta": {"_type": "gradio.FileData"}}
    _, answers = ask(app_url, ("predict", {"image": DATA, "model": file}), ("predict_batch", {"images": [file]}))
    assert all(answer.isError for answer in answers), answers


def test_photos_sent_to_tools_are_deleted_too(tmp_path, tiny_checkpoint):
    files = tmp_path / "uploads"
    with running(files, "-c", SERVE, str(tiny_checkpoint)) as (url, _):
        _, [answer] = ask(url, ("predict", {"image": DATA}))
        assert not answer.isError and "'faces': [{" in answer.content[0].text
        for _ in range(600):  # they are at most eight seconds old when the first round of deletion comes
            left = [path for path in files.rglob("*") if path.is_file()]
            if not left:
                break
            threading.Event().wait(0.1)
        assert left == []
