"""Addresses of other systems: URLs of their HTTP interfaces."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

# RFC 1123 names, also with an underscore, as names of containers have; IPv6 in brackets is parsed
# by `ipaddress`.
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?")
_LOOPBACK_NAMES = ("localhost", "localhost.localdomain")


def normalize_address(text: str) -> str:
    """Return the URL of a server: ``https://`` is added to a host, a slash at the end removed.

    Raise ValueError, which does not contain the text if there is a password in it.
    """
    if not text:
        return text
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"is not a URL: {error}") from error
    if "@" in parts.netloc:
        raise ValueError("has a user or a password in it: write them as keys of their own")
    if parts.scheme.lower() not in ("http", "https"):
        raise ValueError(f"{text!r} must begin with https:// or http://")
    if parts.query or parts.fragment or re.search(r"[\s\\]", text) or not url.isascii():
        raise ValueError(f"{text!r} is not the address of a server: https://host:port")
    if port == 0 or not _is_host(host):
        raise ValueError(f"{text!r} has no valid host and port: https://host:port")
    return f"{parts.scheme.lower()}://{parts.netloc}{parts.path.rstrip('/')}"


def normalize_server(text: str) -> str:
    """Return the URL of a server without a path; raise ValueError."""
    url = normalize_address(text)
    if urlsplit(url).path:
        raise ValueError(
            f"{text!r} has a path: the address of an S3 server is https://host:port alone, and the"
            " bucket is written in `path` of an input or output"
        )
    return url


def is_unencrypted(url: str) -> bool:
    """Return whether requests to the URL cross a network without TLS."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _LOOPBACK_NAMES


Address = Annotated[str, AfterValidator(normalize_address)]
ServerAddress = Annotated[str, AfterValidator(normalize_server)]
