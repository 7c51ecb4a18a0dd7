"""Requests to S3 without the SDK: a tenth of its CPU time for each, and of its start."""

from __future__ import annotations

import hashlib
import re
import threading
import zlib
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from scar import __version__
from scar.aws.client.direct.repetition import send_repeatedly
from scar.aws.client.foreign_responses import describe_foreign_response, has_request_id
from scar.errors import UsageError
from supervisor.aws.client import AwsClient
from supervisor.aws.errors import (
    AwsError,
    AwsErrorResponse,
    InvalidResponse,
    parse_error_response,
)
from supervisor.aws.request import UNSIGNED_PAYLOAD, AwsRequest, FileSlice
from supervisor.aws.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.aws.client.call_waits import CallWaits
    from scar.aws.client.direct.configuration import BucketEndpoint, DirectConfiguration
    from supervisor.aws.connection_pool import StreamedResponse
    from supervisor.aws.request import ReadableFile

T = TypeVar("T")
_ONCE = Backoff(max_attempts=1)
_USER_AGENT = f"scar/{__version__}"
_DIRECTORY_BUCKET = "--x-s3"
_REGION_CODES = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "Redirect"}
    | {"IllegalLocationConstraintException"}
)
# For an upload in parts, S3 takes the encryption from CreateMultipartUpload.
_WRITES = ("PutObject", "CreateMultipartUpload")
_MOVED = frozenset({301, 302, 307, 308})
_REGION = re.compile(r"[a-z0-9-]{1,63}")  # what may become a part of a host's name
_ERROR_DOCUMENT = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<Error[\s>]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCall:
    """One operation on a bucket or an object; ``name`` is that of S3's API.

    ``has_checksum``: S3 is asked to verify the body. ``on_sent`` receives the number of bytes of a
    file that were sent, negative if they are sent again.
    """

    name: str
    method: str
    bucket: str
    key: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] | None = None
    body: bytes | FileSlice = b""
    has_checksum: bool = False
    on_sent: Callable[[int], None] | None = None
    checks_owner: bool = True


class ObjectClient:
    """Sends S3's operations for buckets of one account; thread-safe.

    ``owner`` returns the account id that must own the buckets, or an empty text for no check.
    ``encryption``: the algorithm and the KMS key that writes request; empty for none. All
    methods raise the errors of the SDK (``errors.SDK_ERRORS``), after the same repetitions.
    """

    def __init__(
        self,
        configuration: DirectConfiguration,
        waits: CallWaits,
        owner: Callable[[], str],
        encryption: tuple[str, str] = ("", ""),
    ) -> None:
        self.configuration = configuration
        self.connections = configuration.connections
        self._waits = waits
        self._owner = owner
        algorithm, key_id = encryption
        self._encryption = {"x-amz-server-side-encryption": algorithm} if algorithm else {}
        if key_id:
            self._encryption["x-amz-server-side-encryption-aws-kms-key-id"] = key_id
        self._lock = threading.Lock()
        self._endpoints: dict[str, BucketEndpoint] = {}
        self._clients: dict[str, AwsClient] = {}

    def send(self, call: ObjectCall) -> tuple[Mapping[str, str], bytes]:
        """Send a call; return the headers and the body of its response."""
        return self.receive(call, lambda reply: (reply.headers, read_document(reply)))

    def receive(self, call: ObjectCall, read: Callable[[StreamedResponse], T]) -> T:
        """Send a call and return what ``read`` makes of the response.

        If the response breaks off, or ``read`` raises another AwsError that is transient, both are
        repeated.
        """

        body = _count_sent(call)
        endpoint = self._find_endpoint(call.bucket)
        is_corrected = False

        def send() -> T:
            nonlocal endpoint
            endpoint = self._find_endpoint(call.bucket)
            request = self._build(call, body, endpoint)
            reply = self._client(endpoint.region).open(request)
            try:
                _refuse_foreign_response(call, reply)
                return read(reply)
            finally:
                reply.close()

        def correct(error: AwsError) -> bool:
            nonlocal is_corrected
            if is_corrected or not self._correct_region(call.bucket, endpoint, error):
                return False
            is_corrected = True  # once: servers may send a request round in a circle
            return True

        return send_repeatedly(
            send,
            call.name,
            waits=self._waits,
            url=str(endpoint.origin),
            subject=call.bucket,
            correct=correct,
        )

    def close(self) -> None:
        """Close idle connections."""
        self.connections.close()

    def _find_endpoint(self, bucket: str) -> BucketEndpoint:
        endpoint = self._endpoints.get(bucket)
        if endpoint is None:
            if bucket.endswith(_DIRECTORY_BUCKET):
                raise UsageError(
                    f"{bucket} is a directory bucket (S3 Express One Zone), which scar does not"
                    " support: it starts no functions.",
                    remedy="Use a general purpose bucket, or `aws s3 cp`.",
                )
            with self._lock:
                endpoint = self.configuration.find_endpoint(bucket, "")
                endpoint = self._endpoints.setdefault(bucket, endpoint)
        return endpoint

    def _client(self, region: str) -> AwsClient:
        client = self._clients.get(region)
        if client is None:
            client = self._clients[region] = AwsClient(
                service="s3",
                region=region,
                credentials=self.configuration.credentials,
                connections=self.connections,
                backoff=_ONCE,
                read_trace_id=lambda: "",
            )
        return client

    def _build(
        self, call: ObjectCall, body: bytes | FileSlice, endpoint: BucketEndpoint
    ) -> AwsRequest:
        """Return the request for a call, with ``body`` in the place of its own."""
        headers = {"user-agent": _USER_AGENT, **(call.headers or {})}
        if call.name in _WRITES:
            headers |= self._encryption
        payload_hash = ""
        if call.has_checksum or call.body:
            crc, payload_hash = self._checksums(call.body, is_tls=endpoint.origin.is_tls)
            if call.has_checksum and self.configuration.sends_checksums:
                headers["x-amz-checksum-crc32"] = crc
                headers["x-amz-sdk-checksum-algorithm"] = "CRC32"
        if call.checks_owner and (owner := self._owner()):
            headers["x-amz-expected-bucket-owner"] = owner
        return AwsRequest(
            method=call.method,
            origin=endpoint.origin,
            path=f"{endpoint.path}/{call.key}" if call.key else endpoint.path or "/",
            query=call.query,
            headers=headers,
            body=body,
            known_payload_hash=payload_hash,
        )

    def _checksums(self, body: bytes | FileSlice, *, is_tls: bool) -> tuple[str, str]:
        """Return the CRC-32 in base64 and the SHA-256 to sign; the body is read once.

        Over TLS the CRC is enough: TLS itself protects the body.
        """
        signs = self.configuration.signs_payload or not is_tls
        chunks = body.chunks() if isinstance(body, FileSlice) else (body,)
        crc, sha = 0, hashlib.sha256()
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
            if signs:
                sha.update(chunk)
        payload_hash = sha.hexdigest() if signs else UNSIGNED_PAYLOAD
        return b64encode(crc.to_bytes(4, "big")).decode(), payload_hash

    def _correct_region(self, bucket: str, used: BucketEndpoint, error: AwsError) -> bool:
        """Use the Region that S3 names for the bucket; return whether it is another one.

        ``used`` got the error: another thread may have corrected the bucket's endpoint meanwhile.
        """
        if not isinstance(error, AwsErrorResponse):
            return False
        if error.status not in (*_MOVED, 400) and error.code not in _REGION_CODES:
            return False
        region = error.region
        if not region and error.status in _MOVED:
            region = self._read_region(bucket, used)
        if region == used.region or not _REGION.fullmatch(region):
            return False
        moved = self.configuration.find_endpoint(bucket, region)
        with self._lock:
            self._endpoints[bucket] = moved
        return True

    def _read_region(self, bucket: str, endpoint: BucketEndpoint) -> str:
        """Return the bucket's Region, which S3 tells everybody who asks for the bucket."""
        head = self._build(
            ObjectCall(name="HeadBucket", method="HEAD", bucket=bucket), b"", endpoint
        )
        try:
            reply = self._client(endpoint.region).open(head)
        except AwsErrorResponse as error:
            return error.region
        except AwsError:  # the first error says more
            return ""
        reply.close()
        return reply.headers.get("x-amz-bucket-region", "")


class _CountedFile:
    """A file of which one slice is sent: counts what is read, anew if it is read again."""

    def __init__(self, file: ReadableFile, start: int, on_sent: Callable[[int], None]) -> None:
        self._file = file
        self._counted = start
        self._on_sent = on_sent

    @property
    def name(self) -> str:
        return self._file.name

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``."""
        data = self._file.read_at(offset, size)
        end = offset + len(data)
        self._on_sent(end - self._counted)
        self._counted = end
        return data


def _count_sent(call: ObjectCall) -> bytes | FileSlice:
    """Return the body of a call, which is counted while it is sent, not for its checksums."""
    body = call.body
    if isinstance(body, bytes) or call.on_sent is None:
        return body
    return FileSlice(_CountedFile(body.file, body.offset, call.on_sent), body.offset, body.size)


def read_document(reply: StreamedResponse) -> bytes:
    """Return the whole body; raise the error of a request that failed after S3 had sent 200."""
    body = reply.read_all()
    if _ERROR_DOCUMENT.match(body):
        raise parse_error_response(500, reply.headers, body)
    return body


def _refuse_foreign_response(call: ObjectCall, reply: StreamedResponse) -> None:
    """Raise InvalidResponse for a success that is not AWS's, such as a network's login page."""
    if not has_request_id(reply.headers):
        body = reply.read_error() if call.method != "HEAD" else b""
        raise InvalidResponse(describe_foreign_response(call.name, body))
