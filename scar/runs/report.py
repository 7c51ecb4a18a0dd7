"""The story of a run in plain words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scar.runs import diagnosis as explain
from scar.runs.states import RunState
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.runs.run_history import RecordData, RunHistory

MAX_OUTPUTS = 20  # outputs that are named


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One thing that happened; ``time`` in epoch seconds, 0 if it is not known."""

    time: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A headline, what happened, why it stands where it stands, and what to do."""

    headline: str
    lines: tuple[ReportLine, ...]
    cause: str = ""
    remedy: str = ""


def build_report(story: RunHistory) -> RunReport:
    """Tell a story: received, moved, tried, failed or done, and what came of it."""
    why, remedy = _diagnose_run(story)
    path = story.run.path
    return RunReport(
        headline=f"Run {path.run_id} of {path.function} ({path.date}): {_describe_state(story)}",
        lines=tuple(_report_lines(story)),
        cause=why,
        remedy=remedy,
    )


def _describe_state(story: RunHistory) -> str:
    said = story.records.get(records.DONE, {}).get("state")
    if story.run.state is RunState.DONE and said == "superseded":
        return "superseded by a newer upload of its file"
    if story.run.state is RunState.QUEUED and story.job is not None:
        return f"waits in Batch ({story.job.status})"
    return {
        RunState.WAITING: "sent again, not yet begun",
        RunState.LAMBDA: "at work in Lambda",
        RunState.QUEUED: "handed to Batch",
        RunState.RUNNING: "at work in Batch",
    }.get(story.run.state, story.run.state.value)


def _report_lines(story: RunHistory) -> Iterator[ReportLine]:
    for _, _, line in sorted(_history_lines(story), key=lambda entry: entry[:2]):
        yield line
    if story.made_by is not None:
        yield ReportLine(0, f"its file was made by run {story.made_by}")
    for bucket, key, size in story.outputs[:MAX_OUTPUTS]:
        before = story.replaced_runs.get((bucket, key), "")
        instead = f", in place of what run {before} made of another file" if before else ""
        yield ReportLine(0, f"made s3://{bucket}/{key} ({size:,} bytes){instead}")
    if len(story.outputs) > MAX_OUTPUTS:
        yield ReportLine(0, f"made {len(story.outputs) - MAX_OUTPUTS:,} more")
    for output, runs in story.triggered_runs.items():
        for run in runs:
            yield ReportLine(0, f"{output} started run {run.path}: {run.state.value}")


def _history_lines(story: RunHistory) -> Iterator[tuple[int, int, ReportLine]]:
    """Yield what the records tell, each with its second and its place within that second."""
    for name, record in story.records.items():
        time = story.run.record_times[name]
        for place, text in _describe_record(story, name, record):
            yield int(time), place, ReportLine(time, text)


def _describe_record(story: RunHistory, name: str, record: RecordData) -> Iterator[tuple[int, str]]:
    owner = _describe_owner(record)
    if name == records.CLAIM:
        yield (2 if _is_job(record) else 0), f"claimed by {owner}" + _describe_input(story)
    elif name == records.DELEGATED:
        reason = str(record.get("problem", ""))
        job = f"handed to Batch job {record.get('job')} by {owner}"
        yield 1, job + (f": {reason}" if reason else "")
    elif name.startswith(records.ATTEMPT_PREFIX):
        stream = str(record.get("log_stream", ""))
        log = f" (log stream {stream})" if stream else ""
        yield 3, f"attempt {name.removeprefix(records.ATTEMPT_PREFIX)} began in Batch{log}"
    elif name == records.ERROR:
        yield 4, f"failed at {owner}: {record.get('problem')}"
    elif name == records.RETRY:
        yield 5, "sent again"
    elif name == records.DONE:
        yield 6, f"{record.get('state', 'done')} by {owner}"


def _describe_input(story: RunHistory) -> str:
    return " for s3://{}/{}".format(*story.input) if story.input else " for a direct call"


def _is_job(record: RecordData) -> bool:
    owner = record.get("owner")
    return isinstance(owner, dict) and bool(owner.get("job"))


def _describe_owner(record: RecordData) -> str:
    owner = record.get("owner")
    if not isinstance(owner, dict):
        return "somebody"
    if owner.get("job"):
        return f"Batch job {owner['job']}, attempt {owner.get('attempt')}"
    return f"Lambda request {owner.get('request')}"


def _diagnose_run(story: RunHistory) -> tuple[str, str]:
    """Order of truth: our own record, then Batch's reasons, then the end of the log."""
    match story.run.state:
        case RunState.DONE | RunState.WAITING | RunState.LAMBDA | RunState.RUNNING:
            return "", ""
        case RunState.QUEUED:
            return _diagnose_queued(story)
        case RunState.FAILED:
            return _diagnose_failed(story)
        case RunState.LOST:
            return _diagnose_lost(story)


def _diagnose_queued(story: RunHistory) -> tuple[str, str]:
    job = story.job
    if job is None:
        return "", ""
    if job.status in ("FAILED", "SUCCEEDED", "forgotten"):
        return _diagnose_lost(story)
    meaning = explain.diagnose_reason(job.reason)
    if meaning is not None:
        return f"{meaning.problem} (Batch: {job.reason})", meaning.remedy
    if job.status == "RUNNABLE":
        said = f"Batch: {job.reason}" if job.reason else "Batch gives no reason yet."
        return (
            f"It waits for a machine. {said}",
            "From zero machines that takes minutes; if it lasts, look at max_v_cpus and quotas.",
        )
    return "", ""


def _diagnose_failed(story: RunHistory) -> tuple[str, str]:
    error = story.records.get(records.ERROR, {})
    kind, problem = str(error.get("kind", "")), str(error.get("problem", ""))
    further = _refine_diagnosis(kind, story)
    if further is None:
        return problem, str(error.get("remedy", ""))
    known = "" if kind == "JobTerminated" else problem
    return f"{known} {further.problem}".strip(), further.remedy


def _refine_diagnosis(kind: str, story: RunHistory) -> explain.Diagnosis | None:
    """Explain what the supervisor could not know: who ended it, what its script meant."""
    job = story.job
    if job is not None and kind in ("JobTerminated", "ScriptFailed", "OutOfMemory", ""):
        told = explain.diagnose_reason(job.reason, job.container_reason)
        if told is None and kind == "OutOfMemory":
            told = explain.diagnose_exit_code(explain.EXIT_KILLED)
        if told is not None:
            return told
    return explain.diagnose_log(story.log_tail) if kind in ("ScriptFailed", "") else None


def _diagnose_lost(story: RunHistory) -> tuple[str, str]:
    """Nobody wrote an error: the process was killed, or never started."""
    again = "`scar retry` starts it again."
    job = story.job
    if job is None:
        return (
            "Lambda's sandbox ended without a word: out of memory, out of time, or a crash.",
            f"`scar logs` shows its last lines. {again}",
        )
    for meaning in (
        explain.diagnose_reason(job.reason, job.container_reason),
        explain.diagnose_exit_code(job.exit_code),
        explain.diagnose_log(story.log_tail),
    ):
        if meaning is not None:
            return meaning.problem, meaning.remedy
    said = " ".join(text for text in (job.reason, job.container_reason) if text)
    return f"Its Batch job is {job.status}. {said}".strip(), again


def format_time(seconds: float) -> str:
    """Write a time for people, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}" if seconds else ""
