"""Files that clients name by URL: fetched by the server, but from public addresses only and up to limits."""

import asyncio
import ipaddress
import socket
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from fer_hub import __version__
from fer_hub.web.sentences import refuse, short

MAX_REDIRECTS = 3
"""How often a URL may point to another one."""

FETCH_SECONDS = 20.0
"""In this time a URL must have been read completely."""


async def fetch(url: str, target: Path, limit: int) -> None:
    """Write what an http(s) URL answers to a file.

    Every address of the host, also after a redirect, must be public, and exactly the one that was checked is
    connected to, so that a name that changes its address meanwhile gains nothing.

    Args:
        url: from a client.
        target: the file; its folder exists. Nothing stays there after an error.
        limit: largest size in bytes.

    Raises:
        gr.Error: the URL is not allowed or cannot be read; the sentence says why.
    """
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            await _follow(url, target, limit)
    except TimeoutError:
        target.unlink(missing_ok=True)
        raise refuse(f"{short(url)} must answer within {FETCH_SECONDS:g} seconds, but did not.") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        target.unlink(missing_ok=True)
        raise refuse(f"{short(url)} cannot be read; check the address or upload the file.") from None
    except BaseException:
        target.unlink(missing_ok=True)
        raise


async def _follow(url: str, target: Path, limit: int) -> None:
    for _ in range(MAX_REDIRECTS + 1):
        address = await _public_address(url)
        where = httpx.URL(url)
        options = {"headers": {"Host": where.netloc.decode("ascii"), "User-Agent": f"fer_hub/{__version__}"}}
        if where.scheme == "https":  # the certificate is the name's, not the address's
            options["extensions"] = {"sni_hostname": where.host}
        # trust_env=False: a proxy of the environment would connect by name
        async with (
            httpx.AsyncClient(trust_env=False, timeout=FETCH_SECONDS) as client,
            client.stream("GET", where.copy_with(host=address), **options) as answer,
        ):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["location"])
                continue
            if answer.status_code != 200:
                raise refuse(f"{short(url)} must be a readable file, but the server answers {answer.status_code}.")
            size = 0
            with open(target, "wb") as file:
                async for part in answer.aiter_bytes():
                    size += len(part)
                    if size > limit:
                        raise refuse(f"the file must be at most {limit // 10**6} MB; send a smaller one.")
                    file.write(part)
            return
    raise refuse(f"{short(url)} must not redirect more than {MAX_REDIRECTS} times, but does; give the last address.")


async def _public_address(url: str) -> str:
    """An address of the URL's host, all of whose addresses are public."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https"):
        raise refuse(f"a URL must start with http:// or https://, got {short(url)}; upload the file instead.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port or 80, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise refuse(f"{short(url)} cannot be reached; check the address or upload the file.") from None
    addresses = [entry[4][0] for entry in found]
    if not addresses or not all(_is_public(address) for address in addresses):
        raise refuse(f"a URL must lead to a public address, got {short(url)}; upload the file instead.")
    return addresses[0]


def _is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet.

    >>> [_is_public(a) for a in ("93.184.215.14", "127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1")]
    [True, False, False, False, False, False]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    inner = getattr(ip, "sixtofour", None) or (getattr(ip, "teredo", None) or (None, None))[1]
    return ip.is_global and not ip.is_multicast and (inner is None or _is_public(str(inner)))
