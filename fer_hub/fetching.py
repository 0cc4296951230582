"""Reading URLs: one reader for the library and the page, limited in size and total time."""

import asyncio
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import urljoin

import httpx

from fer_hub import __version__
from fer_hub.environment import environment_problem, is_own_host, proxy_of

MAX_REDIRECTS = 5
"""Largest number of redirects."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: IPv4 addresses for networks without IPv4
_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291: prefix of all public IPv6 addresses


def read_url(url: str, *, timeout: float, max_bytes: int, public_only: bool = False) -> bytes:
    """The body of the response to an http or https URL.

    Args:
        url: the URL; it may redirect `MAX_REDIRECTS` times.
        timeout: seconds for everything: name lookup, connection, headers, body and redirects.
        max_bytes: largest body.
        public_only: as for `stream_url`.

    Raises:
        ValueError: the URL is malformed or not http or https, or the body is larger.
        ConnectionError: the server cannot be reached, violates HTTP, or returns another status than 200.
        TimeoutError: it took longer than `timeout`.
    """
    parts: list[bytes] = []
    done: Future = Future()

    def work() -> None:
        try:
            response = stream_url(url, parts.append, timeout=timeout, max_bytes=max_bytes, public_only=public_only)
            done.set_result(asyncio.run(response))
        except BaseException as error:
            done.set_exception(error)

    # A thread, as the caller may have an event loop; abandoned after the timeout, as a name lookup cannot be cancelled.
    threading.Thread(target=work, daemon=True).start()
    try:
        done.result(timeout + 0.5)
    except TimeoutError:
        if done.done():
            raise
        raise _late(url, timeout) from None
    return b"".join(parts)


async def stream_url(
    url: str, write: Callable[[bytes], Any], *, timeout: float, max_bytes: int, public_only: bool = False
) -> None:
    """Pass the response to an http or https URL to `write`, in chunks; arguments and errors as for `read_url`.

    Args:
        public_only: allow only public addresses, for URLs of strangers. Every address of the host, also after a
            redirect, must be public, and the connection uses exactly the address that was checked, which defeats DNS
            rebinding; proxies from the environment are ignored.

    Raises:
        ValueError: also if an address is not public.
    """
    try:
        async with asyncio.timeout(timeout):
            await _follow(url, write, max_bytes, public_only)
    except (TimeoutError, httpx.TimeoutException):
        raise _late(url, timeout) from None
    except httpx.ConnectError as error:
        reason = str(error) or "no answer"
        proxy = None if public_only else proxy_of(url)
        way = f"the URL, and the proxy that {proxy} names" if proxy else "the URL"
        raise ConnectionError(f"{shown(url)} cannot be reached ({reason}); check {way}.") from None
    except httpx.HTTPError as error:
        if not public_only and (problem := environment_problem([error])):
            raise problem from None
        raise ConnectionError(f"{shown(url)} cannot be read ({error}); check the URL.") from None
    except UnicodeError as error:  # bytes of a header that belong to no encoding
        raise ConnectionError(f"{shown(url)} cannot be read ({error}); check the URL.") from None


async def _follow(url: str, write: Callable[[bytes], Any], max_bytes: int, public_only: bool) -> None:
    asked = url
    for _ in range(MAX_REDIRECTS + 1):
        where = _parsed(asked)
        async with _answer(where, public_only) as answer:
            if answer.has_redirect_location:
                asked = urljoin(str(where), answer.headers["location"])
                continue
            if answer.status_code != 200:
                raise ConnectionError(
                    f"{shown(url)} must be a readable image, but the server returned {answer.status_code}."
                )
            size = 0
            async for part in answer.aiter_raw():  # not decompressed, as the result could have any size
                size += len(part)
                if size > max_bytes:
                    raise ValueError(f"the file at {shown(url)} must have at most {max_bytes:,} bytes, but has more.")
                write(part)
            return
    raise ValueError(f"{shown(url)} must not redirect more than {MAX_REDIRECTS} times; use the final URL.")


@asynccontextmanager
async def _answer(where: httpx.URL, public_only: bool) -> AsyncIterator[httpx.Response]:
    headers = {"User-Agent": f"fer_hub/{__version__}", "Accept-Encoding": "identity"}
    extensions = {}
    if public_only:
        headers["Host"] = where.netloc.decode("ascii")
        if where.scheme == "https":  # the certificate is for the name, not the address
            extensions["sni_hostname"] = where.raw_host.decode("ascii")
        where = where.copy_with(host=await _public_address(where))
    # `asyncio.timeout` limits the total time; httpx's own timeouts are per step
    async with (
        _client(proxies=not public_only and not is_own_host(where.netloc.decode("ascii"))) as client,
        client.stream("GET", where, headers=headers, extensions=extensions) as answer,
    ):
        yield answer


def _client(*, proxies: bool) -> httpx.AsyncClient:
    """A client without limits of time, that asks the environment's proxies or none."""
    try:
        return httpx.AsyncClient(trust_env=proxies, timeout=None, verify=_certificates())
    except (ImportError, ValueError, OSError) as error:  # a kind of proxy that it does not know; no certificates
        raise environment_problem([error]) or error from None


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificate authorities; read once, as that takes longer than many requests."""
    return httpx.create_ssl_context()


def _parsed(url: str) -> httpx.URL:
    try:
        where = httpx.URL(url)
        if not 0 <= (where.port or 0) <= 65535:
            raise ValueError(f"there is no port {where.port}")
    except (httpx.InvalidURL, ValueError) as error:
        raise ValueError(f"a URL must be well-formed, got {shown(url)!r} ({error}); correct it.") from None
    if where.scheme not in ("http", "https") or not where.host:
        raise ValueError(f"a URL must start with http:// or https://, got {shown(url)!r}.")
    return where


async def _public_address(where: httpx.URL) -> str:
    """An address of the URL's host, all of whose addresses are public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            where.raw_host.decode("ascii"), where.port or 80, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        raise ConnectionError(f"{shown(str(where))} cannot be reached; check the URL.") from None
    addresses = [entry[4][0] for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise ValueError(f"a URL must point to a public address, got {shown(str(where))!r}.")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is public, including IPv4 addresses embedded in IPv6 ones.

    Example:
        >>> [is_public(a) for a in ("93.184.215.14", "127.0.0.1", "10.0.0.1", "169.254.169.254", "::1")]
        [True, False, False, False, False]
        >>> [is_public(a) for a in ("2606:2800:220:1::1", "64:ff9b::5db8:d70e", "64:ff9b::a00:1", "::ffff:0:10.0.0.1")]
        [True, True, False, False]
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # with a zone, "fe80::1%eth0"
        return False
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in _NAT64:
            inner = ipaddress.ip_address(ip.packed[-4:])
        if inner is not None:
            return is_public(str(inner))
        if ip not in _UNICAST:
            return False
    return ip.is_global and not ip.is_multicast


def shown(url: str, length: int = 200) -> str:
    """A URL, shortened for use in a sentence that may end in a log, and so without its password.

    >>> shown("http://" + "x" * 100, 10)
    'http://xxx...'
    >>> shown("https://me:secret@example.org/face.jpg")
    'https://me:***@example.org/face.jpg'
    """
    url = re.sub(r"(?<=://)([^/?#:]*):[^/?#]*@", r"\1:***@", url)
    return url if len(url) <= length else url[:length] + "..."


def _late(url: str, timeout: float) -> TimeoutError:
    return TimeoutError(f"{shown(url)} must respond within {timeout:g} seconds, but did not; try again later.")
