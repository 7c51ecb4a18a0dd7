"""The connections of the requests without the SDK, through proxies where the SDK would use them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from supervisor.aws.connection_pool import ConnectionPool, Timeouts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from supervisor.aws.request import Origin

# As with the SDK: 64 downloads at once share the line of the user, who can also end them; and S3
# sends a space every few seconds while it completes an upload.
_TIMEOUTS = Timeouts(progress=1)


def connection_pool(
    create_context: Callable[[], ssl.SSLContext],
    environ: Mapping[str, str],
    proxies: Mapping[str, str] | None = None,
) -> ConnectionPool:
    """Return a pool whose connections go through ``proxies``, by default the environment's.

    ``proxies`` are addresses by scheme, as the SDK has them.
    """
    if proxies is None:
        find = _find_in_environment(environ)
    else:
        chosen = proxies
        find = (lambda origin: chosen.get(origin.scheme, "")) if chosen else None
    if find is None:
        return ConnectionPool(environ, _TIMEOUTS, create_context)
    from scar.aws.client.direct.proxies import ProxiedPool  # slow to import, and few have a proxy

    return ProxiedPool(environ, _TIMEOUTS, create_context, find)


def _find_in_environment(environ: Mapping[str, str]) -> Callable[[Origin], str] | None:
    """Return what finds the proxy of an origin, an empty text for none; None without proxies."""
    # macOS has proxies in its system settings.
    if sys.platform != "darwin" and not any(n.lower().endswith("_proxy") for n in environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()

    def find(origin: Origin) -> str:
        return "" if proxy_bypass(origin.authority) else proxies.get(origin.scheme, "")

    return find
