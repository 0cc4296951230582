"""The app as a program: `python app.py` in a clone, `fer-hub app` where fer_hub is installed."""

import argparse
import contextlib
import ctypes
import gc
import importlib.util
import logging
import os
import signal
import socket
import stat
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fer_hub.environment import check_numbers, print_every_letter
from fer_hub.extras import missing
from fer_hub.hub.names import split_revision
from fer_hub.hub.shipped import VARIABLE, example_photographs, shipped_checkpoints
from fer_hub.web import zero_gpu
from fer_hub.web.own_folder import own_folder, remove_own

if TYPE_CHECKING:
    from gradio import Blocks

TRUSTED = "FORWARDED_ALLOW_IPS"
"""The variable that uvicorn reads for proxies whose X-Forwarded-For it believes."""

PRIVATE = "127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
"""Networks that no visitor comes from by himself."""

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::")
"""Addresses of this computer that a proxy elsewhere would look for on its own."""

FILES = "GRADIO_TEMP_DIR"
"""The variable that names the folder of visitors' files."""

PREFIX = "GRADIO_ROOT_PATH"
"""The variable that names the prefix under which a proxy shows the page."""

LONGEST_END = 4
"""Seconds after SIGTERM when the process ends whatever it still does."""


def checkpoints(wanted: str | None = None) -> dict[str, str]:
    """Name → folder or Hub id of the page's networks, the default first.

    A folder is listed under its name, and `runs/mine/final`, as train.py leaves it, under `mine`.

    Args:
        wanted: checkpoint folder or Hub id of the default network, or several with commas between them, Hub ids also as
            owner/name@revision; `None` uses the variable `FER_HUB_CHECKPOINT`.

    Raises:
        ValueError: there is none.
    """
    shipped = {name: str(folder) for name, folder in shipped_checkpoints().items()}
    wanted = wanted or os.environ.get(VARIABLE)
    if not wanted and not shipped:
        raise ValueError(
            f"{VARIABLE} must name a checkpoint folder or a model of the Hub, but is not set, and no checkpoint comes "
            "with this copy of fer_hub; set it in the environment, or among the variables in a Space's settings."
        )
    if not wanted:
        return shipped
    named = [wanted] if Path(wanted).exists() else [part.strip() for part in wanted.split(",") if part.strip()]
    offered = {_name(each): each for each in named}
    return offered | {name: folder for name, folder in shipped.items() if name not in offered}


def _name(checkpoint: str) -> str:
    if not Path(checkpoint).is_dir():
        return split_revision(checkpoint)[0]
    folder = Path(checkpoint).resolve()
    return folder.parent.name if folder.name == "final" else folder.name


def reach_own_address() -> None:
    """Take this computer's own addresses out of what goes through a proxy: gradio asks itself whether it is there."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host.strip()]
        os.environ[name] = ",".join([*hosts, *(host for host in LOOPBACK if host not in hosts)])


def begin_prefix_with_slash() -> None:
    """Make a prefix such as `fer` in `GRADIO_ROOT_PATH` `/fer`: without the slash gradio answers no address at all."""
    prefix = os.environ.get(PREFIX, "")
    if prefix and not prefix.startswith("/") and "://" not in prefix:
        os.environ[PREFIX] = f"/{prefix}"


def keep_files_private() -> None:
    """Keep visitors' files in a folder that belongs to this user alone, unless `GRADIO_TEMP_DIR` names one.

    Gradio's own, gradio in the folder for temporary files, is everybody's: it belongs to whoever started any such app
    first, every other user's uploads fail, and both can read them.

    Raises:
        OSError: no file can be written in the folder that `GRADIO_TEMP_DIR` names.
    """
    if named := os.environ.get(FILES):
        try:
            os.makedirs(named, exist_ok=True)
            with tempfile.TemporaryFile(dir=named):
                return
        except OSError as error:
            raise OSError(
                f"{FILES} must name a folder in which this user may write, got {named!r} ({error.strerror}); name "
                "another one, or leave it unset."
            ) from None
    user = os.getuid() if hasattr(os, "getuid") else 0  # on Windows the folder for temporary files is the user's own
    folder = Path(tempfile.gettempdir()) / f"fer_hub-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()  # not of what a link of somebody else leads to
        own = stat.S_ISDIR(found.st_mode) and found.st_uid == user
        if own:
            folder.chmod(0o700)
    except OSError:
        own = False
    os.environ[FILES] = str(folder) if own else tempfile.mkdtemp(prefix="fer_hub-")


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
    os.environ.setdefault("FER_HUB_QUIET", "1")  # the log is the server's
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read at its import; no request leaves the host
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    print_every_letter()
    check_numbers()
    reach_own_address()
    begin_prefix_with_slash()
    keep_files_private()
    trust_proxies()
    limit_arenas()
    # several waiting threads on a small host slow each other down; PyTorch reads it when it is imported, if it ever is
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from PIL import Image

    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # such images are refused by their size


def trust_proxies() -> None:
    """On a Space of Hugging Face, say whose X-Forwarded-For is believed: every visitor then has his own allowance.

    Of the addresses in that header the last one that is not itself a trusted proxy counts, so that a visitor cannot
    forge his by sending the header. Elsewhere `FORWARDED_ALLOW_IPS` names the proxies, as addresses and networks with
    commas between them; without it uvicorn trusts 127.0.0.1.
    """
    if os.environ.get("SPACE_ID"):
        os.environ.setdefault(TRUSTED, PRIVATE)


def listening_address(host: str | None) -> str | None:
    """An address to listen on as gradio wants it, IPv6 in brackets; checked, as gradio would call the port taken.

    Raises:
        ValueError: this computer has no such address.

    Example:
        >>> listening_address(None), listening_address("127.0.0.1")
        (None, '127.0.0.1')
    """
    if not host:
        return None
    plain = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        family, _, _, _, address = socket.getaddrinfo(plain, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise ValueError(
            f"the address to listen on must be one of this computer, as 127.0.0.1, 0.0.0.0 or ::, got {host!r} "
            f"({getattr(error, 'strerror', None) or error}); give one of these."
        ) from None
    return f"[{plain}]" if ":" in plain else plain


class _Stopped(Exception):
    """The process was asked to end."""


def _stop(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    ends = threading.Timer(LONGEST_END, _end_now)  # whatever still computes then
    ends.daemon = True
    ends.start()
    raise _Stopped


def _end_now() -> None:
    remove_own()
    os._exit(0)


def _wait(page: "Blocks") -> None:
    """Serve until the process is stopped, then end: visitors' files are deleted and the port is free."""
    page.server.config.timeout_graceful_shutdown = 2  # seconds for open connections, such as those of a live page
    try:
        threading.Event().wait()
    finally:
        page.close(verbose=False)


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
        OSError, ValueError: the network cannot be loaded, or the address is taken or not of this computer.
    """
    if absent := missing("app", "gradio", "av"):
        raise absent
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop)  # as process 1 of a container nothing else would end it
    set_up_process()
    host = listening_address(host or os.environ.get("GRADIO_SERVER_NAME"))
    with contextlib.suppress(_Stopped), own_folder():  # before gradio is imported, which makes a folder in it
        zero_gpu.prepare()
        _serve(checkpoints(checkpoint), host, port, share)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """The garbage collector rests within the block, and passes over what was made there ever after.

    Imports and the page are many objects and no garbage, through which it would go again and again: a fifth of the
    time that a start takes.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _serve(offered: dict[str, str], host: str | None, port: int | None, share: bool) -> None:
    with _uncollected():
        from PIL import Image

        from fer_hub.web.disk import warn_if_full
        from fer_hub.web.page import build, launch_options
        from fer_hub.web.service import Service

    with Service(offered) as service:
        warn_if_full()
        print(f"Loading {service.names[0]} ...", flush=True)
        nobody = Image.new("RGB", (64, 64))
        with _uncollected():
            service.faces(nobody, service.names[0])  # loads the detectors, too, or says why it cannot
            service.watcher().detect(nobody)
            if zero_gpu.is_on():  # a borrowed GPU sees only what was loaded before
                for name in service.names[1:]:
                    service.pipeline(name)
            page = build(service, [str(path) for path in example_photographs()])
        tools = importlib.util.find_spec("mcp") is not None
        try:
            page.launch(
                server_name=host, server_port=port, share=share or None, mcp_server=tools, prevent_thread_lock=True,
                **launch_options(),
            )  # fmt: skip
        except OSError as error:
            if port and "empty port" in str(error):  # gradio's own sentence tells how to change its code
                raise OSError(f"port {port} must be free, but a program listens there; choose another one.") from None
            raise
        _wait(page)


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
        f"--host and --port. Behind a proxy, {TRUSTED} names its address, so that its X-Forwarded-For is believed.",
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
