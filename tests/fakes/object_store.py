"""An ObjectStore in memory, with conditional writes, a count of calls, and crashes on demand."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from supervisor.descriptors import OpenFile
from supervisor.errors import ObjectAbsent, ObjectChanged, PreconditionFailed
from supervisor.model import IfMatch, IfNoneMatch, ObjectRef, StoredObject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.model import VersionPin, WriteCondition


T = TypeVar("T")


def etag_of(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Crash(BaseException):
    """Stands for a process that is killed between two calls."""


@dataclass(slots=True)
class MemoryStore:
    """Objects by (bucket, key); ``calls`` counts the calls of each method.

    ``before`` is called with (method, ref) ahead of each call and may raise. ``crash_at`` raises
    Crash instead of the n-th call, counted from 0; ``crash_after`` raises it after that call.
    ``clock`` returns the store's time in seconds.
    """

    objects: dict[tuple[str, str], tuple[bytes, StoredObject]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    history: list[tuple[str, str]] = field(default_factory=list)
    created: Counter[str] = field(default_factory=Counter)
    before: Callable[[str, ObjectRef], None] = lambda _method, _ref: None
    crash_at: int | None = None
    crash_after: int | None = None
    clock: Callable[[], float] = lambda: 0.0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, key: str, data: bytes, bucket: str = "data", **metadata: str) -> StoredObject:
        """Store an object without counting a call; ``_`` in metadata names stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in metadata.items()}
        return self._store(ObjectRef("s3", bucket, key), data, None, named)

    def keys(self, bucket: str = "data") -> dict[str, bytes]:
        return {key: data for (b, key), (data, _) in self.objects.items() if b == bucket}

    def head(self, ref: ObjectRef) -> StoredObject | None:
        self._count("head", ref)
        found = self.objects.get((ref.bucket, ref.key))
        return self._returned(self._dated(found[1]) if found else None)

    def find(self, ref: ObjectRef) -> StoredObject | None:
        """Return what a listing says about the object."""
        self._count("find", ref)
        found = self.objects.get((ref.bucket, ref.key))
        return self._dated(found[1]) if found else None

    def list_objects(self, ref: ObjectRef) -> dict[str, StoredObject]:
        """Return the objects whose keys begin with the key of ``ref``."""
        self._count("list", ref)
        return {
            key: stored
            for (bucket, key), (_, stored) in self.objects.items()
            if bucket == ref.bucket and key.startswith(ref.key)
        }

    def download(self, ref: ObjectRef, target: Path, *, version: VersionPin) -> StoredObject:
        self._count("download", ref)
        found = self.objects.get((ref.bucket, ref.key))
        if found is None:
            raise ObjectAbsent(f"{ref} does not exist.")
        if version.etag and found[1].etag != version.etag:
            raise ObjectChanged(f"{ref} has been overwritten.")
        target.write_bytes(found[0])
        return self._returned(found[1])

    def upload(
        self,
        source: Path | OpenFile,
        ref: ObjectRef,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        self._count("upload", ref)
        data = source.read_at(0, source.size) if isinstance(source, OpenFile) else None
        data = source.read_bytes() if isinstance(source, Path) else data or b""
        stored = self._store(ref, data, condition, metadata or {})
        return self._returned(replace(stored, crc32=f"{zlib.crc32(data):08x}"))

    def read(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        self._count("read", ref)
        found = self.objects.get((ref.bucket, ref.key))
        return self._returned((found[0], self._dated(found[1])) if found else None)

    def read_range(self, ref: ObjectRef, first: int, length: int) -> bytes | None:
        self._count("read", ref)
        found = self.objects.get((ref.bucket, ref.key))
        return self._returned(found[0][first : first + length] if found else None)

    def write(
        self,
        ref: ObjectRef,
        data: bytes,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        self._count("write", ref)
        return self._returned(self._store(ref, data, condition, metadata or {}))

    def _dated(self, stored: StoredObject) -> StoredObject:
        return replace(stored, response_date=self.clock())

    def _count(self, method: str, ref: ObjectRef) -> None:
        with self._lock:
            if self.crash_at == len(self.history):
                raise Crash
            self.calls[method] += 1
            self.history.append((method, ref.key))
        self.before(method, ref)

    def _returned(self, result: T) -> T:
        if self.crash_after is not None and len(self.history) == self.crash_after + 1:
            raise Crash
        return result

    def _store(
        self,
        ref: ObjectRef,
        data: bytes,
        condition: WriteCondition | None,
        metadata: Mapping[str, str],
    ) -> StoredObject:
        with self._lock:
            name = (ref.bucket, ref.key)
            found = self.objects.get(name)
            match condition:
                case IfNoneMatch():
                    if found is not None:
                        raise PreconditionFailed(f"{ref} exists.")
                case IfMatch(etag):
                    if found is None or found[1].etag != etag:
                        raise PreconditionFailed(f"{ref} is another.")
                case None:
                    pass
            self.created[ref.key] += 1
            stored = StoredObject(
                size=len(data),
                etag=etag_of(data),
                metadata=dict(metadata),
                last_modified=self.clock(),
            )
            self.objects[name] = (data, stored)
            return stored
