"""The duties of process 1 in a container: reap orphaned processes, forward signals.

Orphans become children of process 1; without a wait() they remain as zombies. The kernel also
gives process 1 no default handlers: TERM without a handler is ignored. So the supervisor itself
runs in a child, and process 1 does nothing else.
"""

from __future__ import annotations

import os
import signal

_FORWARDED_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AWAITED_SIGNALS = (*_FORWARDED_SIGNALS, signal.SIGCHLD)


def fork_and_reap() -> int | None:
    """Return None in the new child; in process 1 return the child's exit status when it ends."""
    # Blocked signals stay pending until sigwait() takes them. A handler could miss one: Python runs
    # handlers between two instructions, not in a system call that was entered just before. They
    # are blocked before the fork, so that a signal in between is not lost either.
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED_SIGNALS)
    # If the parent left SIGCHLD ignored, the kernel would reap children and drop their status.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED_SIGNALS)
        return None
    return _wait_for_child(child)


def _wait_for_child(child: int) -> int:
    """Reap processes until ``child`` ends; return its status, 128 + n if signal n killed it."""
    while True:
        number = signal.sigwait(_AWAITED_SIGNALS)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        status = _reap_children(child)
        if status is not None:
            return status if status >= 0 else 128 - status


def _reap_children(child: int) -> int | None:
    """Reap all ended processes; return the status of ``child``, None if it still runs.

    Signals do not queue: one SIGCHLD may be for several processes.
    """
    while True:
        pid, raw = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            return os.waitstatus_to_exitcode(raw)
        if pid == 0:
            return None
