"""Who may ask: every request must be signed with a key that this local cloud gave out.

No table of keys: the secret of a key id is an HMAC of the id, so any id verifies, also after
a restart. Session tokens are not looked at. Roles are not enforced: a valid key may do all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from scar.local.http import sigv4
from scar.local.http.authentication_errors import Denial, Reason, answer, dialect_of
from scar.local.http.aws_chunked import AwsChunkedBody, ChunkSigner
from scar.local.http.bodies import BytesBody, read_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request, Response

MAX_BODY = 128 << 20
"""Bytes of a request that is not S3's: it is hashed before anything acts on it."""

_SKEW = 15 * 60
_KEY_ID = re.compile(r"\w{16,128}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def secret_for(server_secret: bytes, access_key_id: str) -> str:
    """The secret access key that belongs to an id: 40 characters, the same for ever."""
    digest = hmac.digest(server_secret, access_key_id.encode(), "sha256")
    return base64.b64encode(digest).decode()[:40]


class Authenticator:
    """Checks signatures; ``clock`` gives epoch seconds."""

    def __init__(self, server_secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

        @lru_cache(maxsize=256)
        def key(access_key: str, scope: tuple[str, str, str]) -> bytes:
            return sigv4.signing_key(secret_for(server_secret, access_key), scope)

        self._key = key

    def admit(self, request: Request) -> Request | Response:
        """Return the request with its caller and a checked body, or the refusal to send.

        Bodies of S3 stay streams: an ``aws-chunked`` one comes back decoded, its signatures
        checked while it is read; for a plain one the receiver compares x-amz-content-sha256.
        Every other body is read whole, up to MAX_BODY, and must have the signed hash.
        """
        service = ""
        try:
            claim = _claim(request)
            service = claim.service
            return self._verify(request, claim)
        except Denial as denial:
            return answer(denial, dialect_of(request, service))

    def _verify(self, request: Request, claim: sigv4.Claim) -> Request:
        if not _KEY_ID.fullmatch(claim.access_key):
            raise Denial(Reason.UNKNOWN_KEY)
        self._check_time(claim)
        key = self._key(claim.access_key, (claim.date, claim.region, claim.service))
        if claim.service == "s3":
            body, payload = request.body, _s3_payload(request, claim)
        else:
            data = read_all(request.body, MAX_BODY)
            if data is None:
                raise Denial(Reason.TOO_LARGE)
            body, payload = BytesBody(data), hashlib.sha256(data).hexdigest()
        canonical = sigv4.canonical_request(
            claim, request.method, request.path, request.query, request.headers, payload
        )
        if not hmac.compare_digest(sigv4.signature(key, claim, canonical), claim.signature):
            raise Denial(Reason.MISMATCH)
        if payload.startswith(sigv4.STREAMING):
            body = AwsChunkedBody(body, _chunk_signer(key, claim, payload))
        return replace(request, body=body, access_key=claim.access_key)

    def _check_time(self, claim: sigv4.Claim) -> None:
        try:
            signed = datetime.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise Denial(Reason.MALFORMED, "X-Amz-Date is no moment in time.") from error
        age = self._clock() - signed.timestamp()
        if claim.expires is None:
            if abs(age) > _SKEW:
                raise Denial(Reason.SKEWED)
        elif age > claim.expires:
            raise Denial(Reason.EXPIRED)
        elif age < -_SKEW:
            raise Denial(Reason.EXPIRED, "Request is not valid yet")


def _claim(request: Request) -> sigv4.Claim:
    try:
        claim = sigv4.find_claim(request.headers, request.query)
    except sigv4.MalformedClaim as error:
        raise Denial(Reason.MALFORMED, str(error)) from error
    if claim is None:
        raise Denial(Reason.MISSING)
    return claim


def _s3_payload(request: Request, claim: sigv4.Claim) -> str:
    payload = request.headers.get("x-amz-content-sha256", "")
    if claim.expires is not None and not payload:
        return sigv4.UNSIGNED
    if (
        payload == sigv4.UNSIGNED
        or payload.startswith(sigv4.STREAMING)
        or _SHA256.fullmatch(payload)
    ):
        return payload
    raise Denial(Reason.MALFORMED, "x-amz-content-sha256 is missing or no SHA-256.")


def _chunk_signer(key: bytes, claim: sigv4.Claim, payload: str) -> ChunkSigner | None:
    if "UNSIGNED" in payload:
        return None
    return ChunkSigner(key=key, timestamp=claim.timestamp, scope=claim.scope, seed=claim.signature)
