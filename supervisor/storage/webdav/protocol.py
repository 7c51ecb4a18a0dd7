"""Paths, properties and errors of WebDAV (RFC 4918). Pure functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsErrorResponse
from supervisor.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.aws.errors import AwsError
    from supervisor.model import ObjectRef

# The dead property that has an object's user metadata, as JSON.
NAMESPACE, PROPERTY = "urn:scar:object", "metadata"
MAX_METADATA = 1 << 16
TEMPORARY_PREFIX, TEMPORARY_SUFFIX = ".scar-", ".part"
_LONGEST_NAME = 255  # bytes of a name on the file systems below
FIND_METADATA = (
    '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>'
    f'<m:{PROPERTY} xmlns:m="{NAMESPACE}"/></D:prop></D:propfind>'
).encode()

FIND_TYPE = (
    b'<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>'
    b"<D:resourcetype/></D:prop></D:propfind>"
)
# Servers return one of these for a file in the place of a folder, and the other way round: Apache
# 400, nginx 409 and 500, SabreDAV (Nextcloud) 409. Each has other reasons too.
NAME_CLASH_STATUSES = frozenset({400, 403, 404, 405, 409, 500})


def split_path(ref: ObjectRef) -> tuple[str, ...]:
    """Return folders and name of an object; raise StorageError for what is no path of a file."""
    parts = tuple(f"{ref.bucket}/{ref.key}".split("/"))
    try:
        longest = max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:
        raise StorageError(
            f"{ref.bucket}/{ref.key!r} is not valid Unicode.", remedy="Rename the file to UTF-8."
        ) from None
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise StorageError(
            f"{ref} is no path of a file: a part of it is empty, '.' or '..'.",
            remedy="Correct the folder of the output in the FDL.",
        )
    if longest > _LONGEST_NAME:
        raise StorageError(
            f"A name in {ref} has {longest} bytes; file systems allow {_LONGEST_NAME}.",
            remedy="Use shorter names.",
        )
    return parts


def build_property_update(metadata: Mapping[str, str]) -> bytes:
    """Return the body of PROPPATCH that sets the metadata."""
    # ASCII only: some servers store properties in an encoding of their own.
    text = _escape(json.dumps(dict(metadata), sort_keys=True))
    return (
        '<?xml version="1.0" encoding="utf-8"?><D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>'
        f'<m:{PROPERTY} xmlns:m="{NAMESPACE}">{text}</m:{PROPERTY}>'
        "</D:prop></D:set></D:propertyupdate>"
    ).encode()


def _escape(text: str) -> str:
    # xml.sax.saxutils imports urllib.request, and that half of the library.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def parse_metadata(document: bytes) -> dict[str, str]:
    """Return the metadata in a response to PROPFIND; empty if there is none, or other text."""
    from xml.etree import ElementTree as ET

    # Entities could make a document much longer than it is.
    if b"<!DOCTYPE" in document:
        return {}
    try:
        root = ET.fromstring(document)  # noqa: S314
        found = next(root.iter(f"{{{NAMESPACE}}}{PROPERTY}"), None)
        data = json.loads(found.text or "") if found is not None else {}
    except (ET.ParseError, LookupError, RecursionError, ValueError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {k: v for k, v in data.items() if isinstance(k, str) and isinstance(v, str)}


def is_folder(document: bytes) -> bool | None:
    """Return whether a response to PROPFIND is about a folder; None if it does not say that."""
    from xml.etree import ElementTree as ET

    if b"<!DOCTYPE" in document:
        return None
    try:
        found = next(ET.fromstring(document).iter("{DAV:}resourcetype"), None)  # noqa: S314
    except (ET.ParseError, LookupError, RecursionError, ValueError):
        return None
    return None if found is None else found.find("{DAV:}collection") is not None


def was_property_set(document: bytes) -> bool:
    """Return whether a response to PROPPATCH says success: its status is 207 in any case."""
    from xml.etree import ElementTree as ET

    if b"<!DOCTYPE" in document:
        return False
    try:
        root = ET.fromstring(document)  # noqa: S314
    except (ET.ParseError, LookupError, ValueError):
        return False
    statuses = [(item.text or "").split() for item in root.iter("{DAV:}status")]
    return bool(statuses) and all(len(s) > 1 and s[1].startswith("2") for s in statuses)


def translate_error(error: AwsError, ref: ObjectRef, verb: str) -> StorageError:
    """Return the StorageError for a failed request; ``verb`` is ``read`` or ``write``."""
    problem = f"Cannot {verb} {ref}: {error.problem}"
    if isinstance(error, AwsErrorResponse):
        return StorageError(problem, remedy=error.remedy or _find_remedy(error, verb))
    return StorageError(problem, remedy=error.remedy or "Run it again; the error may be temporary.")


def _find_remedy(error: AwsErrorResponse, verb: str) -> str:
    status = 301 if 300 <= error.status < 400 else error.status
    other = "Run it again; the error may be temporary." if error.transient else _UNKNOWN_REASON
    text = _REMEDIES.get(status, other)
    return text.format(provider=error.server, verb=verb)


_UNKNOWN_REASON = "The log of {provider}, or its administrator, knows the reason."
_NO_WEBDAV = (
    "Correct hostname of {provider} in storage_providers: WebDAV is not enabled there, or not the"
    " methods to {verb} files. Nextcloud's address ends with /remote.php/dav/files/<user>."
)
_NO_FOLDER = "Create the folder that hostname of {provider} names, or correct it."
_REMEDIES = {
    301: "Correct hostname of {provider} in storage_providers: it redirects elsewhere.",
    401: (
        "Check login and password, or token, of {provider} in storage_providers. Nextcloud needs an"
        " app password if two-factor authentication is on."
    ),
    403: "Let the user of {provider} {verb} this folder: its permissions forbid it.",
    404: _NO_FOLDER,
    405: _NO_WEBDAV,
    409: _NO_FOLDER,
    413: "The server of {provider} limits the size of files; increase it there.",
    423: "Another client has locked the file: run it again when the lock has ended.",
    501: _NO_WEBDAV,
    # Apache compares scheme and host of the header Destination with its own.
    502: (
        "Run it again. If it happens always, {provider} may be an Apache behind a proxy that ends"
        " TLS: let it correct the header (RequestHeader edit Destination ^https http early)."
    ),
    507: "Free space in {provider}: the quota is used up.",
}
