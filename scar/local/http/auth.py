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
from scar.local.http.authentication_errors import (
    AuthenticationError,
    AuthenticationErrorReason,
    build_error_response,
    find_error_format,
)
from scar.local.http.aws_chunked import AwsChunkedBody, ChunkSigner
from scar.local.http.bodies import BytesBody, read_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request, Response

MAX_BODY_BYTES = 128 << 20
"""Bytes of a request that is not S3's: it is hashed before anything acts on it."""

_SKEW = 15 * 60
_KEY_ID = re.compile(r"\w{16,128}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def derive_secret_key(server_secret: bytes, access_key_id: str) -> str:
    """The secret access key that belongs to an id: 40 characters, the same for ever."""
    digest = hmac.digest(server_secret, access_key_id.encode(), "sha256")
    return base64.b64encode(digest).decode()[:40]


class Authenticator:
    """Checks signatures; ``clock`` gives epoch seconds."""

    def __init__(self, server_secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

        @lru_cache(maxsize=256)
        def signing_key(access_key: str, scope: tuple[str, str, str]) -> bytes:
            return sigv4.derive_signing_key(derive_secret_key(server_secret, access_key), scope)

        self._key = signing_key

    def authenticate(self, request: Request) -> Request | Response:
        """Return the request with its caller and a checked body, or the refusal to send.

        Bodies of S3 stay streams: an ``aws-chunked`` one comes back decoded, its signatures
        checked while it is read; for a plain one the receiver compares x-amz-content-sha256.
        Every other body is read whole, up to MAX_BODY, and must have the signed hash.
        """
        service = ""
        try:
            claim = _find_authorization(request)
            service = claim.service
            return self._verify_signature(request, claim)
        except AuthenticationError as denial:
            return build_error_response(denial, find_error_format(request, service))

    def _verify_signature(
        self, request: Request, authorization: sigv4.Sigv4Authorization
    ) -> Request:
        if not _KEY_ID.fullmatch(authorization.access_key):
            raise AuthenticationError(AuthenticationErrorReason.UNKNOWN_KEY)
        self._check_time(authorization)
        key = self._key(
            authorization.access_key,
            (authorization.date, authorization.region, authorization.service),
        )
        if authorization.service == "s3":
            body, payload = request.body, _s3_payload_hash(request, authorization)
        else:
            data = read_all(request.body, MAX_BODY_BYTES)
            if data is None:
                raise AuthenticationError(AuthenticationErrorReason.TOO_LARGE)
            body, payload = BytesBody(data), hashlib.sha256(data).hexdigest()
        canonical = sigv4.build_canonical_request(
            authorization, request.method, request.path, request.query, request.headers, payload
        )
        if not hmac.compare_digest(
            sigv4.compute_signature(key, authorization, canonical), authorization.signature
        ):
            raise AuthenticationError(AuthenticationErrorReason.MISMATCH)
        if payload.startswith(sigv4.STREAMING_PREFIX):
            body = AwsChunkedBody(body, _chunk_signer(key, authorization, payload))
        return replace(request, body=body, access_key=authorization.access_key)

    def _check_time(self, authorization: sigv4.Sigv4Authorization) -> None:
        try:
            signed = datetime.strptime(authorization.timestamp, "%Y%m%dT%H%M%SZ").replace(
                tzinfo=UTC
            )
        except ValueError as error:
            raise AuthenticationError(
                AuthenticationErrorReason.MALFORMED, "X-Amz-Date is no moment in time."
            ) from error
        age = self._clock() - signed.timestamp()
        if authorization.expires is None:
            if abs(age) > _SKEW:
                raise AuthenticationError(AuthenticationErrorReason.SKEWED)
        elif age > authorization.expires:
            raise AuthenticationError(AuthenticationErrorReason.EXPIRED)
        elif age < -_SKEW:
            raise AuthenticationError(AuthenticationErrorReason.EXPIRED, "Request is not valid yet")


def _find_authorization(request: Request) -> sigv4.Sigv4Authorization:
    try:
        claim = sigv4.find_authorization(request.headers, request.query)
    except sigv4.MalformedAuthorization as error:
        raise AuthenticationError(AuthenticationErrorReason.MALFORMED, str(error)) from error
    if claim is None:
        raise AuthenticationError(AuthenticationErrorReason.MISSING)
    return claim


def _s3_payload_hash(request: Request, authorization: sigv4.Sigv4Authorization) -> str:
    payload = request.headers.get("x-amz-content-sha256", "")
    if authorization.expires is not None and not payload:
        return sigv4.UNSIGNED_PAYLOAD
    if (
        payload == sigv4.UNSIGNED_PAYLOAD
        or payload.startswith(sigv4.STREAMING_PREFIX)
        or _SHA256.fullmatch(payload)
    ):
        return payload
    raise AuthenticationError(
        AuthenticationErrorReason.MALFORMED, "x-amz-content-sha256 is missing or no SHA-256."
    )


def _chunk_signer(
    key: bytes, authorization: sigv4.Sigv4Authorization, payload: str
) -> ChunkSigner | None:
    if "UNSIGNED" in payload:
        return None
    return ChunkSigner(
        key=key,
        timestamp=authorization.timestamp,
        scope=authorization.scope,
        seed_signature=authorization.signature,
    )
