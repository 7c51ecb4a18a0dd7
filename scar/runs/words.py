"""The story of a run in plain words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scar.runs import explain
from scar.runs.states import State
from supervisor import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.runs.story import Record, Story

MOST = 20  # outputs that are named


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; ``time`` in epoch seconds, 0 if it is not known."""

    time: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A headline, what happened, why it stands where it stands, and what to do."""

    headline: str
    lines: tuple[Line, ...]
    why: str = ""
    remedy: str = ""


def words(story: Story) -> Words:
    """Tell a story: received, moved, tried, failed or done, and what came of it."""
    why, remedy = _verdict(story)
    path = story.run.path
    return Words(
        headline=f"Run {path.run_id} of {path.function} ({path.date}): {_state(story)}",
        lines=tuple(_lines(story)),
        why=why,
        remedy=remedy,
    )


def _state(story: Story) -> str:
    said = story.records.get(records.DONE, {}).get("state")
    if story.run.state is State.DONE and said == "superseded":
        return "superseded by a newer upload of its file"
    if story.run.state is State.HANDED and story.job is not None:
        return f"waits in Batch ({story.job.status})"
    return {
        State.WAITING: "sent again, not yet begun",
        State.LAMBDA: "at work in Lambda",
        State.HANDED: "handed to Batch",
        State.RUNNING: "at work in Batch",
    }.get(story.run.state, story.run.state.value)


def _lines(story: Story) -> Iterator[Line]:
    for _, _, line in sorted(_happened(story), key=lambda entry: entry[:2]):
        yield line
    if story.made_by is not None:
        yield Line(0, f"its file was made by run {story.made_by}")
    for bucket, key, size in story.outputs[:MOST]:
        before = story.replaced.get((bucket, key), "")
        instead = f", in place of what run {before} made of another file" if before else ""
        yield Line(0, f"made s3://{bucket}/{key} ({size:,} bytes){instead}")
    if len(story.outputs) > MOST:
        yield Line(0, f"made {len(story.outputs) - MOST:,} more")
    for output, runs in story.triggered.items():
        for run in runs:
            yield Line(0, f"{output} started run {run.path}: {run.state.value}")


def _happened(story: Story) -> Iterator[tuple[int, int, Line]]:
    """Yield what the records tell, each with its second and its place within that second."""
    for name, record in story.records.items():
        time = story.run.written[name]
        for place, text in _told(story, name, record):
            yield int(time), place, Line(time, text)


def _told(story: Story, name: str, record: Record) -> Iterator[tuple[int, str]]:
    owner = _owner(record)
    if name == records.CLAIM:
        yield (2 if _is_job(record) else 0), f"claimed by {owner}" + _about(story)
    elif name == records.DELEGATED:
        reason = str(record.get("problem", ""))
        job = f"handed to Batch job {record.get('job')} by {owner}"
        yield 1, job + (f": {reason}" if reason else "")
    elif name.startswith(records.ATTEMPT):
        stream = str(record.get("log_stream", ""))
        log = f" (log stream {stream})" if stream else ""
        yield 3, f"attempt {name.removeprefix(records.ATTEMPT)} began in Batch{log}"
    elif name == records.ERROR:
        yield 4, f"failed at {owner}: {record.get('problem')}"
    elif name == records.RETRY:
        yield 5, "sent again"
    elif name == records.DONE:
        yield 6, f"{record.get('state', 'done')} by {owner}"


def _about(story: Story) -> str:
    return " for s3://{}/{}".format(*story.input) if story.input else " for a direct call"


def _is_job(record: Record) -> bool:
    owner = record.get("owner")
    return isinstance(owner, dict) and bool(owner.get("job"))


def _owner(record: Record) -> str:
    owner = record.get("owner")
    if not isinstance(owner, dict):
        return "somebody"
    if owner.get("job"):
        return f"Batch job {owner['job']}, attempt {owner.get('attempt')}"
    return f"Lambda request {owner.get('request')}"


def _verdict(story: Story) -> tuple[str, str]:
    """Order of truth: our own record, then Batch's reasons, then the end of the log."""
    match story.run.state:
        case State.DONE | State.WAITING | State.LAMBDA | State.RUNNING:
            return "", ""
        case State.HANDED:
            return _waiting(story)
        case State.FAILED:
            return _failed(story)
        case State.LOST:
            return _lost(story)


def _waiting(story: Story) -> tuple[str, str]:
    job = story.job
    if job is None:
        return "", ""
    if job.status in ("FAILED", "SUCCEEDED", "forgotten"):
        return _lost(story)
    meaning = explain.of_reason(job.reason)
    if meaning is not None:
        return f"{meaning.problem} (Batch: {job.reason})", meaning.remedy
    if job.status == "RUNNABLE":
        said = f"Batch: {job.reason}" if job.reason else "Batch gives no reason yet."
        return (
            f"It waits for a machine. {said}",
            "From zero machines that takes minutes; if it lasts, look at max_v_cpus and quotas.",
        )
    return "", ""


def _failed(story: Story) -> tuple[str, str]:
    error = story.records.get(records.ERROR, {})
    kind, problem = str(error.get("kind", "")), str(error.get("problem", ""))
    further = _further(kind, story)
    if further is None:
        return problem, str(error.get("remedy", ""))
    known = "" if kind == "Ended" else problem
    return f"{known} {further.problem}".strip(), further.remedy


def _further(kind: str, story: Story) -> explain.Meaning | None:
    """Explain what the supervisor could not know: who ended it, what its script meant."""
    job = story.job
    if job is not None and kind in ("Ended", "ScriptFailed", "OutOfMemory", ""):
        told = explain.of_reason(job.reason, job.container_reason)
        if told is None and kind == "OutOfMemory":
            told = explain.of_exit(explain.KILLED)
        if told is not None:
            return told
    return explain.of_log(story.tail) if kind in ("ScriptFailed", "") else None


def _lost(story: Story) -> tuple[str, str]:
    """Nobody wrote an error: the process was killed, or never started."""
    again = "`scar retry` starts it again."
    job = story.job
    if job is None:
        return (
            "Lambda's sandbox ended without a word: out of memory, out of time, or a crash.",
            f"`scar logs` shows its last lines. {again}",
        )
    for meaning in (
        explain.of_reason(job.reason, job.container_reason),
        explain.of_exit(job.exit_code),
        explain.of_log(story.tail),
    ):
        if meaning is not None:
            return meaning.problem, meaning.remedy
    said = " ".join(text for text in (job.reason, job.container_reason) if text)
    return f"Its Batch job is {job.status}. {said}".strip(), again


def when(seconds: float) -> str:
    """Write a time for people, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}" if seconds else ""
