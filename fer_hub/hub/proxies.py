"""Which variable of the environment names a proxy that cannot be used."""

import os
from collections.abc import Iterable

VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
"""Variables that the Hub's client obeys."""


def proxy_problem(chain: Iterable[BaseException]) -> ConnectionError | None:
    """The error to raise instead where a proxy stands in the way, else `None`.

    Args:
        chain: an error and its causes.
    """
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
            "ProxyError" in text or "proxy URL" in text or ("UnsupportedProtocol" in text and "proxy" in text)
        ):
            return ConnectionError(
                f"the proxy that {' and '.join(named)} names must be usable, but is not ({str(cause)[:120]}); correct "
                "the variable, or unset it."
            )
    return None
