"""Parsing and encoding of S3's XML documents."""

from __future__ import annotations

import datetime as dt
import re
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from scar.local.http.messages import Response
from scar.local.s3.protocol.errors import malformed_xml

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'
_CONTROL = re.compile(r"[\x00-\x1f]")
_SPECIAL = re.compile(r"[\x00-\x1f&<>]")


def text(name: str, value: str | float) -> str:
    """Return an element with text; control characters become references, as in S3's responses."""
    return f"<{name}>{escape_text(str(value))}</{name}>"


def escape_text(value: str) -> str:
    """Return a text as the content of an element."""
    if not _SPECIAL.search(value):
        return value
    return _CONTROL.sub(lambda match: f"&#x{ord(match[0]):x};", escape(value))


def flag(name: str, *, value: bool) -> str:
    return f"<{name}>{'true' if value else 'false'}</{name}>"


def tag(name: str, *children: str) -> str:
    """Return an element around encoded elements."""
    return f"<{name}>{''.join(children)}</{name}>"


def xml_response(name: str, *children: str, headers: dict[str, str] | None = None) -> Response:
    """Return a response with status 200 and a document in S3's namespace."""
    return Response(
        status=200,
        headers={"content-type": "application/xml", **(headers or {})},
        body=encode_document(name, *children),
    )


def encode_document(name: str, *children: str) -> bytes:
    """Return a document in S3's namespace, with encoded elements as its children."""
    return f'{_PROLOGUE}<{name} xmlns="{NAMESPACE}">{"".join(children)}</{name}>'.encode()


def encode_error_document(code: str, message: str, details: dict[str, str]) -> bytes:
    children = [text("Code", code), text("Message", message)]
    children += [text(name, value) for name, value in details.items()]
    return (_PROLOGUE + tag("Error", *children)).encode()


class _NoDoctype(ET.TreeBuilder):
    """Rejects a document with a DTD, in any encoding, before its entities are parsed.

    Nested entities would expand to gigabytes ("billion laughs").
    """

    def doctype(self, _name: str, _pubid: str | None, _system: str | None) -> None:
        raise malformed_xml()


def parse(data: bytes) -> ET.Element:
    """Parse a document and remove its namespaces; raise S3Error MalformedXML, also for a DTD."""
    try:
        root = ET.fromstring(data, ET.XMLParser(target=_NoDoctype()))  # noqa: S314
    except ET.ParseError as error:
        raise malformed_xml() from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def format_timestamp(seconds: float) -> str:
    """Return epoch seconds as ``2026-11-21T10:00:00.000Z``."""
    time = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{time.isoformat(timespec='milliseconds')[:-6]}Z"
