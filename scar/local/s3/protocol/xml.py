"""Reading and writing S3's XML documents."""

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


def text(name: str, value: str | float) -> str:
    """One element with text; control characters become references, as S3 writes them."""
    escaped = _CONTROL.sub(lambda found: f"&#x{ord(found[0]):x};", escape(str(value)))
    return f"<{name}>{escaped}</{name}>"


def flag(name: str, *, value: bool) -> str:
    return f"<{name}>{'true' if value else 'false'}</{name}>"


def tag(name: str, *children: str) -> str:
    """One element around elements that are written already."""
    return f"<{name}>{''.join(children)}</{name}>"


def xml_response(name: str, *children: str, headers: dict[str, str] | None = None) -> Response:
    """A successful response with one document in S3's namespace."""
    return Response(
        status=200,
        headers={"content-type": "application/xml", **(headers or {})},
        body=encode_document(name, *children),
    )


def encode_document(name: str, *children: str) -> bytes:
    """One document in S3's namespace."""
    return f'{_PROLOGUE}<{name} xmlns="{NAMESPACE}">{"".join(children)}</{name}>'.encode()


def encode_error_document(code: str, message: str, details: dict[str, str]) -> bytes:
    children = [text("Code", code), text("Message", message)]
    children += [text(name, value) for name, value in details.items()]
    return (_PROLOGUE + tag("Error", *children)).encode()


class _NoDoctype(ET.TreeBuilder):
    """Refuses a DTD in whatever encoding, before any entity of it is read."""

    def doctype(self, _name: str, _pubid: str | None, _system: str | None) -> None:
        raise malformed_xml()


def parse(data: bytes) -> ET.Element:
    """Parse a document and drop namespaces; raise MalformedXML, also for any DTD."""
    try:
        root = ET.fromstring(data, ET.XMLParser(target=_NoDoctype()))  # noqa: S314
    except ET.ParseError as error:
        raise malformed_xml() from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def format_timestamp(seconds: float) -> str:
    """``2026-11-21T10:00:00.000Z``."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
