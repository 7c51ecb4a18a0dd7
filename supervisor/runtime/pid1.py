"""As process 1: collect what other processes leave behind, and pass TERM on."""

from __future__ import annotations

import os
import signal

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_WATCHED = (*_PASSED_ON, signal.SIGCHLD)


def split() -> int | None:
    """Go on in a child (None); in process 1 return the child's exit status when it has ended."""
    # Blocked signals wait until they are asked for. A handler could miss one: Python runs it
    # between two instructions, not in a system call that was entered just after the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        return None
    return _wait_for(child)


def _wait_for(child: int) -> int:
    """Collect whatever ends, until ``child`` does; return its status, 128 + n if killed."""
    while True:
        number = signal.sigwait(_WATCHED)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        status = _collect(child)
        if status is not None:
            return status if status >= 0 else 128 - status


def _collect(child: int) -> int | None:
    """Reap all that has ended: one SIGCHLD may stand for several; None if ``child`` still runs."""
    while True:
        pid, raw = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            return os.waitstatus_to_exitcode(raw)
        if pid == 0:
            return None
