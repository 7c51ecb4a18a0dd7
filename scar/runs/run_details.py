"""What a list of runs shows beyond their states: file, service, duration, what to know about it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.runs.history.claim_leases import is_of_job
from scar.runs.left_out import describe_outputs, describe_superseded
from scar.runs.lookup import PARALLEL
from scar.runs.states import BEFORE_CLAIM, FINISHED_STATES, RunState
from scar.runs.unfinished_jobs import had_job
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.runs.ledger import Run, RunLedger
    from supervisor.invocation import RunPath

DIRECT_CALL = "direct call"
# The record that has the note of a run in this state.
_NOTED = {
    RunState.DONE: record_format.DONE,
    RunState.FAILED: record_format.ERROR,
    RunState.WAITING: record_format.WAITING,
    RunState.REPEATED: record_format.REPEATED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """One run in a list. ``file`` is its input (``s3://bucket/key``, ``minio.lab:bucket/key``).

    It is empty for a direct call.

    ``started`` is in epoch seconds, ``seconds`` the duration until its end or until now; None if
    it is not known or has not begun. ``service`` is lambda or batch, ``attempts`` the attempts of
    its Batch job (0: none). ``note``: what it left behind, or why it failed.
    """

    run: Run
    file: str
    is_direct: bool
    started: float
    seconds: float | None
    service: str
    attempts: int
    note: str


@dataclass(slots=True)
class RunDetailReader:
    """Reads two records of each run at most; keeps the details of ended runs for the next time."""

    ledger: RunLedger
    _ended: dict[RunPath, RunDetail] = field(default_factory=dict)

    def read(self, runs: Iterable[Run], now: float) -> list[RunDetail]:
        """Return the details of these runs, in order; ``now`` is S3's time."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            details = list(pool.map(lambda run: self._read_run(run, now), runs))
        self._ended = {d.run.path: d for d in details if d.run.state in FINISHED_STATES}
        return details

    def _read_run(self, run: Run, now: float) -> RunDetail:
        known = self._ended.get(run.path)
        if known is not None and known.run == run:
            return known
        claim = self.ledger.read_record(run.path, record_format.CLAIM) or {}
        if run.state is RunState.LAMBDA and is_of_job(claim):
            # Between its claim and its attempt, a listing cannot tell a job from a Lambda request.
            run = replace(run, state=RunState.RUNNING)
        name = _NOTED.get(run.state, "")
        record = self.ledger.read_record(run.path, name) if name in run.record_times else None
        source = record_format.parse_input(claim)
        is_known = bool(claim) or any(name in run.record_times for name in BEFORE_CLAIM)
        is_direct = is_known and source is None
        started = _began(run)
        return RunDetail(
            run=run,
            file="" if source is None else str(source),
            is_direct=is_direct,
            started=started,
            seconds=_duration(run, started, now),
            service=_service(run, claim),
            attempts=sum(n.startswith(record_format.ATTEMPT_PREFIX) for n in run.record_times),
            note=_note(run, record or {}, is_direct=is_direct),
        )


def _began(run: Run) -> float:
    """Return when the run began: again after a retry, whose older records are of what failed.

    A run that an array job has retried has attempts of two arrays; the last one counts.
    """
    times = run.record_times
    if record_format.RETRY in times:
        return times[record_format.RETRY]
    attempts = (
        (time, record_format.parse_attempt(name)[1])
        for name, time in times.items()
        if name.startswith(record_format.ATTEMPT_PREFIX)
    )
    children = [(time, array) for time, array in attempts if array]
    if not children or record_format.DELEGATED in times:
        return run.started_at
    _, last = max(children)
    return min(time for time, array in children if array == last)


def _duration(run: Run, started: float, now: float) -> float | None:
    times = run.record_times
    if run.state in (RunState.WAITING, RunState.LOST, RunState.REPEATED):
        return None
    ended = {RunState.DONE: record_format.DONE, RunState.FAILED: record_format.ERROR}
    end = times.get(ended[run.state], run.changed_at) if run.state in ended else now
    return max(0.0, end - started)


def _service(run: Run, claim: Mapping[str, object]) -> str:
    if run.state in (RunState.QUEUED, RunState.RUNNING):
        return "batch"
    owner = claim.get("owner")
    site = str(owner.get("site", "")) if isinstance(owner, dict) else ""
    submitted = run.record_times.get(record_format.latest_submission(run.record_times), -1.0)
    if submitted >= run.record_times.get(record_format.CLAIM, 0.0):
        return "batch"  # Lambda has submitted it, and its job has not begun: it was cancelled
    return site or ("batch" if had_job(run) else "")


def _note(run: Run, record: Mapping[str, object], *, is_direct: bool) -> str:
    match run.state:
        case RunState.DONE if record.get("state") == "superseded":
            return describe_superseded(record)
        case RunState.DONE:
            return describe_outputs(record, is_direct=is_direct) if record else ""
        case RunState.REPEATED:
            return f"repeated as {record.get('repeated_as', '')}"
        case _:
            return str(record.get("problem", ""))
