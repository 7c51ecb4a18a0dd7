"""The first process of a ``process`` sandbox: no process that the command starts outlives it.

It is run by path with ``-I -S`` and imports few modules of the standard library, because it is part
of every cold start. As a subreaper it becomes the parent of all orphaned descendants, also of those
in other sessions. It kills them all when the command ends, or when it reads ``K`` or the end of
the file (the server has died) from standard input; for ``T`` it sends SIGTERM to the command. The
exit status is the command's, or 128 + n for signal n.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    """Run the command; return its status once all of its descendants have ended."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    # A byte in this pipe for every SIGCHLD: select() below cannot miss one, as it could miss a
    # signal that arrives just before it.
    child_signals, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = os.fork()
    if child == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _exec_command(command)
    status = _wait_for_command(child, child_signals)
    _kill_descendants()
    return status


def _exec_command(command: list[str]) -> None:
    """Replace the forked child by the command, in its own session; never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvpe(command[0], command, os.environ)  # noqa: S606 - no shell
    except OSError as error:
        os.write(2, f"Cannot start {command[0]}: {error.strerror}\n".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _wait_for_command(child: int, child_signals: int) -> int:
    """Execute commands from standard input until the child ends; return its status."""
    while True:
        readable, _, _ = select.select([0, child_signals], [], [])
        if 0 in readable:
            command = os.read(0, 1)
            if command != b"T":
                os.kill(child, signal.SIGKILL)
                return _exit_status(os.waitpid(child, 0)[1])
            os.kill(child, signal.SIGTERM)
        if child_signals in readable:
            os.read(child_signals, 512)
            status = _reap_children(child)
            if status is not None:
                return status


def _reap_children(child: int) -> int | None:
    """Reap all ended children; return the command's status if it was among them."""
    status = None
    while True:
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = _exit_status(raw)


def _kill_descendants() -> None:
    """Kill children until none is left; a killed process's children become this one's."""
    while True:
        for pid in _list_children():
            os.kill(pid, signal.SIGKILL)
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:  # killed, but not ended yet
            time.sleep(0.001)


def _list_children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", "rb") as listed:  # noqa: PTH123
        return [int(pid) for pid in listed.read().split()]


def _exit_status(raw: int) -> int:
    return os.WEXITSTATUS(raw) if os.WIFEXITED(raw) else 128 + os.WTERMSIG(raw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
