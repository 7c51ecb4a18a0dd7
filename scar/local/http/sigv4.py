"""Signature Version 4 on the server: parse an authorization, compute the expected signature.

It shares no code with the supervisor's signer, so that each tests the other. Sources: AWS's
"Create a signed API request" and, for S3, "Authenticating Requests (AWS Signature Version 4)";
the tests compare with botocore.
"""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STREAMING_PREFIX = "STREAMING-"

_SCOPE = re.compile(r"([^/]+)/(\d{8})/([^/]*)/([^/]+)/aws4_request")
# As SDKs write it; other orders and spaces are parsed field by field.
_USUAL_HEADER = re.compile(
    rf"{ALGORITHM} Credential=(?P<Credential>[^,\s]+), ?SignedHeaders=(?P<SignedHeaders>[^,\s]+),"
    r" ?Signature=(?P<Signature>[0-9a-f]+)"
)
_UNRESERVED_PATH = re.compile(r"[A-Za-z0-9/_.~-]*")
_DATE = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sigv4Authorization:
    """The parsed, not yet verified authorization of a request.

    ``date`` is YYYYMMDD, ``timestamp`` YYYYMMDDTHHMMSSZ, ``signature`` hexadecimal; ``expires``
    is the validity in seconds of a presigned URL, None with an Authorization header.
    """

    access_key: str
    date: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    expires: int | None = None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


class MalformedAuthorizationError(Exception):
    """The Authorization header or the query's signing parameters are invalid."""


def find_authorization(headers: Mapping[str, str], query: str) -> Sigv4Authorization | None:
    """Return the authorization of the header or of the query, None if there is neither."""
    header = headers.get("authorization", "")
    if header:
        return _from_header(header, headers)
    return _from_query(query) if is_presigned(query) else None


def is_presigned(query: str) -> bool:
    """Return whether a query has an authorization."""
    return "X-Amz-Signature=" in query or "X-Amz-Algorithm=" in query


def _from_header(authorization: str, headers: Mapping[str, str]) -> Sigv4Authorization:
    usual = _USUAL_HEADER.fullmatch(authorization)
    fields = usual.groupdict() if usual else _authorization_fields(authorization)
    return _build_authorization(
        credential=fields.get("Credential", ""),
        timestamp=headers.get("x-amz-date", ""),
        signed_headers=fields.get("SignedHeaders", ""),
        signature=fields.get("Signature", ""),
    )


def _authorization_fields(authorization: str) -> dict[str, str]:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise MalformedAuthorizationError(f"Only {ALGORITHM} is accepted, not {algorithm[:40]!r}.")
    return dict(item.strip().partition("=")[::2] for item in rest.split(","))


def _from_query(query: str) -> Sigv4Authorization:
    fields = {unquote(name): unquote(value) for name, value in _split_query(query)}
    expires = fields.get("X-Amz-Expires", "")
    if fields.get("X-Amz-Algorithm") != ALGORITHM:
        raise MalformedAuthorizationError(f"X-Amz-Algorithm only supports {ALGORITHM}.")
    if not re.fullmatch(r"\d{1,7}", expires) or int(expires) > 604800:
        raise MalformedAuthorizationError(
            "X-Amz-Expires must be a number of at most 604800 seconds."
        )
    return _build_authorization(
        credential=fields.get("X-Amz-Credential", ""),
        timestamp=fields.get("X-Amz-Date", ""),
        signed_headers=fields.get("X-Amz-SignedHeaders", ""),
        signature=fields.get("X-Amz-Signature", ""),
        expires=int(expires),
    )


def _build_authorization(
    *,
    credential: str,
    timestamp: str,
    signed_headers: str,
    signature: str,
    expires: int | None = None,
) -> Sigv4Authorization:
    scope = _SCOPE.fullmatch(credential)
    if not scope:
        raise MalformedAuthorizationError(
            "The Credential is not <key id>/<date>/<region>/<service>/aws4_request."
        )
    if not _DATE.fullmatch(timestamp) or timestamp[:8] != scope[2]:
        raise MalformedAuthorizationError(
            "X-Amz-Date is missing, malformed, or not the scope's date."
        )
    names = tuple(signed_headers.split(";"))
    # Without the host, a request could be replayed against another endpoint.
    if "host" not in names:
        raise MalformedAuthorizationError("The host header must be signed.")
    return Sigv4Authorization(
        access_key=scope[1],
        date=scope[2],
        region=scope[3],
        service=scope[4],
        timestamp=timestamp,
        signed_headers=names,
        signature=signature,
        expires=expires,
    )


def derive_signing_key(secret: str, scope: tuple[str, str, str]) -> bytes:
    """Return the signing key for a scope: (date, Region, service)."""
    key = f"AWS4{secret}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def compute_signature(key: bytes, authorization: Sigv4Authorization, canonical_request: str) -> str:
    """Return the hexadecimal signature that this request must have."""
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    text = f"{ALGORITHM}\n{authorization.timestamp}\n{authorization.scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def build_canonical_request(
    authorization: Sigv4Authorization,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    payload_hash: str,
) -> str:
    """Return the canonical request; ``path`` and ``query`` as sent, the hash in hexadecimal."""
    return "\n".join(
        [
            method,
            _canonical_path(path, authorization.service),
            _canonical_query(_split_query(query)) if query else "",
            *(
                f"{name}:{' '.join(headers.get(name, '').split())}"
                for name in authorization.signed_headers
            ),
            "",
            ";".join(authorization.signed_headers),
            payload_hash,
        ]
    )


def _canonical_path(path: str, service: str) -> str:
    # S3 encodes a path once and does not normalize it: "a//b" and "a/../b" are valid keys.
    # All other services encode the path as sent, which is encoded already, a second time.
    if service == "s3":
        if _UNRESERVED_PATH.fullmatch(path):
            return path
        return quote(unquote_to_bytes(path), safe="/~")
    # normpath keeps two leading slashes (POSIX) and removes the last one; SDKs do the reverse.
    normal = posixpath.normpath(path).replace("//", "/", 1) if path else "/"
    if path.endswith("/") and not normal.endswith("/"):
        normal += "/"
    return quote(normal, safe="/~")


def _canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    # Sorted after encoding, as AWS prescribes: "%" sorts before letters. A presigned URL does
    # not sign its own signature.
    encoded = sorted(
        (_encode_query_text(name), _encode_query_text(value))
        for name, value in pairs
        if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encode_query_text(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ")), safe="-_.~")


def _split_query(query: str) -> list[tuple[str, str]]:
    """Return the query's names and values, still percent-encoded."""
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(name, value) for name, _, value in parts]
