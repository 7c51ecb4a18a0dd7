"""The error of a script that failed: what its output says about it, for the run's record."""

from __future__ import annotations

import re
from dataclasses import dataclass

from supervisor.errors import OutOfMemory, ScriptFailed
from supervisor.script_status import SIGKILL_STATUS, describe_signal

# Of the output's end: what is searched for an error, and what error.json keeps.
SEARCHED_BYTES = 1 << 16
TAIL_LINES, TAIL_CHARACTERS, LINE_CHARACTERS = 20, 4000, 500
MESSAGE_CHARACTERS = 300
_LINE_BYTES = 8 * LINE_CHARACTERS  # UTF-8 has up to four bytes; escape sequences are removed later

_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?")
# Whole lines. Other programs' words for an error are not guessed: a wrong one misleads.
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # Java, Scala and Kotlin: with the package, and the thread if it is uncaught.
        (
            r'(?:Exception in thread "[^"]*" )?'
            r"(?P<type>(?:[a-z_]\w*\.)+[A-Z]\w*(?:Exception|Error))(?:: (?P<message>.*))?"
        ),
        # Python, JavaScript, Ruby and many others.
        r"(?:Uncaught )?(?P<type>[A-Z]\w*(?:Error|Exception)): (?P<message>.+)",
        # R: the call, then the message, which may be in the next line.
        r"(?P<type>Error) in .{1,200}? ?: ?(?P<message>.*)",
        r"(?P<type>Error): (?P<message>.+)",
        # Julia, and programs that write a level.
        r"(?P<type>ERROR|FATAL|Fatal|fatal|error)(?: error)?: (?P<message>.+)",
        # Go.
        r"(?P<type>panic): (?P<message>.+)",
        # Shells: `script: line 3: foo: command not found`, `sh: 1: foo: not found`.
        r"(?:\S*/)?(?P<type>[\w.-]+): (?:line )?\d+: (?P<message>.+)",
    )
)
_OWN_LINE = "scar: cannot start "
# How shells say that a command cannot be started, in lower case, by the status that they end with.
_START_FAILURES = {
    126: ("permission denied", "cannot execute", "not executable", "exec format error"),
    127: ("not found", "no such file or directory"),
}
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """An error that a script has reported: its type, as the language names it, and its message."""

    type: str
    message: str

    def __str__(self) -> str:
        text = f"{self.type}: {self.message}" if self.message else self.type
        return text[:MESSAGE_CHARACTERS]


def script_failure(
    status: int, output: bytes, memory: int = 0, *, started_in: str = ""
) -> ScriptFailed:
    """Return the error for a script's exit status; ``memory`` is Lambda's in MB, else 0.

    ``started_in`` is the folder, named if a file or command was not found or not writable there.
    """
    if status == SIGKILL_STATUS:
        error: ScriptFailed = OutOfMemory(status, output, memory=memory)
    else:
        error = ScriptFailed(status, output)
    lines = output_lines(output)
    found = find_error_line(lines)
    plain = f"The script ended with status {status}"
    if detail := _describe_start(status, lines, found):
        error.problem = _as_sentence(f"{plain}: {detail}")
    elif found is not None and error.problem == f"{plain}.":
        error.problem = _as_sentence(f"{plain}: {found}")
    if started_in and (status in _START_FAILURES or _is_read_only(found)):
        error.problem += f" It started in {started_in}."
    signal = describe_signal(status)
    error.record = {
        "status": status,
        "signal": signal[0] if signal else "",
        "type": found.type if found else "",
        "message": found.message[:MESSAGE_CHARACTERS] if found else "",
        "tail": _bounded_tail(lines),
    }
    return error


def _is_read_only(found: ErrorLine | None) -> bool:
    """Return whether a file could not be written, as in an image's WORKDIR in Lambda."""
    return found is not None and "read-only file system" in str(found).lower()


def _describe_start(status: int, lines: list[str], found: ErrorLine | None) -> str:
    """Return which command could not be started, and why; empty if the output does not say it."""
    reasons = _START_FAILURES.get(status)
    if reasons is None:
        return ""
    # Written by the process runner, as the only line: an interpreter or the image's own command.
    if own := next((line for line in reversed(lines) if line.startswith(_OWN_LINE)), ""):
        return own.removeprefix("scar: ")[:MESSAGE_CHARACTERS]
    is_known = found is not None and any(reason in found.message.lower() for reason in reasons)
    return found.message[:MESSAGE_CHARACTERS] if found is not None and is_known else ""


def _as_sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def output_lines(output: bytes) -> list[str]:
    """Return the last lines of an output without control characters; progress bars are cut."""
    kept: list[bytes] = []
    left = SEARCHED_BYTES
    for line in reversed(output.split(b"\n")):
        # Of what a carriage return overwrites, a terminal shows the end. A long line is cut at its
        # end: an error begins with its type.
        shown = line.rstrip(b"\r").rpartition(b"\r")[2][:_LINE_BYTES]
        left -= len(shown)
        if left < 0:
            break
        kept.append(shown)
    lines = (_CONTROL.sub("", line.decode(errors="replace")).rstrip() for line in reversed(kept))
    return [line for line in lines if line]


def find_error_line(lines: list[str]) -> ErrorLine | None:
    """Return the last error that the lines report; None if none is recognized."""
    raised = _find_python_error(lines)
    for number in range(len(lines) - 1, raised[0] if raised else -1, -1):
        for pattern in _PATTERNS:
            if match := pattern.fullmatch(lines[number][:LINE_CHARACTERS]):
                message = match["message"] or _following_line(lines, number, match["type"])
                return ErrorLine(match["type"], message.strip())
    return raised[1] if raised else None


def _find_python_error(lines: list[str]) -> tuple[int, ErrorLine] | None:
    """Return the exception below the last traceback, and its line's number."""
    start = next((n for n in range(len(lines) - 1, -1, -1) if lines[n] == _TRACEBACK), None)
    if start is None:
        return None
    for number in range(start + 1, len(lines)):
        if lines[number].startswith((" ", "\t")):
            continue
        match = _RAISED.fullmatch(lines[number][:LINE_CHARACTERS])
        return (number, ErrorLine(match["type"], match["message"] or "")) if match else None
    return None


def _following_line(lines: list[str], number: int, kind: str) -> str:
    return lines[number + 1].strip() if kind == "Error" and number + 1 < len(lines) else ""


def _bounded_tail(lines: list[str]) -> list[str]:
    """Return the last lines, each cut, so that the record stays small."""
    kept: list[str] = []
    left = TAIL_CHARACTERS
    for line in reversed(lines[-TAIL_LINES:]):
        cut = line[:LINE_CHARACTERS]
        left -= len(cut)
        if left < 0:
            break
        kept.append(cut)
    return kept[::-1]
