"""Request authentication: each request must be signed with a key derived from the folder's secret.

There is no table of keys: the secret key is an HMAC of the access key id, so that any id can be
verified, also after a restart. Session tokens are ignored. Roles are not enforced: every valid
key is authorized for every call.
"""

from __future__ import annotations

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
)
from scar.local.http.aws_chunked import AwsChunkedBody, ChunkSigner
from scar.local.http.protocol_errors import find_error_format
from scar.local.http.regions import find_region_error
from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.spooled_bodies import BodySpool, SpooledBody, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request, RequestBody, Response

MAX_BODY_BYTES = 16 << 20
"""Most bytes in a request to a service other than S3: its body is read and hashed whole.

The largest payload of all services is Lambda's, 6 MiB.
"""

_SKEW = 15 * 60  # seconds that a client's clock may be wrong, as for AWS
_KEY_ID = re.compile(r"\w{16,128}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Authenticator:
    """Verifies the signatures of requests.

    ``clock`` returns epoch seconds; bodies are received in ``spool`` until they are verified.
    """

    def __init__(
        self,
        server_secret: bytes,
        clock: Callable[[], float] = time.time,
        spool: BodySpool | None = None,
    ) -> None:
        self._clock = clock
        self._spool = spool or BodySpool()

        # A key is valid for a day, a Region and a service: derive it once, not per request.
        @lru_cache(maxsize=256)
        def signing_key(access_key: str, scope: tuple[str, str, str]) -> bytes:
            return sigv4.derive_signing_key(derive_secret_key(server_secret, access_key), scope)

        self._signing_key = signing_key

    def authenticate(self, request: Request) -> Request | Response:
        """Return the request with its access key and verified body, or the error response.

        S3's bodies stay streams: an ``aws-chunked`` body is returned decoded, and its signatures
        are verified while it is read; for a plain one the S3 service compares
        x-amz-content-sha256. Every other body is received whole, up to MAX_BODY_BYTES, and must
        have the signed hash; the caller closes it (``close_body``).
        """
        service = ""
        try:
            authorization = find_authorization(request)
            service = authorization.service
            return self.verify_signature(request, authorization)
        except AuthenticationError as error:
            return build_error_response(error, find_error_format(request, service))

    def verify_signature(
        self, request: Request, authorization: sigv4.Sigv4Authorization
    ) -> Request:
        """Return the request as ``authenticate`` does; raise AuthenticationError."""
        if not _KEY_ID.fullmatch(authorization.access_key):
            raise AuthenticationError(AuthenticationErrorReason.UNKNOWN_KEY)
        self._check_time(authorization)
        # S3's bodies may be larger than memory: the header's hash is signed, the body compared
        # with it later. Other services have no such header, so the body itself is hashed.
        if authorization.service == "s3":
            _check_signed_headers(request, authorization)
            return self._verify(request, authorization, _s3_payload_hash(request, authorization))
        # What can be known without the body is checked by now: an unsigned body costs nothing.
        if not _SHA256.fullmatch(authorization.signature):
            raise AuthenticationError(AuthenticationErrorReason.MISMATCH)
        body = self._receive(request)
        try:
            return self._verify(replace(request, body=body), authorization, body.sha256)
        except BaseException:
            body.close()
            raise

    def _receive(self, request: Request) -> SpooledBody:
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            raise AuthenticationError(AuthenticationErrorReason.TOO_LARGE)
        try:
            body = self._spool.receive(request.body, MAX_BODY_BYTES)
        except SpoolFullError as error:
            raise AuthenticationError(AuthenticationErrorReason.BUSY) from error
        if body is None:
            raise AuthenticationError(AuthenticationErrorReason.TOO_LARGE)
        return body

    def _verify(
        self, request: Request, authorization: sigv4.Sigv4Authorization, payload: str
    ) -> Request:
        key = self._signing_key(
            authorization.access_key,
            (authorization.date, authorization.region, authorization.service),
        )
        canonical = sigv4.build_canonical_request(
            authorization, request.method, request.path, request.query, request.headers, payload
        )
        # As bytes: a signature with other characters than ASCII must not raise TypeError.
        if not hmac.compare_digest(
            sigv4.compute_signature(key, authorization, canonical).encode(),
            authorization.signature.encode(),
        ):
            raise AuthenticationError(AuthenticationErrorReason.MISMATCH)
        request.on_authenticated()
        if problem := find_region_error(authorization.region):
            raise AuthenticationError(AuthenticationErrorReason.REGION, problem)
        body = request.body
        if payload.startswith(sigv4.STREAMING_PREFIX):
            body = AwsChunkedBody(body, _chunk_signer(key, authorization, payload))
        return replace(request, body=body, access_key=authorization.access_key)

    def _check_time(self, authorization: sigv4.Sigv4Authorization) -> None:
        age = self._clock() - _parse_timestamp(authorization.timestamp)
        if authorization.expires is None:
            if abs(age) > _SKEW:
                raise AuthenticationError(AuthenticationErrorReason.SKEWED)
        elif age > authorization.expires:
            raise AuthenticationError(AuthenticationErrorReason.EXPIRED)
        elif age < -_SKEW:
            raise AuthenticationError(AuthenticationErrorReason.EXPIRED, "Request is not valid yet")


@lru_cache(maxsize=256)
def _parse_timestamp(timestamp: str) -> float:
    """Return epoch seconds; the requests of one second have the same timestamp."""
    try:
        signed = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise AuthenticationError(
            AuthenticationErrorReason.MALFORMED, "X-Amz-Date is not a valid date."
        ) from error
    return signed.timestamp()


def close_body(body: RequestBody) -> None:
    """Close the body of an authenticated request, if it was received whole."""
    if isinstance(body, SpooledBody):
        body.close()


def find_authorization(request: Request) -> sigv4.Sigv4Authorization:
    """Return the only authorization of a request; raise AuthenticationError."""
    if request.headers.get("authorization") and sigv4.is_presigned(request.query):
        raise AuthenticationError(AuthenticationErrorReason.TWO_MECHANISMS)
    try:
        authorization = sigv4.find_authorization(request.headers, request.query)
    except sigv4.MalformedAuthorizationError as error:
        raise AuthenticationError(AuthenticationErrorReason.MALFORMED, str(error)) from error
    if authorization is None:
        raise AuthenticationError(AuthenticationErrorReason.MISSING)
    return authorization


def _check_signed_headers(request: Request, authorization: sigv4.Sigv4Authorization) -> None:
    """Refuse x-amz- headers that are not signed, as S3 does."""
    signed = authorization.signed_headers
    if any(name.startswith("x-amz-") and name not in signed for name in request.headers):
        raise AuthenticationError(AuthenticationErrorReason.UNSIGNED_HEADERS)


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
