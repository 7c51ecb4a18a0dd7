"""Everything the supervisor raises on purpose.

SupervisorError
├── ConfigError            the function configuration cannot be used
├── EventError             the event cannot be understood
├── StorageError           an object could not be read or written
│   ├── ObjectChanged      the announced version of the object is not there any more
│   └── PreconditionFailed somebody else wrote the object first
├── SubmissionError        the job could not be submitted
├── OutputError            the script's output files cannot be uploaded as they are
├── RecordError            a run record cannot be read by this release
├── ChainTooLong           functions trigger each other without end
├── EventDiscarded         Lambda gave an event up before its runs were over
├── JobTerminated          the job was told to end, nobody said why
├── RunsFailed             several runs of one event failed
├── ClaimLost              somebody else has taken the run over
├── DiskFull               the input or what is made of it does not fit on the disk
├── ScriptFailed           the user's script ended with a non-zero status
│   └── OutOfMemory        it was killed, most likely for want of memory
└── DeadlineExceeded       the script was stopped to leave time for clean-up

Terminated (a BaseException)   TERM arrived
"""

from __future__ import annotations

import errno

# A shell's 128 + SIGKILL, whether the script itself was killed or a program that it waited for.
SIGKILL_STATUS = 137


class SupervisorError(Exception):
    """Base of the tree; ``remedy`` says what the reader can do about it."""

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class ConfigError(SupervisorError):
    """The function configuration cannot be used."""


class EventError(SupervisorError):
    """The event cannot be understood."""


class StorageError(SupervisorError):
    """An object could not be read or written."""


class ObjectChanged(StorageError):
    """The announced version of the object is not there any more (404 or 412)."""


class PreconditionFailed(StorageError):
    """A conditional write found the object in another state (412, or 409 in a race)."""


class SubmissionError(SupervisorError):
    """The job could not be submitted."""


class OutputError(SupervisorError):
    """The script's output files cannot be uploaded as they are."""


class RecordError(SupervisorError):
    """A run record cannot be read by this release."""


class ChainTooLong(SupervisorError):
    """Functions trigger each other without end."""


class EventDiscarded(SupervisorError):
    """Lambda gave an event up before its runs were over."""


class JobTerminated(SupervisorError):
    """The job was told to end; Batch knows why: its time, its machine, or somebody."""


class RunsFailed(SupervisorError):
    """Several runs of one event failed."""


class ScriptFailed(SupervisorError):
    """The user's script ended with a non-zero status (128 + n: killed by signal n)."""

    def __init__(self, status: int, output: bytes = b"") -> None:
        super().__init__(
            f"The script ended with status {status}.",
            remedy="Read the script's own messages above this line.",
        )
        self.status = status
        self.output = output


class OutOfMemory(ScriptFailed):
    """The script, or a program of its, was killed; nobody but the kernel does that here."""

    def __init__(self, status: int, output: bytes = b"", *, memory: int = 0) -> None:
        super().__init__(status, output)
        given = f" It has {memory} MB." if memory else ""
        self.problem = (
            f"The script was killed (status {status}), most likely for want of memory.{given}"
        )
        self.remedy = "Give the function more memory, or let Batch take over (mode lambda-batch)."


class DiskFull(SupervisorError):
    """The input or what is made of it does not fit on the disk."""

    ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


class ClaimLost(SupervisorError):
    """Somebody else has taken the run over; nothing is to be written any more."""


class DeadlineExceeded(SupervisorError):
    """The script was stopped to leave time for clean-up."""


class Terminated(BaseException):
    """TERM arrived: the machine is reclaimed or the job ended. Raised in the main thread.

    Not an Exception, so that nothing but clean-up comes between it and the end.
    """
