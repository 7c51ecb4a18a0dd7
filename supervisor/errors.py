"""Everything that the supervisor raises on purpose.

The class names are part of stored and sent data: ``kind`` in ``error.json`` and
``delegated.json``, ``errorType`` in Lambda's error responses.

SupervisorError
├── ConfigError            the function configuration is invalid or cannot be read
├── EventError             the event cannot be parsed
│   ├── RequestRefused     an HTTP request is answered with a status of 400 and above
│   └── StoreNotSupported  the event is one of a store whose events start no runs
├── StorageError           an object cannot be read or written
│   ├── ObjectChanged      the version of the object that the event names no longer exists
│   │   └── ObjectAbsent   there is no object at all
│   └── PreconditionFailed another process wrote the object first
├── SubmissionError        the Batch job cannot be submitted, or its state cannot be read
│   └── SubmissionPending  another attempt may succeed: the run waits for it
│       ├── SubmissionThrottled   Batch throttled the request until the time for it was over
│       └── SubmissionUnanswered  Batch was not reached, or its response was lost or an error 5xx
├── OutputError            the script's output files cannot be uploaded
├── RecordError            a run record is damaged, or of a newer release
├── ChainTooLong           functions trigger each other without end, in depth or in breadth
├── EventDiscarded         Lambda discarded the event before its runs were completed
├── JobTerminated          the Batch job received TERM
├── RunsFailed             several runs of one event failed
├── ClusterJobFailed       the scheduler or worker of a cluster ended with an error
├── RunInterrupted         a background thread found that the run must not continue
│   ├── ClaimLost          another attempt has taken over the run
│   └── NodeFailed         another node of a multi-node job failed, is missing or is gone
├── DiskFull               the input, or what the script writes, does not fit on the disk
├── ScriptFailed           the user's script ended with a non-zero status
│   └── OutOfMemory        it was killed, most likely because it ran out of memory
└── DeadlineExceeded       the run was stopped at its deadline, before Lambda's

Terminated (a BaseException)   TERM was received
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from supervisor.script_status import describe_script_status

if TYPE_CHECKING:
    from collections.abc import Mapping


class SupervisorError(Exception):
    """Base of the tree: ``problem`` in one sentence, ``remedy`` is what the reader can do."""

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class ConfigError(SupervisorError):
    """The function configuration is invalid or cannot be read."""


class EventError(SupervisorError):
    """The event cannot be parsed."""


class RequestRefused(EventError):
    """A request of an HTTP endpoint starts no run; ``status`` is that of the response.

    ``retry_after``: seconds after which the caller may send it again; 0: it would be refused again.
    """

    def __init__(
        self, problem: str, *, remedy: str = "", status: int = 400, retry_after: int = 0
    ) -> None:
        super().__init__(problem, remedy=remedy)
        self.status = status
        self.retry_after = retry_after


class StoreNotSupported(EventError):
    """The event is one of a store whose events start no runs: it is not taken for data."""


class StorageError(SupervisorError):
    """An object cannot be read or written."""


class ObjectChanged(StorageError):
    """The version of the object that the event names no longer exists (404 or 412)."""


class ObjectAbsent(ObjectChanged):
    """There is no such object, or that version of it was deleted (404): no newer one is known."""


class PreconditionFailed(StorageError):
    """A conditional write found the object in another state (412, or 409 in a race)."""


class SubmissionError(SupervisorError):
    """The Batch job cannot be submitted, or its state cannot be read."""


class SubmissionPending(SubmissionError):
    """Another attempt may succeed: the run waits for it, and has not failed."""


class SubmissionThrottled(SubmissionPending):
    """Batch throttled the request until the time for it was over; nothing was submitted."""


class SubmissionUnanswered(SubmissionPending):
    """Batch was not reached, or its response was lost or an error 5xx: a job may exist."""


class SecretError(SupervisorError):
    """A secret of the script cannot be read."""


class OutputError(SupervisorError):
    """The script's output files cannot be uploaded."""


class RecordError(SupervisorError):
    """A run record is damaged, or of a newer release."""


class ChainTooLong(SupervisorError):
    """Functions trigger each other without end: too many runs in a row, or repeats in all."""


class EventDiscarded(SupervisorError):
    """Lambda discarded the event before its runs were completed."""


class JobTerminated(SupervisorError):
    """The job received TERM: a timeout, a reclaimed instance or a user. Batch knows which."""


class ClusterJobFailed(SupervisorError):
    """The scheduler or worker of a cluster ended with an error, or did not start."""


class RunsFailed(SupervisorError):
    """Several runs of one event failed."""


class ScriptFailed(SupervisorError):
    """The user's script ended with a non-zero status (128 + n: killed by signal n).

    ``record`` is what the run's record says besides: status, signal, and the script's own error.
    """

    def __init__(self, status: int, output: bytes = b"") -> None:
        problem, remedy = describe_script_status(status)
        super().__init__(problem, remedy=remedy)
        self.status = status
        self.output = output
        self.record: Mapping[str, object] = {}


class OutOfMemory(ScriptFailed):
    """The script or a program that it ran was killed; only the kernel sends KILL here."""

    def __init__(self, status: int, output: bytes = b"", *, memory: int = 0) -> None:
        super().__init__(status, output)
        size = f" It has {memory} MB." if memory else ""
        self.problem = (
            f"The script was ended by SIGKILL (status {status}): it was killed, most likely because"
            f" it ran out of memory.{size}"
        )
        self.remedy = "Increase the function's memory, or use execution_mode: lambda-batch."


class DiskFull(SupervisorError):
    """The input, or what the script writes, does not fit on the disk."""

    ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


class RunInterrupted(SupervisorError):
    """The run must not continue; raised in the main thread, wherever that is."""


class ClaimLost(RunInterrupted):
    """Another attempt has taken over the run; this one must not write any more."""


class NodeFailed(RunInterrupted):
    """Another node of the job failed, did not start in time, or is gone."""


class DeadlineExceeded(SupervisorError):
    """The run was stopped at its deadline, which leaves time for clean-up before Lambda's."""


class Terminated(BaseException):
    """TERM was received: the instance is reclaimed or the job terminated.

    Raised in the main thread. Not an Exception, so that no handler of errors catches it: only
    clean-up runs between the signal and the end of the process.
    """
