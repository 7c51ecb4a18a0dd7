"""Everything that the supervisor raises on purpose.

The class names are part of stored and sent data: ``kind`` in ``error.json`` and
``delegated.json``, ``errorType`` in Lambda's error responses.

SupervisorError
├── ConfigError            the function configuration is invalid or cannot be read
├── EventError             the event cannot be parsed
├── StorageError           an object cannot be read or written
│   ├── ObjectChanged      the version of the object that the event names no longer exists
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
├── ClaimLost              another attempt has taken over the run
├── DiskFull               the input, or what the script writes, does not fit on the disk
├── ScriptFailed           the user's script ended with a non-zero status
│   └── OutOfMemory        it was killed, most likely because it ran out of memory
└── DeadlineExceeded       the run was stopped at its deadline, before Lambda's

Terminated (a BaseException)   TERM was received
"""

from __future__ import annotations

import errno

# 128 + SIGKILL: the script itself was killed, or a shell reports that its program was.
SIGKILL_STATUS = 137


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


class StorageError(SupervisorError):
    """An object cannot be read or written."""


class ObjectChanged(StorageError):
    """The version of the object that the event names no longer exists (404 or 412)."""


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


class RunsFailed(SupervisorError):
    """Several runs of one event failed."""


class ScriptFailed(SupervisorError):
    """The user's script ended with a non-zero status (128 + n: killed by signal n)."""

    def __init__(self, status: int, output: bytes = b"") -> None:
        super().__init__(
            f"The script ended with status {status}.",
            remedy="See the script's own output above this line.",
        )
        self.status = status
        self.output = output


class OutOfMemory(ScriptFailed):
    """The script or a program that it ran was killed; only the kernel sends KILL here."""

    def __init__(self, status: int, output: bytes = b"", *, memory: int = 0) -> None:
        super().__init__(status, output)
        size = f" It has {memory} MB." if memory else ""
        self.problem = (
            f"The script was killed (status {status}), most likely because it ran out of memory."
            f"{size}"
        )
        self.remedy = "Increase the function's memory, or use execution_mode: lambda-batch."


class DiskFull(SupervisorError):
    """The input, or what the script writes, does not fit on the disk."""

    ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


class ClaimLost(SupervisorError):
    """Another attempt has taken over the run; this one must not write any more."""


class DeadlineExceeded(SupervisorError):
    """The run was stopped at its deadline, which leaves time for clean-up before Lambda's."""


class Terminated(BaseException):
    """TERM was received: the instance is reclaimed or the job terminated.

    Raised in the main thread. Not an Exception, so that no handler of errors catches it: only
    clean-up runs between the signal and the end of the process.
    """
