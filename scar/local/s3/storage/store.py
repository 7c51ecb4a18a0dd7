"""The object store that the operations share: its parts, and reading of objects."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.http.files import FileSegment, FileSegments
from scar.local.s3.protocol.errors import S3Error
from scar.local.s3.protocol.ranges import ByteRange
from scar.local.s3.storage import objects
from scar.local.state.regular_files import NotRegularFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.local.s3.protocol.body import ReceivedBody
    from scar.local.s3.protocol.request import S3Request
    from scar.local.s3.storage.body_files import BodyFiles
    from scar.local.s3.storage.body_receiver import BodyReceiver
    from scar.local.s3.storage.database import Database
    from scar.local.s3.storage.objects import ObjectRow, ObjectWriter
    from scar.local.state.lost_files import LostFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalObjectStore:
    """The parts of the store; ``clock`` returns epoch seconds.

    ``destination_exists`` returns whether a notification configuration may contain an ARN.
    """

    database: Database
    body_files: BodyFiles
    receiver: BodyReceiver
    objects: ObjectWriter
    account_id: str
    clock: Callable[[], float]
    destination_exists: Callable[[str], bool]

    @contextlib.contextmanager
    def discarding_on_error(self, content: ReceivedBody) -> Iterator[None]:
        """Remove the file of a received body if the block, which commits it, raises."""
        try:
            yield
        except BaseException:
            if content.file:
                self.body_files.remove([content.file])
            raise

    def open(
        self,
        request: S3Request,
        select_range: Callable[[ObjectRow], ByteRange | None],
        *,
        with_body: bool = True,
    ) -> tuple[ObjectRow, ByteRange | None, bytes | FileSegments]:
        """Return the request's object and the opened range of its body.

        ``select_range`` returns the range, None for the whole body; it may raise S3Error.
        """
        # Reading the row and opening its files is not one step. If another thread replaces the
        # object in between, the files no longer exist: read the row of the new object.
        before: ObjectRow | None = None
        for _ in range(5):
            with self.database.read() as db:
                stored = objects.require(db, request.bucket, request.key, with_body=with_body)
            if stored == before:  # not replaced: the file itself is gone
                raise self._missing_body_error(stored)
            before, byte_range = stored, select_range(stored)
            if not with_body:
                return stored, byte_range, b""
            body = self._open_body(stored, byte_range or ByteRange(0, stored.size))
            if body is not None:
                return stored, byte_range, body
        raise S3Error(503, "SlowDown", "The object is being replaced faster than it can be read.")

    def _missing_body_error(self, stored: ObjectRow) -> S3Error:
        """Return the error for an object whose body was removed or cut by another program.

        Its status is one that clients do not retry.
        """
        damages = (self.body_files.find_damage(part.file, part.size) for part in stored.files)
        damage = next(filter(None, damages), "")
        return S3Error(
            422,
            "BodyMissing",
            f"The body of the object {stored.key} is damaged in the local cloud: "
            f"{damage or 'its row in the index is missing'}. Upload the object again, or restore"
            " the file from a backup; all other objects are kept.",
        )

    def _open_body(self, stored: ObjectRow, byte_range: ByteRange) -> bytes | FileSegments | None:
        if stored.inline is None:
            return self._open_segments(stored, byte_range)
        if stored.data is None:
            return None
        return stored.data[byte_range.start : byte_range.start + byte_range.length]

    def _open_segments(self, stored: ObjectRow, byte_range: ByteRange) -> FileSegments | None:
        segments: list[FileSegment] = []
        start, left = byte_range.start, byte_range.length
        try:
            for part in stored.files:
                if start < part.size and left > 0:
                    length = min(part.size - start, left)
                    file = self.body_files.open(part.file, part.size)
                    segments.append(FileSegment(file, start, length))
                    left -= length
                start = max(0, start - part.size)
        except (FileNotFoundError, NotRegularFileError):
            FileSegments(segments).close()
            return None
        except OSError:  # out of file descriptors
            FileSegments(segments).close()
            raise
        return FileSegments(segments)

    def set_unreferenced_files_aside(self, lost: LostFiles) -> int:
        """Move files that no row references to the lost files; return their number.

        They are bodies of writes that were not acknowledged, or the index is not the one that
        belongs to them: the second is why they are not removed at once.
        """
        with self.database.read() as db:
            live = {file for (file,) in db.execute("SELECT file FROM part")}
            for (files,) in db.execute("SELECT files FROM object WHERE files IS NOT NULL"):
                live.update(file for file, _ in json.loads(files))
        return lost.take(self.body_files.paths_except(live))
