"""Run ``scar`` in a process of its own, as a user does, with a time limit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INTERRUPT_SECONDS = 60.0


class CommandError(AssertionError):
    """A command did not end with the expected status, or not in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What a command printed, its exit status and its duration in seconds."""

    words: tuple[str, ...]
    status: int
    stdout: str
    stderr: str
    seconds: float

    def json(self) -> Any:  # noqa: ANN401 - a document of the command
        """Return the document that the command printed with ``-j``."""
        return json.loads(self.stdout)


def run_scar(
    *words: str, environment: Mapping[str, str], folder: Path, timeout: float, status: int = 0
) -> CommandResult:
    """Run a command; raise CommandError for another status, or after ``timeout`` seconds.

    A command that is too late is interrupted like by Ctrl-C, so that it can undo what it did,
    and killed a minute later.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.acceptance.kit.recorded_scar", *words],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        stdout, stderr = _end(process)
        line = " ".join(words)
        raise CommandError(f"`scar {line}` took more than {timeout:.0f} s\n{stderr}") from None
    except BaseException:
        _end(process)
        raise
    result = CommandResult(
        words=words,
        status=process.returncode,
        stdout=stdout,
        stderr=stderr,
        seconds=time.monotonic() - started,
    )
    if result.status != status:
        line = " ".join(words)
        raise CommandError(
            f"`scar {line}` ended with status {result.status}, not {status}\n{stderr}{stdout}"
        )
    return result


def _end(process: subprocess.Popen[str]) -> tuple[str, str]:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGINT)
    try:
        return process.communicate(timeout=INTERRUPT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()
