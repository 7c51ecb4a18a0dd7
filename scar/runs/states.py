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
# (docs: Lambda quotas) and the time that a lease lasts beyond the deadline. The lease of a function
# with a shorter timeout is in its claims (``history.claim_leases``).
LAMBDA_LEASE = 900 + leases.GRACE_AFTER_DEADLINE
# Seconds after which no attempt follows anymore for a run that was not submitted: its event waits
# in the function's queue, then its invocation record in that of the failure handler, each for
# MAX_EVENT_AGE at most, and the failure handler's attempt itself ends within LAMBDA_LEASE. Usually
# it is minutes: the failure handler records that it has given up.
MAX_SUBMISSION_WAIT = 2 * MAX_EVENT_AGE + LAMBDA_LEASE


# Seconds between SubmitJob and its record at most, and how much S3 may cut off two times.
SUBMISSION_DELAY = 5.0


class RunState(enum.StrEnum):
    """The state of a run; the values are part of the commands' JSON output.

    ``WAITING``: its event waits in Lambda's queue, because it was retried, because it repeats a
    direct invocation or was accepted by an endpoint (``is_not_begun``), or because its submission
    to Batch did not succeed yet (``is_unsubmitted``); ``LAMBDA``: running in Lambda;
    ``QUEUED``: submitted to Batch and not started; ``RUNNING``: running in Batch; ``LOST``: no
    process runs it, and no error was recorded; ``REPEATED``: a failed direct invocation that was
    sent again, and is another run since.
    """

    WAITING = "waiting"
    LAMBDA = "lambda"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    REPEATED = "repeated"


FINISHED_STATES = frozenset({RunState.DONE, RunState.FAILED, RunState.LOST, RunState.REPEATED})
FAILURE_STATES = frozenset({RunState.FAILED, RunState.LOST})
# The records of a run that wait for the first claim: from `scar retry`, or from an endpoint.
BEFORE_CLAIM = (record_format.REPEATS, record_format.ACCEPTED)
# Records that say nothing about a process. The event may be stored at any time.
_NOTES = frozenset(
    {
        record_format.EVENT,
        record_format.REPEATED,
        *BEFORE_CLAIM,
        record_format.CANCELLED,
    }
)
# The states in sentences.
STATE_TEXTS: Mapping[RunState, str] = {
    RunState.WAITING: "waiting in Lambda's queue",
    RunState.LAMBDA: "running in Lambda",
    RunState.QUEUED: "queued in Batch",
    RunState.RUNNING: "running in Batch",
    RunState.DONE: "done",
    RunState.FAILED: "failed",
    RunState.LOST: "lost",
    RunState.REPEATED: "repeated as another run",
}

UNSUBMITTED = "not submitted to AWS Batch yet; next attempt by Lambda"
UNSUBMITTED_TEXT = f"waiting: {UNSUBMITTED}"


def describe_state(state: RunState, written: Mapping[str, float]) -> str:
    """Return the state in words, and whether the run waits for its submission to Batch."""
    if state is RunState.WAITING and is_unsubmitted(written):
        return UNSUBMITTED_TEXT
    return STATE_TEXTS[state]


def derive_state(written: Mapping[str, float], now: float, lease: float = LAMBDA_LEASE) -> RunState:
    """Return the state of a run from the times of its records by name; ``now`` is S3's time.

    ``lease`` is the one in its claim, in seconds; by default the longest of all runs in Lambda.

    The order of the checks matters: a later record overrides an earlier one, and records of the
    same second are ordered as supervisors write them: Lambda's claim, a failed and the final
    submission to Batch, the job's claim, attempt, error, done.
    """
    if record_format.DONE in written:
        if not is_cancelled(written):
            return RunState.DONE
        return RunState.REPEATED if record_format.REPEATED in written else RunState.FAILED
    state = _derive_unfinished_state(written, now, lease)
    repeated = written.get(record_format.REPEATED)
    if repeated is None:
        return state
    # Lambda may still have delivered the first event again: then this run is in progress too.
    newest = max((t for name, t in written.items() if name not in _NOTES), default=-1.0)
    is_in_progress = state not in FINISHED_STATES and newest > repeated
    return state if is_in_progress else RunState.REPEATED


def _derive_unfinished_state(written: Mapping[str, float], now: float, lease: float) -> RunState:
    """Return the state of a run without ``done``, whether or not it was repeated."""
    if is_not_begun(written):
        sent = max(written[name] for name in BEFORE_CLAIM if name in written)
        expired = now - sent > MAX_EVENT_AGE
        return RunState.LOST if expired else RunState.WAITING
    claim = written.get(record_format.CLAIM, 0.0)
    error = written.get(record_format.ERROR, -1.0)
    retried = written.get(record_format.RETRY, -1.0)
    # An event older than Lambda's maximum was dropped: the run counts as failed again.
    if retried > max(claim, error) and now - retried <= MAX_EVENT_AGE:
        return RunState.WAITING
    # The failure handler submits a run after a failed submission without claiming it again.
    submitted = _submission(written)[0]
    if error >= max(claim, _waiting_since(written), submitted):
        return RunState.FAILED
    if is_unsubmitted(written):
        expired = now - written[record_format.WAITING] > MAX_SUBMISSION_WAIT
        return RunState.LOST if expired else RunState.WAITING
    return _derive_claimed_state(written, retried, now, lease)


def _derive_claimed_state(
    written: Mapping[str, float], retried: float, now: float, lease: float
) -> RunState:
    """Return the state of a run that has an owner, which has recorded no end."""
    claim = written.get(record_format.CLAIM, 0.0)
    submitted, number = _submission(written)
    if number > 1 and submitted >= claim and not _has_started(written, submitted, number):
        return RunState.QUEUED
    attempt = max(
        (t for name, t in written.items() if name.startswith(record_format.ATTEMPT_PREFIX)),
        default=-1.0,
    )
    if submitted >= claim > attempt:
        return RunState.QUEUED
    if now - claim > lease:
        return RunState.LOST
    # Records that Batch wrote before a retry do not show who has claimed the run since.
    return RunState.LAMBDA if max(submitted, attempt) <= retried else RunState.RUNNING


def _submission(written: Mapping[str, float]) -> tuple[float, int]:
    """Return the time of the newest submission to Batch, and which job of the run it is."""
    name = record_format.latest_submission(written)
    return written.get(name, -1.0), record_format.submission_number(name)


def _has_started(written: Mapping[str, float], submitted: float, number: int) -> bool:
    """Return whether a later job of the run has started since it was submitted by the one before.

    That one records the submission after it: the job may have started before. An older record is of
    a job of the same number, before `scar retry`.
    """
    prefix = f"{record_format.ATTEMPT_PREFIX}{number}."
    return any(
        name.startswith(prefix) and time >= submitted - SUBMISSION_DELAY
        for name, time in written.items()
    )


def is_cancelled(written: Mapping[str, float]) -> bool:
    """Return whether `scar cancel` has ended the run, so that its event starts nothing.

    It writes ``cancelled`` and then ``done``. After a claim in between, ``done`` is that process's.
    """
    cancelled = written.get(record_format.CANCELLED, -1.0)
    has_both = record_format.DONE in written and record_format.CANCELLED in written
    return has_both and cancelled >= written.get(record_format.CLAIM, -1.0)


def is_not_begun(written: Mapping[str, float]) -> bool:
    """Return whether `scar retry` or an endpoint has started the run, and no process claimed it.

    That is a direct invocation: its run id is new.
    """
    return any(name in written for name in BEFORE_CLAIM) and not written.keys() - _NOTES


def is_unsubmitted(written: Mapping[str, float]) -> bool:
    """Return whether the newest fact about the run is that its submission did not succeed yet.

    Not if a job has claimed the run last: then only Batch's response to the submission was lost.
    """
    since = _waiting_since(written)
    claim = written.get(record_format.CLAIM, -1.0)
    if any(t >= claim for n, t in written.items() if n.startswith(record_format.ATTEMPT_PREFIX)):
        return False
    # Of the same second, these records were written before the submission ended, and
    # every other one after it.
    earlier = (record_format.CLAIM, record_format.RETRY, record_format.WAITING)
    return since >= 0 and all(
        time <= since if name in earlier else time < since
        for name, time in written.items()
        if name not in _NOTES
    )


def _waiting_since(written: Mapping[str, float]) -> float:
    return written.get(record_format.WAITING, -1.0)
