"""One S3 request, taken apart: bucket, key, query, headers, body."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, field, replace
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
"""Bytes of an XML document in a request: 1,000 keys of 1,024 bytes to delete fit."""

_VIRTUAL_HOST = re.compile(r"(.+?)\.(?:s3[.-].*|localhost)")
_REGION = re.compile(r"Credential=[^/]+/\d{8}/([^/]*)/s3/aws4_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Request:
    """``bucket`` and ``key`` are decoded, empty if the request names none.

    ``region`` is the one that was signed for. The ids are those of the response, which
    events repeat.
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
    request_id: str = field(default_factory=lambda: secrets.token_hex(8).upper())
    host_id: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(48)).decode())

    def read_document(self, *, verify_checksums: bool = True) -> bytes:
        """Read the body whole and check it; raise MaxMessageLengthExceeded above MAX_DOCUMENT.

        ``sums`` false: the checksum headers are about something else than this body.
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
        """A count in the query; raise InvalidArgument if it is none."""
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
    """Take a request apart; raise S3Error if bucket or key cannot be read from it."""
    bucket, key = _parse_address(request.headers.get("host", ""), request.path)
    check_object_key(key)
    credential = request.headers.get("authorization") or unquote(request.query)
    credential = credential.replace("X-Amz-Credential=", "Credential=")
    region = _REGION.search(credential)
    return S3Request(
        method=request.method,
        bucket=bucket,
        key=key,
        query=dict(parse_qsl(request.query, keep_blank_values=True)),
        headers=request.headers,
        body=_decode_body(request),
        access_key=request.access_key,
        remote=request.remote,
        region=region[1] if region else "us-east-1",
    )


def _parse_address(host: str, path: str) -> tuple[str, str]:
    """Path style, or virtual-host style for ``<bucket>.s3…`` and ``<bucket>.localhost``."""
    try:
        plain = unquote_to_bytes(path.encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.") from error
    virtual = _VIRTUAL_HOST.fullmatch(host.partition(":")[0])
    if virtual:
        return virtual[1], plain[1:]
    bucket, _, key = plain[1:].partition("/")
    return bucket, key


def _decode_body(request: Request) -> RequestBody:
    payload = request.headers.get("x-amz-content-sha256", "")
    if payload.startswith(STREAMING_PREFIX) and not isinstance(request.body, AwsChunkedBody):
        return AwsChunkedBody(request.body)
    return request.body
