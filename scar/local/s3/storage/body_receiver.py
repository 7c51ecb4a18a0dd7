"""Receiving of request bodies: small ones into memory, others into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.http.aws_chunked import ChunkSignatureError, MalformedChunksError
from scar.local.s3.protocol.body import BodyCheck
from scar.local.s3.protocol.errors import S3Error

if TYPE_CHECKING:
    from scar.local.http.messages import RequestBody
    from scar.local.s3.protocol.body import ExpectedBody, ReceivedBody
    from scar.local.s3.storage.body_files import BodyFiles

MAX_INLINE_BYTES = 64 << 10
"""Bodies of up to this many bytes are stored in the database, larger ones as files."""


class BodyReceiver:
    """Receives and verifies bodies; of a large one, at most 256 KiB are in memory at a time."""

    def __init__(self, body_files: BodyFiles) -> None:
        self._body_files = body_files

    def receive(
        self, body: RequestBody, expected: ExpectedBody, *, to_file: bool = False
    ) -> ReceivedBody:
        """Receive a body and verify its size and checksums; ``to_file`` also for a small one.

        Raise S3Error, and leaves no file, if the body is not the expected one. The caller
        removes the file if it does not commit it.
        """
        check = BodyCheck(expected)
        small = expected.size is not None and expected.size <= MAX_INLINE_BYTES and not to_file
        try:
            if small:
                return check.to_received_body(body, data=b"".join(check.read_pieces(body)))
            return self._to_file(body, check)
        except MalformedChunksError as error:
            raise S3Error(400, "IncompleteBody", str(error)) from error
        except ChunkSignatureError as error:
            raise S3Error(
                403, "SignatureDoesNotMatch", "The signature of a chunk does not match."
            ) from error

    def _to_file(self, body: RequestBody, check: BodyCheck) -> ReceivedBody:
        name, file = self._body_files.create()
        try:
            with file:
                for piece in check.read_pieces(body):
                    rest = memoryview(piece)
                    while rest:  # the file is unbuffered: write() may write a part only
                        rest = rest[file.write(rest) :]
                self._body_files.make_durable(file)
            return check.to_received_body(body, file=name)
        except BaseException:
            self._body_files.remove([name])
            raise
