"""Everything that the supervisor raises on purpose.

The class names are part of stored and sent data: ``kind`` in ``error.json`` and
``delegated.json``, ``errorType`` in Lambda's error responses.

SupervisorError
├── ConfigError            the function configuration is invalid or cannot be read
├── EventError             the event cannot be parsed
│   └── RequestRefused     an HTTP request is answered with a status of 400 and above
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
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# 128 + SIGKILL: the script itself was killed, or a shell reports that its program was.
SIGKILL_STATUS = 137
# Signal numbers of Linux (x86-64 and arm64): name, meaning, remedy. A shell reports a program that
# a signal ended as status 128 + number. Numbers without an entry do not end programs in practice.
_SIGNALS: dict[int, tuple[str, str, str]] = {
    1: ("SIGHUP", "its terminal or parent process ended", ""),
    2: ("SIGINT", "it was interrupted", ""),
    3: ("SIGQUIT", "it was told to quit", ""),
    4: (
        "SIGILL",
        "it used an instruction that this CPU does not have",
        (
            "The program was built for another CPU: use a build for the function's architecture"
            " without special instruction sets (AVX-512, -march=native)."
        ),
    ),
    5: ("SIGTRAP", "it hit a debugger's trap or an internal check of its runtime", ""),
    6: (
        "SIGABRT",
        "it aborted, after a failed assertion, an uncaught exception or damaged memory",
        "The program's own message is in the output above this line.",
    ),
    7: (
        "SIGBUS",
        (
            "an access to memory failed: a file mapped into memory was truncated, or the disk or"
            " /dev/shm is full"
        ),
        "Increase ephemeral_storage if the program maps large files.",
    ),
    8: ("SIGFPE", "an arithmetic error such as an integer division by zero", ""),
    9: (
        "SIGKILL",
        "it was killed, most likely because it ran out of memory",
        "Increase the function's memory, or use execution_mode: lambda-batch.",
    ),
    10: ("SIGUSR1", "it did not handle this signal of another program", ""),
    11: (
        "SIGSEGV",
        "it crashed, by an invalid access to memory",
        (
            "This is a bug in the program or a library that does not match it. Try the same input"
            " with the same image on your machine."
        ),
    ),
    12: ("SIGUSR2", "it did not handle this signal of another program", ""),
    13: (
        "SIGPIPE",
        "it wrote to a pipe whose reader had ended",
        (
            "A later command of the pipeline ended first, as `head` does: without `set -o pipefail`"
            " such a pipeline succeeds."
        ),
    ),
    14: ("SIGALRM", "its own timer expired", ""),
    15: (
        "SIGTERM",
        "it was terminated, by a command such as `kill` or `timeout`, or by its container",
        "",
    ),
    24: ("SIGXCPU", "it exceeded its limit of CPU time (ulimit -t)", ""),
    25: ("SIGXFSZ", "it exceeded its limit of file size (ulimit -f)", ""),
    31: (
        "SIGSYS",
        "it used a system call that the sandbox does not permit",
        "Avoid the system call; Lambda and containers permit fewer than a machine of your own.",
    ),
}
_SCRIPT_STATUS = re.compile(
    r"The script (?:ended with status (\d+)\b|was ended by [A-Z0-9]+ \(status (\d+)\))"
)
_READ_OUTPUT = "See the script's own output above this line."


def describe_signal(status: int) -> tuple[str, str, str] | None:
    """Return name, meaning and remedy (or empty) of the signal in a status; None without one."""
    return _SIGNALS.get(status - 128)


def describe_script_status(status: int) -> tuple[str, str]:
    """Return problem and remedy for a script that ended with this status (0 to 255)."""
    if found := describe_signal(status):
        name, meaning, remedy = found
        return f"The script was ended by {name} (status {status}): {meaning}.", (
            remedy or _READ_OUTPUT
        )
    if status == 126:
        return (
            "The script ended with status 126: a command is not executable.",
            (
                "Make the file executable (chmod +x); check its first line (#!) and its"
                f" architecture. {_READ_OUTPUT}"
            ),
        )
    if status == 127:
        return (
            "The script ended with status 127: command not found.",
            f"Check the command's name and PATH, and that the image contains it. {_READ_OUTPUT}",
        )
    return f"The script ended with status {status}.", _READ_OUTPUT


def parse_script_status(problem: str) -> int | None:
    """Return the status in a sentence of ``describe_script_status``; None for another problem.

    Lambda's error responses have the sentence only.
    """
    found = _SCRIPT_STATUS.match(problem)
    return int(found[1] or found[2]) if found else None


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
