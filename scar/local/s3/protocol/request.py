"""Parsing of an HTTP request into an S3 request: bucket, key, query, headers, body."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from scar.local.http.aws_chunked import AwsChunkedBody
from scar.local.http.bodies import read_all
from scar.local.http.sigv4 import STREAMING_PREFIX
from scar.local.s3.protocol.body import parse_expected_body, verify_body
from scar.local.s3.protocol.errors import S3Error
from scar.local.s3.protocol.names import check_object_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.http.messages import Request, RequestBody

MAX_DOCUMENT = 2 << 20
"""Most bytes of a document in a request: enough to delete 1,000 keys of 1,024 bytes."""

_VIRTUAL_HOST = re.compile(r"(.+?)\.(?:s3[.-].*|localhost)")
_REGION = re.compile(r"Credential=[^/]+/\d{8}/([^/]*)/s3/aws4_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Request:
    """A parsed request; ``bucket`` and ``key`` are decoded, empty if the request has none.

    ``region`` is that of the signature. ``request_id`` and ``host_id`` are sent in the response
    and repeated in the events that the request causes.
    """

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: RequestBody
    access_key: str
    remote: str
    region: str
    request_id: str
    host_id: str

    def read_document(self, *, verify_checksums: bool = True) -> bytes:
        """Return the whole body; raise S3Error if it is not as declared, or too large.

        ``verify_checksums`` is false for CompleteMultipartUpload, whose checksum headers are
        those of the object, not of the body.
        """
        data = read_all(self.body, MAX_DOCUMENT)
        if data is None:
            raise S3Error(400, "MaxMessageLengthExceeded", "Your request was too big.")
        expected = parse_expected_body(self.headers)
        if not verify_checksums:
            expected = replace(expected, checksums={}, algorithms=frozenset())
        verify_body(data, self.body, expected)
        return data

    def query_number(self, name: str, default: int, maximum: int) -> int:
        """Return a number of the query, at most ``maximum``; raise S3Error InvalidArgument."""
        value = self.query.get(name, "")
        if not value:
            return default
        if not re.fullmatch(r"\d{1,10}", value):
            raise S3Error(
                400,
                "InvalidArgument",
                f"Provided {name} not an integer or within integer range",
                details={"ArgumentName": name, "ArgumentValue": value},
            )
        return min(int(value), maximum)


def parse_s3_request(request: Request) -> S3Request:
    """Parse a request; raise S3Error if its bucket or key is invalid."""
    bucket, key = parse_address(request.headers.get("host", ""), request.path)
    check_object_key(key)
    credential = request.headers.get("authorization")
    if not credential:
        credential = unquote(request.query).replace("X-Amz-Credential=", "Credential=")
    region = _REGION.search(credential)
    random = secrets.token_bytes(56)
    return S3Request(
        method=request.method,
        bucket=bucket,
        key=key,
        query=dict(parse_qsl(request.query, keep_blank_values=True)) if request.query else {},
        headers=request.headers,
        body=_decode_body(request),
        access_key=request.access_key,
        remote=request.remote,
        region=region[1] if region else "us-east-1",
        request_id=random[:8].hex().upper(),
        host_id=base64.b64encode(random[8:]).decode(),
    )


def parse_address(host: str, path: str) -> tuple[str, str]:
    """Return bucket and key, decoded.

    Hosts ``<bucket>.s3…`` and ``<bucket>.localhost`` are virtual-hosted-style requests, all
    others are path-style.
    """
    try:
        decoded = unquote_to_bytes(path.encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.") from error
    virtual = _VIRTUAL_HOST.fullmatch(host.partition(":")[0])
    if virtual:
        return virtual[1], decoded[1:]
    bucket, _, key = decoded[1:].partition("/")
    return bucket, key


def _decode_body(request: Request) -> RequestBody:
    payload = request.headers.get("x-amz-content-sha256", "")
    # The authenticator decodes aws-chunked bodies; this is for requests that bypass it.
    if payload.startswith(STREAMING_PREFIX) and not isinstance(request.body, AwsChunkedBody):
        return AwsChunkedBody(request.body)
    return request.body
