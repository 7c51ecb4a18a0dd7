"""AWS Signature Version 4 in the Authorization header.

Source: AWS, "Signature Version 4 signing process". For S3 the path is signed as it is sent; for
other services it is normalised and encoded once more, and there is no header with the payload's
hash.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from supervisor.aws.request import AwsRequest

ALGORITHM = "AWS4-HMAC-SHA256"
# Not signed: proxies and HTTP libraries may change them.
UNSIGNED_HEADERS = frozenset(
    {"connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
    | {"proxy-authenticate", "proxy-authorization", "user-agent", "x-amzn-trace-id"}
    | {"baggage", "traceparent", "tracestate"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Keys of a role or user; ``expires`` in epoch seconds. The repr has no secrets."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    expires: float = float("inf")


@dataclass(frozen=True, slots=True)
class CredentialScope:
    """What a signature is valid for (the day is added when signing)."""

    region: str
    service: str


def sign(
    request: AwsRequest, *, credentials: Credentials, scope: CredentialScope, timestamp: float
) -> dict[str, str]:
    """Return all headers to send, including Authorization; ``timestamp`` in epoch seconds."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(timestamp))
    headers = {
        **request.headers,
        "host": request.origin.authority,
        "x-amz-date": stamp,
    }
    if scope.service == "s3":
        headers["x-amz-content-sha256"] = request.payload_hash
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    signed = {
        name: " ".join(value.split())
        for name, value in sorted(headers.items())
        if name not in UNSIGNED_HEADERS
    }
    names = ";".join(signed)
    canonical = "\n".join(
        (
            request.method,
            _canonical_path(request, scope),
            request.encoded_query,
            *(f"{name}:{value}" for name, value in signed.items()),
            "",
            names,
            request.payload_hash,
        )
    )
    signature = sign_canonical(canonical, credentials, scope, stamp)
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{day_scope(scope, stamp)}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return headers


def day_scope(scope: CredentialScope, stamp: str) -> str:
    """Return the scope with the day of a time stamp, as it follows the access key."""
    return f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"


def sign_canonical(
    canonical: str, credentials: Credentials, scope: CredentialScope, stamp: str
) -> str:
    """Return the signature of a canonical request, in hex."""
    to_sign = "\n".join((ALGORITHM, stamp, day_scope(scope, stamp), _sha256_hex(canonical)))
    key = _signing_key(credentials, scope, stamp[:8])
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def _canonical_path(request: AwsRequest, scope: CredentialScope) -> str:
    path = request.encoded_path
    if scope.service == "s3":
        return path or "/"
    return quote(_normalize_path(path), safe="/~")


def _normalize_path(path: str) -> str:
    """Resolve ``.`` and ``..`` and drop empty segments, as RFC 3986 section 5.2.4 does."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    tail = "/" if segments and path.endswith("/") else ""
    return "/" + "/".join(segments) + tail


def _signing_key(credentials: Credentials, scope: CredentialScope, day: str) -> bytes:
    return _derive_key(credentials.secret_key, day, scope.region, scope.service)


@lru_cache(maxsize=64)
def _derive_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the signing key, which is the same for a whole day."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
