"""Read and write the objects of one run's record; every write is conditional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import PreconditionFailed, StorageError
from supervisor.model import IfMatch, IfNoneMatch, ObjectRef
from supervisor.runs import record_format

if TYPE_CHECKING:
    from supervisor.invocation import RunOwner, RunPath
    from supervisor.model import StoredObject, WriteCondition
    from supervisor.ports import ObjectStore

# An object may change between reading and writing it. If that happens three times, other processes
# are executing the run.
MAX_WRITE_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class RecordObjects:
    """The objects in the folder of one run, by name. Methods raise StorageError, RecordError."""

    store: ObjectStore
    bucket: str
    run: RunPath

    def ref(self, name: str) -> ObjectRef:
        return ObjectRef("s3", self.bucket, self.run.key(name))

    def head(self, name: str) -> StoredObject | None:
        return self.store.head(self.ref(name))

    def read(self, name: str) -> tuple[dict[str, object], StoredObject] | None:
        """Return an object's content and properties, or None."""
        ref = self.ref(name)
        found = self.store.read(ref)
        return None if found is None else (record_format.decode(found[0], ref.key), found[1])

    def read_owner(self, name: str) -> tuple[RunOwner | None, str]:
        """Return the owner who wrote an object, and its ETag."""
        found = self.read(name)
        if found is None:
            return None, ""
        content, stored = found
        return record_format.parse_owner(content, self.ref(name).key), stored.etag

    def write(self, name: str, body: bytes, condition: WriteCondition) -> StoredObject:
        """Write an object; raise PreconditionFailed."""
        return self.store.write(self.ref(name), body, condition=condition)

    def write_once(self, name: str, body: bytes) -> None:
        """Write an object unless it exists: the first writer is right."""
        try:
            self.write(name, body, IfNoneMatch())
        except PreconditionFailed:
            return

    def overwrite(self, name: str, body: bytes, etag: str = "") -> StoredObject:
        """Write an object, over an existing one too; ``etag`` is that one's ETag if it is known.

        The last writer wins: it holds the claim, or no other process writes the object.
        """
        condition: WriteCondition = IfMatch(etag) if etag else IfNoneMatch()
        for _ in range(MAX_WRITE_ATTEMPTS):
            try:
                return self.write(name, body, condition)
            except PreconditionFailed:
                existing = self.head(name)
                condition = IfNoneMatch() if existing is None else IfMatch(existing.etag)
        raise StorageError(
            f"{self.ref(name)} was changed by another process {MAX_WRITE_ATTEMPTS} times in a row.",
            remedy="Check whether two runs handle the same event.",
        )
