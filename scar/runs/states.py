"""The state of a run, read from the names and times of its records alone. Pure.

Listing tells both, so a million runs need no reading. Times are the store's, in epoch
seconds; it keeps whole seconds, so what happened in one second counts as having happened in
the order in which supervisors write.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from supervisor.runs import leases
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Mapping

# How long Lambda keeps an event at most (limits.LAMBDA_EVENT_AGE).
MAX_EVENT_AGE = 21_600
# Lambda's longest time-out (docs: Lambda quotas) and what a claim holds beyond it.
LAMBDA_LEASE = 900 + leases.GRACE_AFTER_DEADLINE


class RunState(enum.StrEnum):
    """Where a run stands.

    ``WAITING``: sent again and not yet begun; ``HANDED``: to Batch; ``LOST``: nobody works on
    it, and nothing says why.
    """

    WAITING = "waiting"
    LAMBDA = "lambda"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


FINISHED_STATES = frozenset({RunState.DONE, RunState.FAILED, RunState.LOST})


def derive_state(written: Mapping[str, float], now: float) -> RunState:
    """Return the state of a run from its records' names and times; ``now`` is the store's."""
    if records.DONE in written:
        return RunState.DONE
    claim, error = written.get(records.CLAIM, 0.0), written.get(records.ERROR, -1.0)
    sent = written.get(records.RETRY, -1.0)
    if sent > max(claim, error) and now - sent <= MAX_EVENT_AGE:
        return RunState.WAITING
    if error >= claim:
        return RunState.FAILED
    delegated = written.get(records.DELEGATED, -1.0)
    attempts = (time for name, time in written.items() if name.startswith(records.ATTEMPT_PREFIX))
    attempt = max(attempts, default=-1.0)
    if delegated >= claim > attempt:
        return RunState.QUEUED
    if now - claim > LAMBDA_LEASE:
        return RunState.LOST
    # What Batch wrote before the run was sent again tells nothing about who claimed it since.
    return RunState.LAMBDA if max(delegated, attempt) <= sent else RunState.RUNNING
