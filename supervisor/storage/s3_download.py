"""Stream one object to disk, resume after broken connections, check what arrived."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.aws.errors import ResponseNotReceived
from supervisor.errors import StorageError
from supervisor.storage.s3_protocol import MIB, parse_object_headers, quote_etag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from supervisor.aws.client import AwsClient
    from supervisor.aws.connection_pool import StreamedResponse
    from supervisor.aws.request import AwsRequest
    from supervisor.model import ObjectRef, StoredObject


class ChecksumVerifier:
    """Compares bytes with what the headers promise: the CRC-32, else the MD5 in the ETag.

    Objects that other programs uploaded in parts, or that KMS encrypts, have neither: for
    them only the size counts.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        crc = headers.get("x-amz-checksum-crc32", "")
        etag = headers.get("etag", "").strip('"')
        kms = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
        customer = "x-amz-server-side-encryption-customer-algorithm" in headers
        # A dash marks a checksum of part checksums.
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
                f"{ref} arrived damaged: its checksum differs from the one S3 keeps.",
                remedy="Run it again; if it happens again, upload the object anew.",
            )


def download_object(
    client: AwsClient, request: AwsRequest, file: BinaryIO, ref: ObjectRef
) -> StoredObject:
    """Write the object to the empty ``file``; raise AwsError or StorageError.

    A connection that breaks is resumed where it broke, on the same ETag. Attempts are counted
    anew after each mebibyte.
    """
    reply = client.open(request)
    stored = parse_object_headers(reply.headers)
    sized = "content-length" in reply.headers
    check = ChecksumVerifier(reply.headers)
    tries, last = client.backoff.iter_attempts(), 0
    next(tries)
    while True:
        try:
            _copy_body(reply, file, check)
            break
        except ResponseNotReceived:
            if file.tell() - last >= MIB:
                tries, last = client.backoff.iter_attempts(), file.tell()
                next(tries)
            if next(tries, None) is None:
                raise
            reply = client.open(_resume_request(request, file.tell(), stored))
            if not _is_resumed(reply, file.tell()):
                file.seek(0)
                file.truncate()
                check, last = ChecksumVerifier(reply.headers), 0
    if sized and file.tell() != stored.size:
        raise StorageError(
            f"{ref} has {stored.size} bytes, but {file.tell()} arrived.", remedy="Run it again."
        )
    check.verify(ref)
    return stored if sized else replace(stored, size=file.tell())


def _copy_body(reply: StreamedResponse, file: BinaryIO, check: ChecksumVerifier) -> None:
    try:
        while data := reply.read():
            file.write(data)
            check.update(data)
    finally:
        reply.close()


def _resume_request(request: AwsRequest, start: int, stored: StoredObject) -> AwsRequest:
    headers = dict(request.headers)
    if stored.etag:
        headers["if-match"] = quote_etag(stored.etag)
    if start:
        headers["range"] = f"bytes={start}-"
        headers.pop("x-amz-checksum-mode", None)
    return replace(request, headers=headers)


def _is_resumed(reply: StreamedResponse, start: int) -> bool:
    """Whether the answer goes on at ``start``; some stores ignore Range and begin again."""
    return reply.status == 206 and reply.headers.get("content-range", "").startswith(
        f"bytes {start}-"
    )
