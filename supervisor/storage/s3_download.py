"""Stream one object to disk, resume after broken connections, verify the checksum.

Other stores use it too, with rules of their own.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from supervisor.aws.errors import InvalidResponse, ResponseNotReceived
from supervisor.errors import StorageError
from supervisor.storage.s3_errors import object_changed
from supervisor.storage.s3_protocol import MIB, parse_object_headers, quote_etag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from supervisor.aws.connection_pool import StreamedResponse
    from supervisor.aws.request import AwsRequest
    from supervisor.aws.retry import Backoff
    from supervisor.model import ObjectRef, StoredObject


# Bytes of an object whose length is not announced. S3 announces it; a body without end must not
# fill the disk, which other jobs of the instance share.
MAX_UNANNOUNCED = 64 * MIB


class Verifier(Protocol):
    """Gets the content block by block, and raises StorageError at the end if it is damaged."""

    def update(self, data: bytes) -> None:
        """Take the next block."""

    def verify(self, ref: ObjectRef) -> None:
        """Raise StorageError if the blocks are not the object."""


class ChecksumVerifier:
    """Compares the content with the checksum in the headers: CRC-32, else the MD5 in the ETag.

    Objects that other programs uploaded in parts, or that are encrypted with KMS, may have
    neither; then only the size is checked.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        crc = headers.get("x-amz-checksum-crc32", "")
        etag = headers.get("etag", "").strip('"')
        kms = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
        customer = "x-amz-server-side-encryption-customer-algorithm" in headers
        # With a dash it is the checksum of the parts' checksums.
        self._crc = crc if "-" not in crc else ""
        is_md5 = len(etag) == 32 and not (self._crc or kms or customer)
        self._md5 = hashlib.md5(usedforsecurity=False) if is_md5 else None
        self._etag = etag
        self._seen = 0

    def update(self, data: bytes) -> None:
        if self._crc:
            self._seen = zlib.crc32(data, self._seen)
        elif self._md5:
            self._md5.update(data)

    def verify(self, ref: ObjectRef) -> None:
        if self._crc:
            good = b64encode(self._seen.to_bytes(4, "big")).decode() == self._crc
        else:
            good = self._md5 is None or self._md5.hexdigest() == self._etag
        if not good:
            raise StorageError(
                f"{ref} is damaged: the checksum of the downloaded bytes differs from S3's.",
                remedy="Run it again; if it happens again, upload the object again.",
            )


class DownloadClient(Protocol):
    """What sends the requests: ``AwsClient``, or the client of another store."""

    @property
    def backoff(self) -> Backoff:
        """The attempts and pauses."""

    def open(self, request: AwsRequest) -> StreamedResponse:
        """Send a request without side effects; the caller reads and closes the response."""


class NoChecksum:
    """For stores that have no checksum of an object: only its size is checked."""

    def update(self, data: bytes) -> None:
        """Ignore the data."""

    def verify(self, ref: ObjectRef) -> None:
        """Accept the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadRules:
    """What differs between stores; the defaults are S3's.

    ``etag`` is what the object must have, ``size`` what it has if the response does not say it.
    ``if_match``: the rest is requested on the condition that the ETag is the same.
    """

    etag: str = ""
    size: int | None = None
    if_match: bool = True
    new_verifier: Callable[[Mapping[str, str]], Verifier] = ChecksumVerifier


DEFAULT_RULES = DownloadRules()


def download_object(
    client: DownloadClient,
    request: AwsRequest,
    file: BinaryIO,
    ref: ObjectRef,
    rules: DownloadRules = DEFAULT_RULES,
) -> StoredObject:
    """Write the object to the empty ``file``; raise AwsError or StorageError.

    After a broken connection the rest is requested with Range, of the same ETag. The count of
    attempts starts again after each MiB, so that a large object on a poor connection arrives.
    """
    reply, stored, has_length = _open_first(client, request, ref, rules)
    verifier = rules.new_verifier(reply.headers)
    attempts, last = client.backoff.iter_attempts(), 0
    next(attempts)
    while True:
        try:
            _copy_body(reply, file, verifier, stored.size if has_length else MAX_UNANNOUNCED)
            break
        except ResponseNotReceived:
            if file.tell() - last >= MIB:
                attempts, last = client.backoff.iter_attempts(), file.tell()
                next(attempts)
            if next(attempts, None) is None:
                raise
            reply = client.open(_resume_request(request, file.tell(), stored, rules))
            if not _continues(reply, file.tell(), ref, stored):
                # The response is the whole object: start from the beginning.
                file.seek(0)
                file.truncate()
                verifier, last = rules.new_verifier(reply.headers), 0
    if has_length and file.tell() != stored.size:
        raise StorageError(
            f"{ref} has {stored.size} bytes, but {file.tell()} were received.",
            remedy="Run it again.",
        )
    verifier.verify(ref)
    return stored if has_length else replace(stored, size=file.tell())


def _open_first(
    client: DownloadClient, request: AwsRequest, ref: ObjectRef, rules: DownloadRules
) -> tuple[StreamedResponse, StoredObject, bool]:
    """Return the first response, the object's properties, and whether its size is known."""
    reply = client.open(request)
    stored = parse_object_headers(reply.headers)
    if reply.status != 200:  # 206 would be a part of the object, which was not requested
        reply.close()
        raise StorageError(
            f"Cannot read {ref}: the response has status {reply.status} instead of 200.",
            remedy="Check the endpoint (AWS_ENDPOINT_URL, or that of the storage provider) and the"
            " proxies on the way to it.",
        )
    if rules.etag and stored.etag != rules.etag:
        reply.close()
        raise object_changed(ref)
    has_length = "content-length" in reply.headers
    if not has_length and rules.size is not None:
        return reply, replace(stored, size=rules.size), True
    return reply, stored, has_length


def _continues(reply: StreamedResponse, start: int, ref: ObjectRef, stored: StoredObject) -> bool:
    """Return whether a response continues the same object; raise ObjectChanged for another."""
    if parse_object_headers(reply.headers).etag not in ("", stored.etag):
        reply.close()
        raise object_changed(ref)
    return _is_resumed(reply, start)


def _copy_body(reply: StreamedResponse, file: BinaryIO, verifier: Verifier, limit: int) -> None:
    """Append the body to the file; raise InvalidResponse if the file exceeds ``limit``."""
    try:
        while data := reply.read():
            file.write(data)
            if file.tell() > limit:
                raise InvalidResponse(f"The response has more than {limit:,} bytes.")
            verifier.update(data)
    finally:
        reply.close()


def _resume_request(
    request: AwsRequest, start: int, stored: StoredObject, rules: DownloadRules
) -> AwsRequest:
    headers = dict(request.headers)
    if stored.etag and rules.if_match:
        headers["if-match"] = quote_etag(stored.etag)
    if start:
        # S3 returns no checksum of the object for a range; the verifier has it already.
        headers["range"] = f"bytes={start}-"
        headers.pop("x-amz-checksum-mode", None)
    return replace(request, headers=headers)


def _is_resumed(reply: StreamedResponse, start: int) -> bool:
    """Return whether the response continues at ``start``; some stores ignore Range."""
    return reply.status == 206 and reply.headers.get("content-range", "").startswith(
        f"bytes {start}-"
    )
