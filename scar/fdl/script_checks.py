"""What is wrong with a script before it runs. Pure."""

from __future__ import annotations

FIRST_LINE_BYTES = 512  # bytes; the kernel reads no more of a first line


def line_ending_problem(start: bytes) -> str:
    """Say what is wrong if a script, that begins so, was saved by Windows; else nothing.

    Linux takes the carriage return for a part of the interpreter's name, shells for a part of
    every line.
    """
    first, end, _ = start.partition(b"\n")
    if not end or not first.endswith(b"\r") or b"\0" in first:
        return ""
    return "has Windows line ends (CR LF), which no shell reads; convert it: sed -i 's/\\r$//'"
