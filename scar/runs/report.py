"""A run's history in sentences: what happened, the cause of a failure, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scar.runs import diagnosis
from scar.runs.diagnosis import JOB_NOT_FOUND
from scar.runs.history.record_order import sort_records
from scar.runs.history.submissions import describe_request
from scar.runs.left_out import MADE_NOTHING, describe_outputs, describe_superseded
from scar.runs.states import RunState, is_cancelled, is_not_begun, is_unsubmitted
from supervisor.errors import SubmissionThrottled
from supervisor.runs import record_format
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.runs.diagnosis import Diagnosis
    from scar.runs.history.model import RecordData, RunHistory

MAX_OUTPUTS = 20  # outputs that the report lists


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One event in a run's history; ``time`` in epoch seconds, 0 if unknown."""

    time: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A headline with the run's state, its history, the cause of a problem and its remedy.

    ``cause`` and ``remedy`` are empty if the run has no problem. ``note`` says what a done run did
    not upload.
    """

    headline: str
    lines: tuple[ReportLine, ...]
    cause: str = ""
    remedy: str = ""
    note: str = ""


def build_report(history: RunHistory) -> RunReport:
    """Describe a run: its records in order of time, its outputs and the runs they started."""
    cause, remedy = diagnose_run(history)
    path = history.run.path
    return RunReport(
        headline=f"Run {path.run_id} of {path.function} ({path.date}): {_describe_state(history)}",
        lines=tuple(_report_lines(history)),
        cause=cause,
        remedy=remedy,
        note=_describe_outputs(history),
    )


def _describe_state(history: RunHistory) -> str:
    done = history.records.get(record_format.DONE, {})
    if history.run.state is RunState.DONE and done.get("state") == "superseded":
        return describe_superseded(done)
    text = history.run.state_text
    note = _describe_outputs(history)
    if note.startswith(MADE_NOTHING):
        return f"{text}, {note}"
    if history.run.state is RunState.QUEUED and history.job is not None:
        return f"{text} ({history.job.status})"
    return text


def _report_lines(history: RunHistory) -> Iterator[ReportLine]:
    yield from _record_lines(history)
    if history.made_by is not None:
        yield ReportLine(0, f"its input file is an output of run {history.made_by}")
    for output in history.outputs[:MAX_OUTPUTS]:
        replaced = _describe_replaced(output.replaced)
        yield ReportLine(0, f"uploaded {output.place} ({output.size:,} bytes){replaced}")
    if note := _describe_outputs(history):
        yield ReportLine(0, note)
    if len(history.outputs) > MAX_OUTPUTS:
        yield ReportLine(0, f"uploaded {len(history.outputs) - MAX_OUTPUTS:,} more files")
    for place, runs in history.triggered_runs.items():
        for run in runs:
            yield ReportLine(0, f"{place} started run {run.path} ({run.state_text})")


def _describe_replaced(run: str) -> str:
    if run == record_format.UNKNOWN_RUN:
        return "; it replaced an existing file, whose run is not known"
    return f"; it replaced the output of run {run} from another input or call" if run else ""


def _describe_outputs(history: RunHistory) -> str:
    done = history.records.get(record_format.DONE, {})
    if history.run.state is not RunState.DONE or done.get("state") == "superseded" or not done:
        return ""
    return describe_outputs(done, is_direct=history.input is None)


def _record_lines(history: RunHistory) -> Iterator[ReportLine]:
    times = history.run.record_times
    for name in sort_records(times, history.records):
        for text in _describe_record(history, name, history.records[name]):
            yield ReportLine(times[name], text)


def _describe_record(history: RunHistory, name: str, record: RecordData) -> Iterator[str]:
    owner = _describe_owner(record)
    if name == record_format.CLAIM and "by" in record:
        return  # `scar cancel` has claimed a run that never began
    if name == record_format.CLAIM:
        yield f"claimed by {owner}: {_describe_input(history)}"
    elif name == record_format.WAITING:
        yield f"not submitted by {owner}, waiting: {record.get('problem')}"
    elif number := record_format.submission_number(name):
        reason, size = str(record.get("problem", "")), describe_request(record)
        again = "" if number == 1 else " again"
        job = f"submitted to Batch{again} as job {record.get('job')} by {owner}"
        yield job + (f", with {size}" if size else "") + (f": {reason}" if reason else "")
    elif name.startswith(record_format.ATTEMPT_PREFIX):
        stream = str(record.get("log_stream", ""))
        log = f" (log stream {stream})" if stream else ""
        attempt, array, index = record_format.parse_attempt(name)
        child = "" if index is None else f" as child {index} of the array job {array}"
        yield f"attempt {attempt} started in Batch{child}{log}"
    else:
        yield from _describe_end(history, name, record, owner)


def _describe_end(history: RunHistory, name: str, record: RecordData, owner: str) -> Iterator[str]:
    if name == record_format.ERROR:
        how = "cancelled" if record.get("kind") == "Cancelled" else f"failed in {owner}"
        yield f"{how}: {record.get('problem')}"
    elif name == record_format.RETRY:
        yield "retried: its event was sent to the function again"
    elif name == record_format.REPEATS:
        yield f"started by `scar retry`: it repeats run {record.get('repeats')}"
    elif name == record_format.ACCEPTED:
        yield "accepted by the function's endpoint, which has queued it"
    elif name == record_format.REPEATED:
        yield f"repeated as run {_describe_repetition(history, record)}"
    elif name == record_format.DONE and not is_cancelled(history.run.record_times):
        yield f"{record.get('state', 'done')} in {owner}"


def _describe_repetition(history: RunHistory, record: RecordData) -> str:
    new_id = str(record.get("repeated_as", ""))
    if history.repeated_as is not None:
        return f"{history.repeated_as.path} ({history.repeated_as.state_text})"
    return f"{new_id}, which has not started yet"


def _describe_input(history: RunHistory) -> str:
    return f"input {history.input}" if history.input else "direct invocation"


def _describe_owner(record: RecordData) -> str:
    owner = record.get("owner")
    if not isinstance(owner, dict):
        return "an unknown process"
    if owner.get("job"):
        return f"Batch job {owner['job']}, attempt {owner.get('attempt')}"
    return f"Lambda request {owner.get('request')}"


def diagnose_run(history: RunHistory) -> tuple[str, str]:
    """Return cause and remedy: from the error record, Batch's reasons, or the end of the log.

    The first of these that explains the problem counts.
    """
    match history.run.state:
        case RunState.DONE | RunState.LAMBDA | RunState.RUNNING | RunState.REPEATED:
            return "", ""
        case RunState.WAITING:
            return _diagnose_waiting(history)
        case RunState.QUEUED:
            return _diagnose_queued(history)
        case RunState.FAILED:
            return _diagnose_failed(history)
        case RunState.LOST:
            return _diagnose_lost(history)


def _diagnose_waiting(history: RunHistory) -> tuple[str, str]:
    if not history.run.is_unsubmitted:
        return "", ""
    record = history.records.get(record_format.WAITING, {})
    problem = str(record.get("problem", ""))
    remedy = (
        "Nothing to do: Lambda tries again within minutes, hours if many runs wait. Only a run that"
        " `scar run` started without --asynchronous is not tried again: `scar retry` with its id"
        " starts it."
    )
    if record.get("kind") != SubmissionThrottled.__name__:
        return problem, remedy
    rate = "AWS Batch takes 50 SubmitJob requests a second in an account and Region."
    fewer = "A small lambda.concurrency (40) makes many files wait in Lambda's queue"
    return join_sentences(problem, rate), f"{remedy} {fewer} instead."


def _diagnose_queued(history: RunHistory) -> tuple[str, str]:
    job = history.job
    if job is None:
        return "", ""
    if job.status in ("FAILED", "SUCCEEDED", JOB_NOT_FOUND):
        return _diagnose_lost(history)
    if history.unusable:
        return (
            f"Batch cannot start the job: {history.unusable}",
            "`scar init` with the function's FDL file repairs or replaces it; the job then starts.",
        )
    known = diagnosis.diagnose_reason(job.reason)
    if known is not None:
        return f"{known.problem} (Batch: {job.reason})", known.remedy
    if job.status == "RUNNABLE":
        reason = f"Batch: {job.reason}" if job.reason else "Batch has reported no reason yet."
        place = f"{history.place[:1].upper()}{history.place[1:]}."
        return (
            f"The job waits for compute resources. {place if history.place else reason}",
            "Instances start in minutes. If it stays RUNNABLE, check max_v_cpus and vCPU quotas.",
        )
    return "", ""


def _diagnose_failed(history: RunHistory) -> tuple[str, str]:
    error = history.records.get(record_format.ERROR, {})
    kind, problem = str(error.get("kind", "")), str(error.get("problem", ""))
    refined = _refine_diagnosis(kind, history)
    if refined is None:
        return problem, str(error.get("remedy", ""))
    # The problem of kind JobTerminated is only that the job got SIGTERM; Batch's reason says why.
    recorded = "" if kind == "JobTerminated" else problem
    return f"{recorded} {refined.problem}".strip(), refined.remedy


def _refine_diagnosis(kind: str, history: RunHistory) -> Diagnosis | None:
    """Return what the supervisor could not know: why the job was ended or the script failed."""
    job = history.job
    if job is not None and kind in ("JobTerminated", "ScriptFailed", "OutOfMemory", ""):
        known = diagnosis.diagnose_reason(job.reason, job.container_reason)
        if known is None and kind == "OutOfMemory":
            known = diagnosis.diagnose_exit_code(diagnosis.EXIT_SIGKILL)
        if known is not None:
            return known
    return diagnosis.diagnose_log(history.log_tail) if kind in ("ScriptFailed", "") else None


def _diagnose_lost(history: RunHistory) -> tuple[str, str]:
    """Explain a run without an error record: its process was killed, or never started."""
    retry = "`scar retry` starts it again."
    if is_unsubmitted(history.run.record_times):
        problem = str(history.records.get(record_format.WAITING, {}).get("problem", ""))
        dropped = "Lambda has dropped its event since: no attempt follows."
        return f"{problem} {dropped}".strip(), retry
    if is_not_begun(history.run.record_times):
        dropped = "Lambda has not delivered its event within 6 hours, and has dropped it since."
        return dropped, retry
    job = history.job
    if job is None:
        return (
            "It ended in Lambda without recording an error: timed out, out of memory or crashed.",
            f"`scar log --run {history.run.path}` shows its last lines. {retry}",
        )
    for known in (
        diagnosis.diagnose_reason(job.reason, job.container_reason),
        diagnosis.diagnose_exit_code(job.exit_code),
        diagnosis.diagnose_log(history.log_tail),
    ):
        if known is not None:
            return known.problem, known.remedy
    if job.status == JOB_NOT_FOUND:
        return "Batch has deleted its job; no error was recorded.", retry
    reason = " ".join(text for text in (job.reason, job.container_reason) if text)
    return f"Its Batch job is {job.status}. {reason}".strip(), retry


def format_time(seconds: float) -> str:
    """Format epoch seconds as a UTC date and time; empty for 0."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}" if seconds else ""
