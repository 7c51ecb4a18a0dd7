"""Interfaces of what the supervisor uses; every adapter passes the same conformance tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supervisor.descriptors import OpenFile
    from supervisor.invocation import ProcessSpec
    from supervisor.job_model import JobRequest
    from supervisor.model import ObjectRef, StoredObject, VersionPin, WriteCondition


class ObjectStore(Protocol):
    """Objects with conditional writes. All methods raise StorageError if the store fails.

    ``upload`` and ``write`` raise PreconditionFailed if the condition does not hold. They never
    take their own write for another process's: after a timeout they read the object back.
    """

    def head(self, ref: ObjectRef) -> StoredObject | None:
        """Return the object's properties, or None if it does not exist."""

    def download(self, ref: ObjectRef, target: Path, *, version: VersionPin) -> StoredObject:
        """Write that version to ``target``, verified; raise ObjectChanged if it does not exist."""

    def upload(
        self,
        source: Path | OpenFile,
        ref: ObjectRef,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Store a file of any size in one conditional write, in constant memory.

        What an open file's ``check`` raises ends the upload and is raised; no object is created.
        """

    def read(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        """Return the content of a small object, or None if it does not exist."""

    def read_range(self, ref: ObjectRef, first: int, length: int) -> bytes | None:
        """Return so many bytes from ``first`` on, fewer at the end; None without the object."""

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
    """Submits runs to a service without Lambda's time limit.

    While the service throttles requests, they are repeated until ``until`` (epoch seconds; None:
    for a few minutes). Then SubmissionThrottled is raised; SubmissionUnanswered if there was no
    usable answer by then: a job may exist. After both the caller's next attempt may succeed.
    """

    def submit(self, job: JobRequest, *, until: float | None = None) -> str:
        """Submit one job, never twice for one call; return its id; raise SubmissionError."""

    def has_ended(self, job: str, *, until: float | None = None) -> bool:
        """Return whether the job has ended; raise SubmissionError if its state cannot be read."""

    def was_out_of_memory(self, job: str, attempt: int) -> bool:
        """Return whether memory exhaustion killed the container of an attempt (from 1).

        Raise SubmissionError if the job's attempts cannot be read.
        """


class EndpointServices(Protocol):
    """Requests to AWS for the function's HTTP endpoint. Methods raise SupervisorError."""

    def sign_upload(self, ref: ObjectRef, size: int) -> tuple[str, Mapping[str, str]]:
        """Return the URL of one PUT of ``size`` bytes, and the headers that it must have."""

    def sign_download(self, ref: ObjectRef, content_type: str) -> str:
        """Return the URL of a GET, which is answered with this content type."""

    def enqueue(self, event: bytes) -> None:
        """Send this function an asynchronous event; raise RequestRefused."""


class SecretSource(Protocol):
    """Reads the secrets of a function's script."""

    def __call__(self, until: float | None, /) -> Mapping[str, str]:
        """Return the values by variable; raise SecretError.

        Throttled requests are repeated until ``until`` (epoch seconds; None: a few minutes).
        """


class ScriptRunner(Protocol):
    """Runs one program until it ends and leaves no process behind."""

    def run(self, spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        """Return the exit status (128 + n: killed by signal n) and the end of the output.

        ``timeout`` is in seconds; raise DeadlineExceeded after it, when every process has ended.
        """
