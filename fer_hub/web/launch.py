"""The app as a program: `python app.py` in a clone, `fer-hub app` where fer_hub is installed."""

import argparse
import contextlib
import ctypes
import importlib.util
import os
import sys
import warnings
from pathlib import Path

from fer_hub.extras import missing
from fer_hub.hub.shipped import VARIABLE, example_photographs, shipped_checkpoints


def checkpoints(wanted: str | None = None) -> dict[str, str]:
    """Name → folder or Hub id of the page's networks, the default first.

    A folder is listed under its name, and `runs/mine/final`, as train.py leaves it, under `mine`.

    Args:
        wanted: checkpoint folder or Hub id of the default network; `None` uses the variable `FER_HUB_CHECKPOINT`.
    """
    shipped = {name: str(folder) for name, folder in shipped_checkpoints().items()}
    wanted = wanted or os.environ.get(VARIABLE)
    if not wanted:
        return shipped
    name = wanted
    if Path(wanted).is_dir():
        folder = Path(wanted).resolve()
        name = folder.parent.name if folder.name == "final" else folder.name
    return {name: wanted} | {other: folder for other, folder in shipped.items() if other != name}


def limit_arenas(most: int = 2) -> None:
    """Limit the number of malloc arenas, if the C library is glibc; must be called before threads start.

    By default every thread gets its own arena, up to eight per core, and memory freed by one thread cannot be reused
    by the others: memory use would grow for hours.
    """
    m_arena_max = -8  # of glibc's malloc.h
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(m_arena_max, most)


def set_up_process() -> None:
    """Settings of the server process; must be called before gradio is imported."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read at its import; no request leaves the host
    limit_arenas()
    import torch
    from PIL import Image

    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # such images are refused by their size
    torch.set_num_threads(1)  # several waiting threads on a small host slow each other down


def serve(checkpoint: str | None = None, host: str | None = None, port: int | None = None, share: bool = False) -> None:
    """Load the first network, then serve the page until the process is stopped.

    Args:
        checkpoint: checkpoint folder or Hub id of the default network; `None` uses the variable `FER_HUB_CHECKPOINT`,
            otherwise the checkpoint that comes with fer_hub.
        host: address to listen on; `None` uses the variable `GRADIO_SERVER_NAME`, otherwise 127.0.0.1.
        port: port to listen on; `None` uses the variable `GRADIO_SERVER_PORT`, otherwise the first free one from 7860.
        share: create a public link through Gradio's servers, valid for a week.

    Raises:
        ModuleNotFoundError: the extra "app" is not installed.
        OSError, ValueError: the network cannot be loaded, or the address is taken.
    """
    if absent := missing("app", "gradio", "av"):
        raise absent
    set_up_process()
    from fer_hub.web.page import build, launch_options
    from fer_hub.web.service import Service

    offered = checkpoints(checkpoint)
    with Service(offered) as service:
        print(f"Loading {service.names[0]} ...", flush=True)
        service.pipeline(service.names[0])
        page = build(service, [str(path) for path in example_photographs()])
        tools = importlib.util.find_spec("mcp") is not None
        try:
            page.launch(server_name=host, server_port=port, share=share or None, mcp_server=tools, **launch_options())
        except OSError as error:
            if port and "empty port" in str(error):  # gradio's own sentence tells how to change its code
                raise OSError(f"port {port} must be free, but a program listens there; choose another one.") from None
            raise


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 65535, got {text!r}")
    return int(text)


def main(argv: list[str] | None = None, *, prog: str | None = None) -> int:
    """Serve the page as the command line says; returns the exit code. An error is one sentence."""
    parser = argparse.ArgumentParser(
        prog,
        description="Serve the page for photos, webcam and video, and its API.",
        epilog=f"The environment variables {VARIABLE}, GRADIO_SERVER_NAME and GRADIO_SERVER_PORT do as --checkpoint, "
        "--host and --port.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", metavar="ADDRESS", help="where it listens; 127.0.0.1, this computer, by default")
    parser.add_argument("--port", metavar="NUMBER", type=_port, help="by default the first free one from 7860")
    parser.add_argument("--checkpoint", metavar="FOLDER_OR_ID", help="a network of yours, or of the Hub, offered first")
    parser.add_argument("--share", action="store_true", help="a public address for a week, through Gradio's makers")
    options = parser.parse_args(argv)
    try:
        serve(options.checkpoint, options.host, options.port, options.share)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
