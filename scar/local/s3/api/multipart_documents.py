"""XML documents of multipart uploads: the request to complete one, elements of responses."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from scar.local.s3.protocol import xml
from scar.local.s3.protocol.errors import malformed_xml
from scar.local.s3.protocol.event_messages import OWNER
from scar.local.s3.storage.uploads import CompletedPart

if TYPE_CHECKING:
    from scar.local.http.messages import Response
    from scar.local.s3.protocol.request import S3Request
    from scar.local.s3.storage.objects import ObjectRow
    from scar.local.s3.storage.uploads import MultipartUpload, UploadedPart


def parse_completed_parts(document: bytes) -> list[CompletedPart]:
    """Return the parts listed in CompleteMultipartUpload; raise S3Error MalformedXML."""
    root = xml.parse(document)
    parts: list[CompletedPart] = []
    for element in root.iterfind("Part"):
        number = element.findtext("PartNumber", "")
        if not number.isascii() or not number.isdigit():
            raise malformed_xml()
        checksums = {
            child.tag.removeprefix("Checksum").lower(): child.text or ""
            for child in element
            if child.tag.startswith("Checksum")
        }
        etag = element.findtext("ETag", "").strip().strip('"')
        parts.append(CompletedPart(number=int(number), etag=etag, checksums=checksums))
    if root.tag != "CompleteMultipartUpload" or not parts:
        raise malformed_xml()
    return parts


def completion_response(request: S3Request, stored: ObjectRow) -> Response:
    """Return the response to CompleteMultipartUpload."""
    checksums = [xml.text(f"Checksum{name.upper()}", v) for name, v in stored.meta.sums.items()]
    if checksums:
        checksums.append(xml.text("ChecksumType", stored.meta.sums_type))
    host = request.headers.get("host", "")
    return xml.xml_response(
        "CompleteMultipartUploadResult",
        xml.text("Location", f"http://{host}/{request.bucket}/{quote(request.key)}"),
        xml.text("Bucket", request.bucket),
        xml.text("Key", request.key),
        xml.text("ETag", f'"{stored.etag}"'),
        *checksums,
        headers=stored.meta.encryption_headers(),
    )


def part_element(part: UploadedPart) -> str:
    """Return a part as an element of ListParts."""
    return xml.tag(
        "Part",
        xml.text("PartNumber", part.number),
        xml.text("LastModified", xml.format_timestamp(part.modified)),
        xml.text("ETag", f'"{part.etag}"'),
        xml.text("Size", part.size),
        *(xml.text(f"Checksum{name.upper()}", value) for name, value in part.checksums.items()),
    )


def upload_element(upload: MultipartUpload, *, encode: bool) -> str:
    """Return an upload as an element of ListMultipartUploads; ``encode`` as in ``encode_key``."""
    owner = xml.text("ID", OWNER)
    return xml.tag(
        "Upload",
        xml.text("Key", encode_key(upload.key, encode=encode)),
        xml.text("UploadId", upload.id),
        xml.tag("Initiator", owner),
        xml.tag("Owner", owner),
        xml.text("StorageClass", upload.meta.storage_class),
        xml.text("Initiated", xml.format_timestamp(upload.created)),
    )


def encode_key(key: str, *, encode: bool) -> str:
    """Return the key, percent-encoded if the request has ``encoding-type=url``."""
    return quote(key, safe="/*-._~") if encode else key
