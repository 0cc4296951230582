"""The Space: photographs, webcam and video in the browser, and an API. `python app.py` serves http://127.0.0.1:7860

The environment variable FER_HUB_CHECKPOINT names a checkpoint folder or Hub id that is offered first;
GRADIO_SERVER_NAME and GRADIO_SERVER_PORT choose the address, as for any Gradio app.
"""

import contextlib
import ctypes
import importlib.util
import os
import warnings
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported; no request leaves the host

import torch
from PIL import Image

from fer_hub.web.page import build, launch_options
from fer_hub.web.service import Service

HERE = Path(__file__).resolve().parent
EXAMPLES = sorted(str(path) for path in (HERE / "examples").glob("*.jpg"))


def checkpoints() -> dict[str, str]:
    """Name → folder or Hub id of what the page offers, the default first; a folder goes by its own name."""
    shipped = {path.parent.name: str(path.parent) for path in sorted((HERE / "checkpoints").glob("*/config.json"))}
    wanted = os.environ.get("FER_HUB_CHECKPOINT")
    if not wanted:
        return shipped
    name = Path(wanted).resolve().name if Path(wanted).is_dir() else wanted
    return {name: wanted} | {other: folder for other, folder in shipped.items() if other != name}


def limit_arenas(most: int = 2) -> None:
    """Let glibc keep at most so many heaps, where the C library is glibc: must come before threads start.

    By default every thread gets one of its own, up to eight for each core, and what the requests of one thread leave
    free is of no use to the others: memory would grow for hours.
    """
    m_arena_max = -8  # of glibc's malloc.h
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(m_arena_max, most)


def set_up_process() -> None:
    """What holds for the whole process that serves the page."""
    limit_arenas()
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # such pictures are refused by their size
    torch.set_num_threads(1)  # several waiting threads on a small host slow each other down


def main() -> None:
    set_up_process()
    with Service(checkpoints()) as service:
        print(f"Loading {service.names[0]} ...", flush=True)
        service.pipeline(service.names[0])
        page = build(service, EXAMPLES)
        page.launch(mcp_server=importlib.util.find_spec("mcp") is not None, **launch_options())


if __name__ == "__main__":
    main()
