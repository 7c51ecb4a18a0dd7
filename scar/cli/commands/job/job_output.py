"""Show jobs as tables, as fields and as JSON."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scar.cli.formatting import align_fields, escape_control_characters, format_duration
from scar.cli.run_output import cut_middle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scar.cli.session import Session
    from scar.runs.jobs.model import EndedAttempt, Job, JobDescription

_HEAD = ("CREATED (UTC)", "STATE", "FUNCTION", "NAME", "TOOK", "JOB")
_NAME, _JOB = _HEAD.index("NAME"), _HEAD.index("JOB")
_SHORT_NAME, _SHORT_ID = 12, 8  # columns on a narrow terminal


def show_jobs(session: Session, jobs: Iterable[Job]) -> None:
    """Write one row per job, with its reason below the table if it has one."""
    listed = list(jobs)
    if session.json:
        session.terminal.write_json([_to_json(job) for job in listed])
        return
    rows: list[tuple[str, ...]] = [
        (
            format_time(job.created),
            describe_state(job),
            escape_control_characters(job.function),
            escape_control_characters(job.name),
            _took(job),
            job.id,
        )
        for job in listed
    ]
    if rows and sys.stdout.isatty():
        rows = _fit(rows, shutil.get_terminal_size().columns)
    session.terminal.write_table(_HEAD, rows, alignment="llllrl")


def show_description(session: Session, found: JobDescription) -> None:
    """Write everything that is known of a job."""
    if session.json:
        session.terminal.write_json(
            {
                **_to_json(found.job),
                "attempts": [asdict(attempt) for attempt in found.attempts],
                "max_attempts": found.max_attempts,
                "timeout": found.timeout,
                "resources": dict(found.resources),
                "variables": sorted(found.environment),
                "depends_on": list(found.depends_on),
                "tags": dict(found.tags),
                "log_streams": list(found.log_streams),
            }
        )
        return
    for line in align_fields(_fields(found)):
        session.terminal.write_data(escape_control_characters(line))


def _fit(rows: Sequence[tuple[str, ...]], columns: int) -> list[tuple[str, ...]]:
    """Return the rows with shorter ids and names, if they are wider than ``columns``.

    Every command accepts the start of an id, with the index of a child or a node.
    """
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    excess = sum(widths) + 2 * (len(widths) - 1) - columns
    if excess <= 0:
        return list(rows)
    bases = {_split_id(row[_JOB])[0] for row in rows}
    longest = max(map(len, bases))
    lengths = range(_SHORT_ID, longest + 1)
    length = next((n for n in lengths if len({b[:n] for b in bases}) == len(bases)), longest)
    ids = [f"{base[:length]}{index}" for base, index in (_split_id(row[_JOB]) for row in rows)]
    excess -= widths[_JOB] - max(map(len, ids))
    name = max(_SHORT_NAME, widths[_NAME] - max(0, excess))
    return [
        (*row[:_NAME], cut_middle(row[_NAME], name), *row[_NAME + 1 : _JOB], id_)
        for row, id_ in zip(rows, ids, strict=True)
    ]


def _split_id(job: str) -> tuple[str, str]:
    """Return the id of a job, and ``:index`` or ``#index`` of a child or a node."""
    place = max(job.find(":"), job.find("#"))
    return (job, "") if place < 0 else (job[:place], job[place:])


def describe_state(job: Job) -> str:
    """Return the state, with the number of children by state or of nodes."""
    if job.size:
        counts = ", ".join(f"{number:,} {state.lower()}" for state, number in job.counts.items())
        return f"{job.state} ({counts or f'{job.size:,} children'})"
    return f"{job.state} ({job.nodes} nodes)" if job.nodes else job.state


def format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def _fields(found: JobDescription) -> Mapping[str, object]:
    job = found.job
    values = {
        "job": job.id,
        "name": job.name,
        "state": describe_state(job),
        "reason": "; ".join(dict.fromkeys(t for t in (job.state_reason, job.reason) if t)),
        "exit code": "" if job.exit_code is None else job.exit_code,
        "function": job.definition,
        "queue": job.queue,
        "created": format_time(job.created),
        "started": format_time(job.started),
        "stopped": format_time(job.stopped),
        "took": _took(job),
        "attempts": f"{len(found.attempts)} ended, {found.max_attempts} at most"
        if found.max_attempts
        else "",
        **{
            f"attempt {number}": _describe_attempt(attempt)
            for number, attempt in enumerate(found.attempts, start=1)
        },
        "timeout": format_duration(found.timeout) if found.timeout else "",
        "resources": _describe_resources(found),
        "variables": ", ".join(sorted(found.environment)),
        "depends on": ", ".join(found.depends_on),
        "tags": ", ".join(f"{name}={value}" for name, value in sorted(found.tags.items())),
        "log stream": ", ".join(found.log_streams),
    }
    return {name: value for name, value in values.items() if value != ""}


def _describe_attempt(attempt: EndedAttempt) -> str:
    took = format_duration(attempt.stopped - attempt.started) if attempt.started else "not started"
    code = "" if attempt.exit_code is None else f"exit code {attempt.exit_code}"
    return ", ".join(part for part in (took, code, attempt.reason) if part)


def _describe_resources(found: JobDescription) -> str:
    text = ", ".join(f"{value} {name}" for name, value in found.resources.items())
    return f"{text} (each of {found.job.nodes} nodes)" if text and found.job.nodes else text


def _took(job: Job) -> str:
    if not job.started:
        return ""
    return format_duration(max(0.0, (job.stopped or time.time()) - job.started))


def _to_json(job: Job) -> Mapping[str, object]:
    return dict(_present(asdict(job)))


def _present(values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if value not in ("", 0, 0.0, None, {}) or (name == "exit_code" and value == 0):
            yield name, value
