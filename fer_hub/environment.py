"""What a process finds around it: proxies, the Hub's access token, a terminal that lacks letters, a full disk."""

import errno
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.request import getproxies, proxy_bypass

VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
"""Variables that name proxies, which httpx and the Hub's client obey."""

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Variables that name the Hub's access token, the first one first."""

CERTIFICATES = "SSL_CERT_FILE"
"""The variable that names trusted certificate authorities, which httpx and the Hub's client obey."""

NUMBERS = (
    "GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS", "GRADIO_NODE_NUM_PORTS", "GRADIO_DEBUG", "GRADIO_ANALYTICS_MAX_EVENTS",
    "GRADIO_NUM_WORKERS", "GRADIO_NODE_SERVER_PORT", "GRADIO_DEFAULT_CONCURRENCY_LIMIT", "WEB_CONCURRENCY",
    "LOCAL_RANK", "WORLD_SIZE", "HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT",
)  # fmt: skip
"""Variables that gradio, uvicorn, accelerate and the Hub's client read as whole numbers, many while being imported."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}
"""System errors where there is no room for a file."""

SIGNS = ("No space left on device", "os error 28", "PytorchStreamWriter failed", "unexpected pos")
"""What Python, safetensors and torch say then; the last is torch's about a part of an archive that was not written."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its chain of causes, the nearest first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def environment_problem(chain: Iterable[BaseException]) -> Exception | None:
    """The error to raise instead where a variable of the environment is what is wrong, else `None`.

    Args:
        chain: an error and its causes.
    """
    chain = list(chain)
    return proxy_problem(chain) or token_problem(chain) or certificate_problem(chain)


def check_numbers() -> None:
    """Refuse a variable that a library would read as a number and stop at, with a sentence that names neither.

    Kubernetes sets such a one by itself, GRADIO_SERVER_PORT=tcp://10.0.0.7:80, for a service named gradio-server.

    Raises:
        ValueError: a variable of `NUMBERS` is none.
    """
    for name in NUMBERS:
        value = os.environ.get(name, "")
        if name == "GRADIO_DEFAULT_CONCURRENCY_LIMIT" and value.lower() == "none":
            continue
        if value and not re.fullmatch(r"\s*[+-]?\d+\s*", value):
            raise ValueError(f"{name} must be a whole number, got {value!r}; correct the variable, or unset it.")


def certificate_problem(chain: Iterable[BaseException]) -> OSError | None:
    """The error to raise instead where a variable names certificates that are not there, else `None`."""
    named = os.environ.get(CERTIFICATES)
    if not named or os.path.exists(named):
        return None
    if any(isinstance(cause, FileNotFoundError) and cause.filename is None for cause in chain):  # as ssl raises it
        return OSError(
            f"{CERTIFICATES} must name a file of trusted certificate authorities, got {named!r}, which is not there; "
            "correct the variable, or unset it."
        )
    return None


def proxy_problem(chain: Iterable[BaseException]) -> ConnectionError | None:
    """The error to raise instead where a proxy stands in the way, else `None`."""
    named = [name for name in VARIABLES if os.environ.get(name)]
    for cause in chain:
        text = f"{type(cause).__name__}: {cause}"
        if "socksio" in text:
            socks = [name for name in named if os.environ[name].startswith("socks")]
            return ConnectionError(
                f"a proxy with SOCKS needs the package socksio, but {' and '.join(socks) or 'ALL_PROXY'} names one and "
                "it is not installed; run pip install socksio, or unset the variable."
            )
        if named and (
            "ProxyError" in text
            or "proxy URL" in text
            or "scheme for proxy" in text
            or ("UnsupportedProtocol" in text and "proxy" in text)
        ):
            return ConnectionError(
                f"the proxy that {' and '.join(named)} names must be usable, but is not ({str(cause)[:120]}); correct "
                "the variable, or unset it."
            )
    return None


def token_problem(chain: Iterable[BaseException]) -> ValueError | None:
    """The error to raise instead where the access token holds a letter that no request can carry, else `None`.

    Such as a zero-width space, which comes along when a token is copied from a page and is not seen.
    """
    if not any(isinstance(cause, UnicodeEncodeError) for cause in chain):
        return None
    for name in TOKENS:
        token = os.environ.get(name, "").strip()
        odd = [(place, letter) for place, letter in enumerate(token, 1) if not letter.isascii()]
        if odd:
            place, letter = odd[0]
            return ValueError(
                f"{name} must be an access token of letters, digits and _ only, but its character {place} of "
                f"{len(token)} is U+{ord(letter):04X}; copy the token again, without anything around it."
            )
    return None


def proxy_of(url: str) -> str | None:
    """The variable that names the proxy which httpx asks for a URL, `None` where it asks the host itself.

    Example:
        >>> proxy_of("http://127.0.0.1:7860/") is None
        True
    """
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    if is_own_host(host) or proxy_bypass(host) or not getproxies():
        return None
    wanted = [f"{each}_PROXY" for each in (scheme, "all")]
    names = [spelt for name in wanted for spelt in (name.lower(), name.upper()) if os.environ.get(spelt)]
    return next(iter(names), None)


def is_own_host(host: str) -> bool:
    """Whether a host of a URL, with or without a port, is this computer, which no proxy can reach for us.

    Example:
        >>> [is_own_host(host) for host in ("localhost:80", "127.0.0.1", "[::1]:80", "example.org", "10.0.0.1")]
        [True, True, True, False, False]
    """
    name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def print_every_letter() -> None:
    """Let the standard streams take any text: a letter that their encoding lacks is written as an escape.

    Windows gives a redirected output an encoding of some 250 letters, in which gradio's own lines cannot be written.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_full(error: BaseException) -> bool:
    """Whether something failed because there is no room for a file, in the words of Python, safetensors or torch.

    Example:
        >>> is_full(OSError(28, "No space left on device")), is_full(ValueError("no"))
        (True, False)
    """
    for cause in causes(error):
        words = str(cause)
        if isinstance(cause, OSError) and cause.errno in FULL:
            return True
        if any(sign in words for sign in SIGNS):
            return True
    return False
