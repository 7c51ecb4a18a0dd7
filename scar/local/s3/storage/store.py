"""The parts of the store that the operations share."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.http.files import FileSegment, FileSegments
from scar.local.s3.protocol.errors import S3Error
from scar.local.s3.protocol.ranges import ByteRange
from scar.local.s3.storage import objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.local.s3.protocol.body import ReceivedBody
    from scar.local.s3.protocol.request import S3Request
    from scar.local.s3.storage.body_files import BodyFiles
    from scar.local.s3.storage.body_receiver import BodyReceiver
    from scar.local.s3.storage.database import Database
    from scar.local.s3.storage.objects import ObjectRow, ObjectWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalObjectStore:
    """``destination_exists`` says whether an ARN may be told about events."""

    database: Database
    body_files: BodyFiles
    receiver: BodyReceiver
    objects: ObjectWriter
    account_id: str
    clock: Callable[[], float]
    destination_exists: Callable[[str], bool]

    @contextlib.contextmanager
    def discarding_on_error(self, content: ReceivedBody) -> Iterator[None]:
        """Remove the content's file if the block that commits it raises."""
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
        """Find the call's object and open the range ``chosen`` for it (None: all of it).

        ``chosen`` may raise to refuse. Another thread may replace the object in between: then
        its files are gone, and the new object is looked up.
        """
        for _ in range(5):
            with self.database.read() as db:
                stored = objects.require(db, request.bucket, request.key)
            part = select_range(stored)
            if not with_body:
                return stored, part, b""
            body = self._open_body(stored, part or ByteRange(0, stored.size))
            if body is not None:
                return stored, part, body
        raise S3Error(503, "SlowDown", "The object is replaced faster than it can be read.")

    def _open_body(self, stored: ObjectRow, part: ByteRange) -> bytes | FileSegments | None:
        if stored.inline is None:
            return self._open_segments(stored, part)
        with self.database.read() as db:
            row = db.execute("SELECT data FROM inline WHERE id = ?", (stored.inline,)).fetchone()
        return bytes(row[0])[part.start : part.start + part.length] if row else None

    def _open_segments(self, stored: ObjectRow, part: ByteRange) -> FileSegments | None:
        segments: list[FileSegment] = []
        start, left = part.start, part.length
        try:
            for each in stored.files:
                if start < each.size and left > 0:
                    length = min(each.size - start, left)
                    segments.append(FileSegment(self.body_files.open(each.file), start, length))
                    left -= length
                start = max(0, start - each.size)
        except FileNotFoundError:
            FileSegments(segments).close()
            return None
        return FileSegments(segments)

    def remove_unreferenced_files(self) -> int:
        """Remove files that no row names: bodies that were never acknowledged."""
        with self.database.read() as db:
            live = {file for (file,) in db.execute("SELECT file FROM part")}
            for (files,) in db.execute("SELECT files FROM object WHERE files IS NOT NULL"):
                live.update(file for file, _ in json.loads(files))
        return self.body_files.remove_except(live)
