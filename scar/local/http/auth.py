"""Request authentication: each request must be signed with a key derived from the folder's secret.

There is no table of keys: the secret key is an HMAC of the access key id, so that any id can be
verified, also after a restart. Session tokens are ignored. Roles are not enforced: every valid
key is authorized for every call.
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
"""Most bytes in a request to a service other than S3: its body is read and hashed whole."""

_SKEW = 15 * 60  # seconds that a client's clock may be wrong, as for AWS
_KEY_ID = re.compile(r"\w{16,128}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def derive_secret_key(server_secret: bytes, access_key_id: str) -> str:
    """Return the secret access key of an id: 40 characters, always the same."""
    digest = hmac.digest(server_secret, access_key_id.encode(), "sha256")
    return base64.b64encode(digest).decode()[:40]


class Authenticator:
    """Verifies the signatures of requests; ``clock`` returns epoch seconds."""

    def __init__(self, server_secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

        # A key is valid for a day, a Region and a service: derive it once, not per request.
        @lru_cache(maxsize=256)
        def signing_key(access_key: str, scope: tuple[str, str, str]) -> bytes:
            return sigv4.derive_signing_key(derive_secret_key(server_secret, access_key), scope)

        self._signing_key = signing_key

    def authenticate(self, request: Request) -> Request | Response:
        """Return the request with its access key and verified body, or the error response.

        S3's bodies stay streams: an ``aws-chunked`` body is returned decoded, and its signatures
        are verified while it is read; for a plain one the S3 service compares
        x-amz-content-sha256. Every other body is read whole, up to MAX_BODY_BYTES, and must have
        the signed hash.
        """
        service = ""
        try:
            authorization = _find_authorization(request)
            service = authorization.service
            return self._verify_signature(request, authorization)
        except AuthenticationError as error:
            return build_error_response(error, find_error_format(request, service))

    def _verify_signature(
        self, request: Request, authorization: sigv4.Sigv4Authorization
    ) -> Request:
        if not _KEY_ID.fullmatch(authorization.access_key):
            raise AuthenticationError(AuthenticationErrorReason.UNKNOWN_KEY)
        self._check_time(authorization)
        key = self._signing_key(
            authorization.access_key,
            (authorization.date, authorization.region, authorization.service),
        )
        # S3's bodies may be larger than memory: the header's hash is signed, the body compared
        # with it later. Other services have no such header, so the body itself is hashed.
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
                AuthenticationErrorReason.MALFORMED, "X-Amz-Date is not a valid date."
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
        authorization = sigv4.find_authorization(request.headers, request.query)
    except sigv4.MalformedAuthorizationError as error:
        raise AuthenticationError(AuthenticationErrorReason.MALFORMED, str(error)) from error
    if authorization is None:
        raise AuthenticationError(AuthenticationErrorReason.MISSING)
    return authorization


def _s3_payload_hash(request: Request, authorization: sigv4.Sigv4Authorization) -> str:
    payload = request.headers.get("x-amz-content-sha256", "")
    # A presigned URL is signed before its body is known.
    if authorization.expires is not None and not payload:
        return sigv4.UNSIGNED_PAYLOAD
    if (
        payload == sigv4.UNSIGNED_PAYLOAD
        or payload.startswith(sigv4.STREAMING_PREFIX)
        or _SHA256.fullmatch(payload)
    ):
        return payload
    raise AuthenticationError(
        AuthenticationErrorReason.MALFORMED, "x-amz-content-sha256 is missing or not a SHA-256."
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
