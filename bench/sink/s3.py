"""Answer one request: what S3, STS and CloudWatch Logs would say, without looking at much of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from bench.sink.listing import NAMESPACE, PAGE
from bench.sink.logs import LogGroup

if TYPE_CHECKING:
    from bench.sink.counters import Counters
    from bench.sink.listing import Listing, Stored

REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 400: "Bad Request",
           404: "Not Found", 411: "Length Required", 416: "Range Not Satisfiable",
           501: "Not Implemented"}  # fmt: skip
ALWAYS = (
    "Date: Sun, 29 Nov 2026 03:00:00 GMT\r\nServer: AmazonS3\r\n"
    "x-amz-request-id: 0000000000000000\r\nx-amz-id-2: sink\r\n"
)
XML, JSON = "Content-Type: application/xml\r\n", "Content-Type: application/x-amz-json-1.1\r\n"
ETAG = "0123456789abcdef0123456789abcdef"
UPLOAD = "sink-upload"
STS = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/bench</Arn><UserId>AIDA</UserId>"
    "<Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>0"
    "</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)
# Of a bucket, without which some clients send no object.
SUBRESOURCES = {
    "location": f'<LocationConstraint xmlns="{NAMESPACE}"></LocationConstraint>',
    "notification": f'<NotificationConfiguration xmlns="{NAMESPACE}"/>',
    "versioning": f'<VersioningConfiguration xmlns="{NAMESPACE}"/>',
}
LIST_PARAMETERS = frozenset(
    ("list-type", "prefix", "delimiter", "continuation-token", "max-keys", "encoding-type",
     "fetch-owner", "x-id")
)  # fmt: skip


class Head:
    """The headers of a request, whose names are found in any case."""

    __slots__ = ("_lower", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._lower = raw.lower()

    def get(self, name: bytes) -> str:
        """Return the value of a header, of which the name is given in lower case; empty if none."""
        begin = self._lower.find(b"\r\n" + name + b":")
        if begin < 0:
            return ""
        begin += len(name) + 3
        end = self._lower.find(b"\r\n", begin)
        return self._raw[begin : end if end >= 0 else None].strip().decode("latin-1")

    def line(self, prefix: bytes) -> bytes:
        """Return the first header whose name begins so, as a whole line; empty if none."""
        begin = self._lower.find(b"\r\n" + prefix)
        if begin < 0:
            return b""
        end = self._lower.find(b"\r\n", begin + 2)
        return self._raw[begin + 2 : end if end >= 0 else None] + b"\r\n"


@dataclass(frozen=True, slots=True)
class Response:
    """The head and the body of a response, and how many zero bytes come after them."""

    head: bytes
    body: bytes = b""
    zeros: int = 0


@dataclass(frozen=True, slots=True)
class Sink:
    """Answers requests; those to ``/_counters`` with its counters."""

    listing: Listing
    counters: Counters
    logs: LogGroup = field(default_factory=LogGroup)

    def answer(self, method: str, target: str, head: Head, body: bytes) -> Response:
        """Return the response to a request."""
        path, _, query = target.partition("?")
        bucket, _, key = path.lstrip("/").partition("/")
        if method == "PUT" and key:
            self.counters.add("UploadPart" if "uploadId=" in query else "PutObject")
            return _written(head)
        if not bucket or bucket == "2015-03-31":
            return self._other_service(path, head, body)
        if bucket == "_counters":
            return _respond(200, JSON, json.dumps(self.counters.totals()).encode())
        if not key:
            return self._bucket(method, bucket, query)
        return self._object(method, bucket, unquote(key), query, head)

    def _object(self, method: str, bucket: str, key: str, query: str, head: Head) -> Response:
        match method:
            case "GET" | "HEAD":
                self.counters.add("GetObject" if method == "GET" else "HeadObject")
                stored = self.listing.find(bucket, key)
                return _missing() if stored is None else _read(method, stored, head)
            case "DELETE":
                name = "AbortMultipartUpload" if "uploadId=" in query else "DeleteObject"
                self.counters.add(name)
                return _respond(204)
            case "POST" if "uploadId=" in query:
                self.counters.add("CompleteMultipartUpload")
                return _upload_result(
                    "CompleteMultipartUpload", bucket, key, f"<ETag>{ETAG}-2</ETag>"
                )
            case "POST" if "uploads" in query:
                self.counters.add("CreateMultipartUpload")
                return _upload_result(
                    "InitiateMultipartUpload", bucket, key, f"<UploadId>{UPLOAD}</UploadId>"
                )
            case _:
                return self._unknown(f"{method} of an object with ?{query}")

    def _bucket(self, method: str, bucket: str, query: str) -> Response:
        if method == "HEAD":
            self.counters.add("HeadBucket")
            return _respond(200, "x-amz-bucket-region: us-east-1\r\n")
        given = {
            name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()
        }
        if method == "GET" and given.keys() <= LIST_PARAMETERS:
            self.counters.add("ListObjectsV2")
            return _respond(
                200,
                XML,
                self.listing.page(
                    bucket,
                    given.get("prefix", ""),
                    given.get("delimiter", ""),
                    given.get("continuation-token", ""),
                    min(PAGE, int(given.get("max-keys", PAGE))),
                    given.get("encoding-type", ""),
                ),
            )
        self.counters.add("Other")
        for name, document in SUBRESOURCES.items():
            if method == "GET" and name in given:
                return _respond(200, XML, document.encode())
        return _respond(200) if method == "PUT" else self._unknown(f"{method} with ?{query}")

    def _other_service(self, path: str, head: Head, body: bytes) -> Response:
        self.counters.add("Other")
        if path.startswith("/2015-03-31/functions/"):
            missing = "x-amzn-ErrorType: ResourceNotFoundException\r\n" + JSON
            return _respond(404, missing, b'{"Message":"Function not found"}')
        service, _, operation = head.get(b"x-amz-target").partition(".")
        if service.startswith("Logs_"):
            status, data = self.logs.answer(operation, json.loads(body))
            return _respond(status, JSON, data)
        if b"Action=GetCallerIdentity" in body:
            return _respond(200, "Content-Type: text/xml\r\n", STS.encode())
        return self._unknown(f"a request to {path}")

    def _unknown(self, what: str) -> Response:
        return _error(501, "NotImplemented", f"The sink does not answer {what}.")


def _written(head: Head) -> Response:
    """Return the response to a write; a checksum that came with it is confirmed."""
    checksum = head.line(b"x-amz-checksum-").decode("latin-1")
    return _respond(200, f'ETag: "{ETAG}"\r\n{checksum}')


def _read(method: str, stored: Stored, head: Head) -> Response:
    headers = (
        f'ETag: "{stored.etag}"\r\nLast-Modified: Sun, 29 Nov 2026 03:00:00 GMT\r\n'
        "Accept-Ranges: bytes\r\nContent-Type: binary/octet-stream\r\n"
    )
    if method == "HEAD":
        return _respond(200, headers, length=stored.size)
    if wanted := head.get(b"range"):
        first, _, last = wanted.partition("=")[2].partition("-")
        begin = int(first) if first else stored.size - int(last)
        end = min(int(last), stored.size - 1) if first and last else stored.size - 1
        if begin > end:
            return _error(416, "InvalidRange", "The requested range is not satisfiable")
        headers += f"Content-Range: bytes {begin}-{end}/{stored.size}\r\n"
        return _respond(206, headers, zeros=end - begin + 1)
    if stored.crc32 and head.get(b"x-amz-checksum-mode"):
        headers += f"x-amz-checksum-crc32: {stored.crc32}\r\n"
    return _respond(200, headers, zeros=stored.size)


def _upload_result(name: str, bucket: str, key: str, more: str) -> Response:
    text = (
        f'<{name}Result xmlns="{NAMESPACE}"><Bucket>{bucket}</Bucket><Key>{key}</Key>{more}'
        f"</{name}Result>"
    )
    return _respond(200, XML, text.encode())


def _missing() -> Response:
    return _error(404, "NoSuchKey", "The specified key does not exist.")


def _error(status: int, code: str, message: str) -> Response:
    return _respond(
        status, XML, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    )


def _respond(
    status: int, headers: str = "", body: bytes = b"", *, zeros: int = 0, length: int | None = None
) -> Response:
    size = len(body) + zeros if length is None else length
    head = f"HTTP/1.1 {status} {REASONS[status]}\r\n{ALWAYS}{headers}Content-Length: {size}\r\n\r\n"
    return Response(head.encode(), body, zeros)
