"""Runs a program as a child process in the image that the supervisor runs in."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor import descriptors
from supervisor.errors import DeadlineExceeded
from supervisor.execution import child_processes
from supervisor.execution.users import ETC, find_account, has_access
from supervisor.signals import SIGNAL_RESEND_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from supervisor.execution.users import UserAccount
    from supervisor.invocation import ProcessSpec
    from supervisor.logs import Log

CHUNK_SIZE = 1 << 16
# The end of the output that callers get; the log has all of it.
TAIL_BYTES = 1 << 20
MAX_OOM_SCORE = 1000
# Seconds. When the script has ended, its output is already in the pipe.
DRAIN_TIMEOUT = 2.0


def write_to_stdout(data: bytes) -> None:
    """Write a script's output unchanged to standard output."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


class OutputTail:
    """Keeps the last ``TAIL_BYTES`` bytes, and never more than twice as many.

    ``copy`` gets all bytes.
    """

    def __init__(self, copy: Callable[[bytes], None] | None = None) -> None:
        self._kept = bytearray()
        self._copy = copy

    def add(self, data: bytes) -> None:
        if self._copy is not None:
            self._copy(data)
        self._kept += data
        if len(self._kept) > 2 * TAIL_BYTES:
            del self._kept[:-TAIL_BYTES]

    @property
    def has_open_line(self) -> bool:
        """Whether the last line has no newline: the next log line would be appended to it."""
        return bool(self._kept) and not self._kept.endswith(b"\n")

    def to_bytes(self) -> bytes:
        return bytes(self._kept[-TAIL_BYTES:])


@dataclass(frozen=True, slots=True)
class ProcessRunner:
    """Adapter of ``ports.ScriptRunner``; ``grace`` is the seconds from TERM to KILL."""

    log: Log
    write: Callable[[bytes], None] = write_to_stdout
    grace: float = 2.0
    etc: Path = ETC

    def run(self, spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        deadline = None if timeout is None else time.monotonic() + timeout
        account = self._resolve_account(spec.user)
        spare = child_processes.list_children()
        tail = OutputTail(spec.copy_output)
        # Before the start: a short script may have ended, and left orphans, when Popen returns.
        adopted = child_processes.adopt_orphans()
        try:
            process = _start_process(spec, account)
        except (OSError, ValueError) as error:
            # ValueError: the image's command has a NUL, or is not valid Unicode.
            return self._start_failure(spec.argv[0], error)
        prefer_for_oom_killer(process.pid)
        ended = False
        try:
            ended = self._forward_until_exit(process, tail, deadline)
        finally:
            # Also after an exception (TERM, lost claim): no process of the script survives.
            if not ended:
                self._terminate_process(process, tail)
            left = child_processes.kill_descendants(spare, process.pid, adopted=adopted)
            self._drain_output(process, tail)
            if tail.has_open_line:
                self.write(b"\n")
            if left:
                self.log.warning(f"{left} processes of the script cannot be killed.")
        if not ended:
            raise DeadlineExceeded(
                f"The script was stopped at its deadline, after {timeout or 0:.1f} s.",
                remedy="Increase lambda.timeout, or use execution_mode: lambda-batch.",
            )
        status = process.returncode
        return (status if status >= 0 else 128 - status), tail.to_bytes()

    def _forward_until_exit(
        self, process: subprocess.Popen[bytes], tail: OutputTail, deadline: float | None
    ) -> bool:
        """Forward output until the program itself ends (True) or the deadline passes (False)."""
        with _open_pidfd(process) as pidfd:
            poll = select.poll()
            output = _output_descriptor(process)
            poll.register(output, select.POLLIN)
            if pidfd is not None:
                poll.register(pidfd, select.POLLIN)
            while process.poll() is None:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                # A pidfd wakes poll() when the process ends, so the interval only limits how late
                # a signal is noticed that came just before the call. Without one, poll often. The
                # end of the pipe is no substitute: background processes may hold it open.
                interval = SIGNAL_RESEND_INTERVAL if pidfd is not None else 0.02
                interval = interval if left is None else min(interval, left)
                for descriptor, _ in poll.poll(max(1.0, interval * 1000)):
                    if descriptor == output and not self._forward_chunk(output, tail):
                        poll.unregister(output)
        return True

    def _terminate_process(self, process: subprocess.Popen[bytes], tail: OutputTail) -> None:
        """Send TERM to the process group and wait for ``grace``; then kill the program."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
        self._forward_until_exit(process, tail, time.monotonic() + self.grace)
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def _drain_output(self, process: subprocess.Popen[bytes], tail: OutputTail) -> None:
        output = _output_descriptor(process)
        deadline = time.monotonic() + DRAIN_TIMEOUT
        poll = select.poll()
        poll.register(output, select.POLLIN)
        while time.monotonic() < deadline and poll.poll(0) and self._forward_chunk(output, tail):
            pass
        if process.stdout is not None:
            process.stdout.close()

    def _forward_chunk(self, output: int, tail: OutputTail) -> bool:
        data = os.read(output, CHUNK_SIZE)
        if data:
            self.write(data)
            tail.add(data)
        return bool(data)

    def _resolve_account(self, user: str) -> UserAccount | None:
        account = find_account(user, self.etc)
        if account is None and user and os.geteuid() == 0:
            self.log.warning(
                f"The image's user {user} is not mapped in this sandbox; root is used."
            )
        return account

    def _start_failure(self, program: str, error: OSError | ValueError) -> tuple[int, bytes]:
        """Return the exit status of shells: 127 not found, 126 not executable."""
        if not isinstance(error, OSError):
            text = f"scar: cannot start {program}: {error}\n"
        elif error.filename not in (None, program):
            text = f"scar: cannot start {program} in {error.filename}: {error.strerror}\n"
        else:
            text = f"scar: cannot start {program}: {error.strerror}. Is it in the image?\n"
        # The program's name may have bytes that are not UTF-8: they are surrogates here.
        data = text.encode("utf-8", "backslashreplace")
        self.write(data)
        return (127 if isinstance(error, FileNotFoundError) else 126), data


def prefer_for_oom_killer(process: int) -> None:
    """Make a program, and what it starts, the first choice of the kernel's out-of-memory killer.

    The supervisor in the same container survives then, and can record why the run failed. Raising
    the value needs no privileges (man 5 proc, oom_score_adj); in gVisor there may be no such file.
    """
    with contextlib.suppress(OSError):
        file = os.open(f"/proc/{process}/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        with descriptors.closing(file):
            os.write(file, b"%d" % MAX_OOM_SCORE)


def _start_process(spec: ProcessSpec, account: UserAccount | None) -> subprocess.Popen[bytes]:
    environment = {**spec.environment, "HOME": _choose_home(spec, account)}
    if account is not None:
        for path in (spec.folder, *spec.folder.rglob("*")):
            # Never follow links: the target may be outside the run's folder.
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    return subprocess.Popen(
        list(spec.argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        cwd=spec.cwd,
        env=environment,
        start_new_session=True,  # for killpg(), and to find daemonised children
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=account.groups if account else None,
    )


def _choose_home(spec: ProcessSpec, account: UserAccount | None) -> str:
    """Return the program's HOME: a folder that its user may write to, else one of the run's.

    Lambda sets none, and most of its file system is read-only; then libraries fail, or create a
    folder named ``~``.
    """
    home = spec.environment.get("HOME", "")
    if account is not None and not spec.has_own_home:
        home = account.home  # HOME is that of the supervisor's user
    if home.startswith("/") and _is_writable_folder(home, account):
        with contextlib.suppress(OSError):
            spec.home.rmdir()  # not needed
        return home
    spec.home.mkdir(mode=0o700, exist_ok=True)
    return str(spec.home)


def _is_writable_folder(path: str, account: UserAccount | None) -> bool:
    try:
        status = os.stat(path)  # noqa: PTH116
        # access() knows read-only file systems, but asks for the user of this process.
        usable = stat.S_ISDIR(status.st_mode) and os.access(path, os.W_OK | os.X_OK)
    except (OSError, ValueError):
        return False
    if account is None:
        return usable
    return usable and has_access(status, account.uid, {account.gid, *account.groups}, 3)


@contextlib.contextmanager
def _open_pidfd(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # not in kernels before 5.3, nor in gVisor
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _output_descriptor(process: subprocess.Popen[bytes]) -> int:
    if process.stdout is None:
        raise AssertionError
    return process.stdout.fileno()
