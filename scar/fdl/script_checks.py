"""Checks of a script before it is deployed or run."""

from __future__ import annotations

FIRST_LINE_BYTES = 512  # bytes of a script that are checked


def line_ending_problem(start: bytes) -> str:
    """Return the problem of a script with Windows line endings; empty without one.

    ``start`` is the script's beginning. Linux treats the carriage return as a part of the
    interpreter's name, shells as a part of every line.
    """
    first, end, _ = start.partition(b"\n")
    if not end or not first.endswith(b"\r") or b"\0" in first:
        return ""
    return "has Windows line endings (CR LF), which Linux cannot run; convert it: sed -i 's/\\r$//'"
