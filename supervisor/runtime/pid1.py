"""As process 1: collect what other processes leave behind, and pass TERM on."""

from __future__ import annotations

import os
import signal

_FORWARDED_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AWAITED_SIGNALS = (*_FORWARDED_SIGNALS, signal.SIGCHLD)


def fork_and_reap() -> int | None:
    """Go on in a child (None); in process 1 return the child's exit status when it has ended."""
    # Blocked signals wait until they are asked for. A handler could miss one: Python runs it
    # between two instructions, not in a system call that was entered just after the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED_SIGNALS)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED_SIGNALS)
        return None
    return _wait_for_child(child)


def _wait_for_child(child: int) -> int:
    """Collect whatever ends, until ``child`` does; return its status, 128 + n if killed."""
    while True:
        number = signal.sigwait(_AWAITED_SIGNALS)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        status = _reap_children(child)
        if status is not None:
            return status if status >= 0 else 128 - status


def _reap_children(child: int) -> int | None:
    """Reap all that has ended: one SIGCHLD may stand for several; None if ``child`` still runs."""
    while True:
        pid, raw = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            return os.waitstatus_to_exitcode(raw)
        if pid == 0:
            return None
