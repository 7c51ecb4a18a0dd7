"""Cancel a run that waits for its start, or the Batch job of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.errors import ScarError
from scar.runs.diagnosis import CANCELLED
from scar.runs.history.repetitions import read_repetition
from scar.runs.retry import CLOCK_SKEW
from scar.runs.states import BEFORE_CLAIM, MAX_EVENT_AGE, STATE_TEXTS, RunState, is_not_begun
from supervisor.runs import record_format

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

    from scar.runs.ledger import Run, RunLedger
    from supervisor.invocation import RunPath

CANCELLABLE_STATES = (RunState.WAITING, RunState.QUEUED, RunState.RUNNING)

_REMEDIES = {
    RunState.LAMBDA: "A run in Lambda ends by itself, at the function's timeout at the latest (15"
    " minutes). If it continues in Batch then, it can be cancelled.",
    RunState.REPEATED: "It was repeated as another run, which `scar why` names: cancel that one.",
}


class NotCancellableError(ScarError):
    """The run has ended or runs in Lambda, so it cannot be cancelled."""


def cancel_run(ledger: RunLedger, batch: BatchClient, run: Run) -> str:
    """End a run that waits, or terminate its Batch job; return the job's id, empty without one.

    Raise NotCancellableError for a run that has ended or runs in Lambda, which has no API to
    stop an invocation.
    """
    match run.state:
        case RunState.WAITING:
            problem = "The run was cancelled with `scar cancel` before it started."
            _prevent_start(ledger, run, problem)
            return ""
        case RunState.QUEUED | RunState.RUNNING:
            return _cancel_job(ledger, batch, run)
        case _:
            raise _refusal(run, run.state, _find_repetition(ledger, run))


def _cancel_job(ledger: RunLedger, batch: BatchClient, run: Run) -> str:
    job = _find_job_id(ledger, run)
    if not job:  # what a job has recorded before does not show that Lambda has taken over since
        raise _refusal(run, RunState.LAMBDA)
    with translate_errors(f"terminate the Batch job {job}"):
        batch.terminate_job(jobId=job, reason=CANCELLED)
    # A running job gets SIGTERM and records its own failure. A queued job never starts; a second
    # job of the run, after an unanswered submission, must not start either.
    if run.state is RunState.QUEUED:
        _prevent_start(ledger, run, "The job was cancelled with `scar cancel` before it started.")
    return job


def _prevent_start(ledger: RunLedger, run: Run, problem: str) -> None:
    """Make the run's event and its jobs start nothing, and record the failure.

    Lambda has no API to remove an event from its queue. A process that finds ``done`` ends at
    once, and ``cancelled`` beside it says that the run has failed. A process that starts at this
    very moment executes the run all the same: its outputs stay.
    """
    if is_not_begun(run.record_times):
        _claim_for_request(ledger, run)
    # In this order: what a crash leaves in between is a failed run. An error that was recorded
    # before is that of an earlier attempt; one that was recorded since stays.
    failure = {
        "owner": _claim_owner(ledger, run),  # so that a retry takes over at once
        "kind": "Cancelled",
        "problem": problem,
        "remedy": "`scar retry` starts it again.",
        "log_group": "",
        "log_stream": "",
    }
    if record_format.ERROR in run.record_times:
        ledger.write_record(run.path, record_format.ERROR, failure)
    else:
        ledger.write_if_absent(run.path, record_format.ERROR, failure)
    ledger.write_record(run.path, record_format.CANCELLED, {"run": str(run.path)})
    done = {"owner": failure["owner"], "state": "cancelled", "outputs": []}
    if not ledger.write_if_absent(run.path, record_format.DONE, done):
        ledger.delete_record(run.path, record_format.CANCELLED)
        raise NotCancellableError(
            f"Run {run.path} has ended meanwhile.", remedy="There is nothing to cancel."
        )


def _claim_for_request(ledger: RunLedger, run: Run) -> None:
    """Claim a run that has not begun in the name of its request, on each day that it may begin.

    The first delivery of a request writes its claim without reading anything. Only if it finds a
    claim, it reads ``done``. If this command is killed before it writes ``done``, the request
    takes over its own claim: the run begins as if it had not been cancelled.
    """
    name = next(name for name in BEFORE_CLAIM if name in run.record_times)
    record = ledger.read_record(run.path, name) or {}
    owner = {"site": "lambda", "request": record.get("request", ""), "job": "", "attempt": 1}
    for path in (run.path, *_paths_of_other_days(run)):
        claim = {
            "owner": owner,
            "run": str(path),
            "lease": 0,
            "event": record.get("event", ""),
            "by": "scar cancel",
        }
        if not ledger.write_if_absent(path, record_format.CLAIM, claim):
            raise NotCancellableError(
                f"Run {run.path} has started meanwhile.", remedy=_REMEDIES[RunState.LAMBDA]
            )
    for path in _paths_of_other_days(run):
        ledger.write_record(path, record_format.CANCELLED, {"run": str(run.path)})
        done = {"owner": owner, "state": "cancelled", "outputs": []}
        ledger.write_if_absent(path, record_format.DONE, done)


def _paths_of_other_days(run: Run) -> tuple[RunPath, ...]:
    """Return where the supervisor records the run if Lambda delivers it after midnight."""
    sent = run.record_times.get(record_format.REPEATS)
    if sent is None:  # an accepted request brings its day along
        return ()
    times = (sent, sent + CLOCK_SKEW, sent + MAX_EVENT_AGE + CLOCK_SKEW)
    days = {f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}" for time in times}
    return tuple(replace(run.path, date=day) for day in sorted(days - {run.path.date}))


def _find_job_id(ledger: RunLedger, run: Run) -> str:
    """Return the id of the job that runs or will run it; empty if a Lambda request runs it.

    A job that has claimed the run is named by its claim, also if its submission is not recorded.
    """
    claimed = str(_claim_owner(ledger, run).get("job", ""))
    if run.state is RunState.RUNNING:
        return claimed
    latest = record_format.latest_submission(run.record_times)
    submission = (ledger.read_record(run.path, latest) if latest else None) or {}
    return str(submission.get("job", "")) or claimed


def _find_repetition(ledger: RunLedger, run: Run) -> str:
    return read_repetition(ledger, run) if run.state is RunState.REPEATED else ""


def _refusal(run: Run, state: RunState, repeated_as: str = "") -> NotCancellableError:
    if state is RunState.REPEATED and repeated_as:
        remedy = f"It was repeated as run {repeated_as}: `scar cancel {repeated_as}` cancels that."
    else:
        remedy = _REMEDIES.get(state, "It has ended: there is nothing to cancel.")
    return NotCancellableError(
        f"Run {run.path} ({STATE_TEXTS[state]}) cannot be cancelled: only runs that wait or run in"
        " Batch can.",
        remedy=remedy,
    )


def _claim_owner(ledger: RunLedger, run: Run) -> dict[str, object]:
    """Return the owner of the claim: who executed the run last."""
    owner = (ledger.read_record(run.path, record_format.CLAIM) or {}).get("owner")
    unknown_owner = {"site": "lambda", "request": "", "job": "", "attempt": 1}
    return owner if isinstance(owner, dict) else unknown_owner
