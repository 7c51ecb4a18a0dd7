"""Exit statuses of scripts: what each one means, and what the reader can do."""

from __future__ import annotations

import re

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
