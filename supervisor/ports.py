"""What the core needs from the outside world. Every adapter passes the same conformance suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supervisor.invocation import ProcessSpec
    from supervisor.model import JobRequest, ObjectRef, StoredObject, VersionPin, WriteCondition


class ObjectStore(Protocol):
    """Whole objects with conditional writes. All methods raise StorageError if the store fails.

    ``upload`` and ``write`` raise PreconditionFailed when the condition does not hold, and
    never report a write of their own as somebody else's: after a time-out they read back.
    """

    def head(self, ref: ObjectRef) -> StoredObject | None:
        """Describe the object, or None if there is none."""

    def download(self, ref: ObjectRef, target: Path, *, version: VersionPin) -> StoredObject:
        """Write that version's bytes to ``target``, checked; raise ObjectChanged if it is gone."""

    def upload(
        self,
        source: Path,
        ref: ObjectRef,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Store the file in one conditional write, however large; constant memory."""

    def read(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        """Return a small object whole, or None if there is none."""

    def write(
        self,
        ref: ObjectRef,
        data: bytes,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Store a small object."""


class JobSubmitter(Protocol):
    """Hands a run to a place without Lambda's time limit."""

    def submit(self, job: JobRequest) -> str:
        """Start one job, never twice for one call; return its id; raise SubmissionError."""

    def has_ended(self, job: str) -> bool:
        """Tell whether the job is known to be over; raise SubmissionError if that is not known."""


class ScriptRunner(Protocol):
    """Runs one program to its end and leaves no process behind."""

    def run(self, spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        """Return the status (128 + n: killed by signal n) and the end of what was printed.

        ``timeout`` in seconds; raise DeadlineExceeded after it, with every process ended.
        """
