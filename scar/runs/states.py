"""The state of a run, derived from the names and times of its records.

A listing of the state bucket returns both, so a million runs need no reading of objects. Times
are S3's, in epoch seconds. S3 keeps whole seconds: records of the same second count as written in
the order in which supervisors write them.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from supervisor.runs import leases, record_format

if TYPE_CHECKING:
    from collections.abc import Mapping

# Seconds that Lambda keeps an event in its queue at most (limits.LAMBDA_EVENT_AGE).
MAX_EVENT_AGE = 21_600
# Seconds after its claim in which a run in Lambda must have ended: Lambda's maximum timeout
# (docs: Lambda quotas) and the time that a lease lasts beyond the deadline.
LAMBDA_LEASE = 900 + leases.GRACE_AFTER_DEADLINE


class RunState(enum.StrEnum):
    """The state of a run; the values are part of the commands' JSON output.

    ``WAITING``: retried, and its event waits in Lambda's queue; ``LAMBDA``: running in Lambda;
    ``QUEUED``: submitted to Batch and not started; ``RUNNING``: running in Batch; ``LOST``: no
    process runs it, and no error was recorded.
    """

    WAITING = "waiting"
    LAMBDA = "lambda"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


FINISHED_STATES = frozenset({RunState.DONE, RunState.FAILED, RunState.LOST})
# The states in sentences.
STATE_TEXTS: Mapping[RunState, str] = {
    RunState.WAITING: "retried, waiting in Lambda's queue",
    RunState.LAMBDA: "running in Lambda",
    RunState.QUEUED: "queued in Batch",
    RunState.RUNNING: "running in Batch",
    RunState.DONE: "done",
    RunState.FAILED: "failed",
    RunState.LOST: "lost",
}


def derive_state(written: Mapping[str, float], now: float) -> RunState:
    """Return the state of a run from the times of its records by name; ``now`` is S3's time.

    The order of the checks matters: a later record overrides an earlier one, and records of the
    same second are ordered as supervisors write them: Lambda's claim, the submission to Batch, the
    job's claim, attempt, error, done.
    """
    if record_format.DONE in written:
        return RunState.DONE
    claim = written.get(record_format.CLAIM, 0.0)
    error = written.get(record_format.ERROR, -1.0)
    retried = written.get(record_format.RETRY, -1.0)
    # An event older than Lambda's maximum was dropped: the run counts as failed again.
    if retried > max(claim, error) and now - retried <= MAX_EVENT_AGE:
        return RunState.WAITING
    if error >= claim:
        return RunState.FAILED
    submitted = written.get(record_format.DELEGATED, -1.0)
    attempt = max(
        (t for name, t in written.items() if name.startswith(record_format.ATTEMPT_PREFIX)),
        default=-1.0,
    )
    if submitted >= claim > attempt:
        return RunState.QUEUED
    if now - claim > LAMBDA_LEASE:
        return RunState.LOST
    # Records that Batch wrote before a retry do not show who has claimed the run since.
    return RunState.LAMBDA if max(submitted, attempt) <= retried else RunState.RUNNING
