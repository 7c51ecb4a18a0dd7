"""Bodies being received: to memory if small, else to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.http.aws_chunked import ChunkSignatureMismatch, MalformedChunks
from scar.local.s3.protocol.body import BodyCheck
from scar.local.s3.protocol.errors import S3Error

if TYPE_CHECKING:
    from scar.local.http.messages import RequestBody
    from scar.local.s3.protocol.body import ExpectedBody, ReceivedBody
    from scar.local.s3.storage.body_files import BodyFiles

MAX_INLINE_BYTES = 64 << 10
"""Bodies up to this many bytes are kept in the database."""


class BodyReceiver:
    """Streams bodies in; at most one piece of 256 KiB of each is in memory."""

    def __init__(self, blobs: BodyFiles) -> None:
        self._blobs = blobs

    def receive(
        self, body: RequestBody, expected: ExpectedBody, *, to_file: bool = False
    ) -> ReceivedBody:
        """Store and check one body; raise S3Error and leave nothing behind if it is not
        what was announced. The caller removes the file if it does not commit it.
        """
        check = BodyCheck(expected)
        small = expected.size is not None and expected.size <= MAX_INLINE_BYTES and not to_file
        try:
            if small:
                return check.to_received_body(body, data=b"".join(check.read_pieces(body)))
            return self._to_file(body, check)
        except MalformedChunks as error:
            raise S3Error(400, "IncompleteBody", str(error)) from error
        except ChunkSignatureMismatch as error:
            raise S3Error(
                403, "SignatureDoesNotMatch", "A chunk's signature does not match."
            ) from error

    def _to_file(self, body: RequestBody, check: BodyCheck) -> ReceivedBody:
        name, file = self._blobs.create()
        try:
            with file:
                for piece in check.read_pieces(body):
                    view = memoryview(piece)
                    while view:
                        view = view[file.write(view) :]
                self._blobs.make_durable(file)
            return check.to_received_body(body, file=name)
        except BaseException:
            self._blobs.remove([name])
            raise
