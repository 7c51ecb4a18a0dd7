"""Run one command as a whole process tree, and return what it cost.

A command that fails is an error with the command and its standard error: a bench never prints a
figure of something that did not work.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LAUNCHER = Path(__file__).with_name("launch.py")
GRACE_SECONDS = 60.0  # a local cloud that is stopped takes up to 20 s
SHOWN_BYTES = 4000  # of standard error, in the message of a failed command


class CommandFailedError(Exception):
    """A measured command ended with another status than 0, or not in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one execution cost: seconds of wall time and CPU time, peak memory in MB.

    The peak is that of the largest process, the CPU time that of all.
    """

    wall: float
    cpu: float
    peak_mb: float


def plain_environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without settings of AWS and scar, with ``variables``.

    Python may write compiled modules in it, as in an installation of users: without them each start
    compiles what it imports.
    """
    left_out = ("AWS_", "SCAR_", "_SCAR_", "PYTHONDONTWRITEBYTECODE")
    own = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    return own | variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program with its arguments, environment and working directory."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=plain_environment)
    folder: Path | None = None
    timeout: float = 900.0

    def __str__(self) -> str:
        return shlex.join(self.arguments)


def measure(command: Command, output: IO[bytes] | None = None) -> Usage:
    """Run the command and return its usage; raise CommandFailedError if it fails.

    Its standard output goes to ``output``, or is discarded.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as figures, tempfile.TemporaryFile() as errors:
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(writer), *command.arguments]
        process = subprocess.Popen(
            launcher,
            env=dict(command.environment),
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=errors,
            pass_fds=[writer],
            start_new_session=True,  # so that all of its processes can be ended
        )
        os.close(writer)
        _wait(process, command)
        written = figures.read().split()
        status = int(written[0]) if written else process.returncode
        if status:
            raise CommandFailedError(_describe(command, f"ended with status {status}", errors))
        wall, cpu, peak = (float(text) for text in written[1:])
    return Usage(wall=wall, cpu=cpu, peak_mb=peak / 1024)


def output_of(command: Command) -> str:
    """Return the standard output of a command; raise CommandFailedError if it fails."""
    with tempfile.TemporaryFile() as output:
        measure(command, output)
        output.seek(0)
        return output.read().decode(errors="replace")


def _wait(process: subprocess.Popen[bytes], command: Command) -> None:
    try:
        process.wait(command.timeout)
    except subprocess.TimeoutExpired:
        message = f"`{command}` had not ended after {command.timeout:g} s"
        raise CommandFailedError(message) from None
    finally:
        if process.poll() is None:  # also after Ctrl-C, which does not reach another session
            _end_all(process)


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """End a command as Ctrl-C would, so that it stops its servers; kill what is left of it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _describe(command: Command, problem: str, errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - SHOWN_BYTES))
    text = errors.read().decode(errors="replace").strip()
    return f"`{command}` {problem}; its standard error:\n{text or '(empty)'}"
