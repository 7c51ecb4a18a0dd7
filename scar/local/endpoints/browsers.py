"""Which requests of browsers an open endpoint accepts.

On AWS an open endpoint is public, so a page that calls it can do no more than anybody. Here it is
on the loopback interface of the user's machine, where pages of the internet must start nothing.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from scar.local.endpoints.cors import allows_origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.moto.endpoints.records import EndpointCors

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:]+)(?::\d{1,5})?", re.IGNORECASE)


def is_loopback_host(host: str) -> bool:
    """Return whether a Host header names this machine by a name that no DNS server can choose."""
    match = _HOST.fullmatch(host)
    name = match[1].strip("[]").rstrip(".").lower() if match else ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def may_call_open_endpoint(headers: Mapping[str, str], cors: EndpointCors | None) -> bool:
    """Return whether the request comes from no page of another site, except one that CORS allows.

    Browsers send ``Origin`` with all requests of pages that can have a body, and
    ``Sec-Fetch-Site`` also with images, links and forms.
    """
    if not is_loopback_host(headers.get("host", "")):
        return False
    origin = headers.get("origin", "")
    if origin and origin.lower() != f"http://{headers['host'].lower()}":
        return allows_origin(cors, origin)
    return bool(origin) or headers.get("sec-fetch-site", "none") in ("none", "same-origin")
