"""Show arrays: a line for each in `scar status`, a report in `scar why`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.cli.arrays.array_groups import describe_options
from scar.cli.formatting import escape_control_characters, format_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.cli.arrays.array_retry import PlannedArray
    from scar.cli.session import Session
    from scar.runs.arrays.array_report import ArrayReport, ChildReport
    from scar.runs.arrays.array_status import ArrayStatus
    from scar.runs.ledger import Run
    from scar.runs.status import FunctionStatus

MOST_SHOWN = 20  # the newest; --json has all


def show_arrays(session: Session, functions: Sequence[FunctionStatus]) -> None:
    """Write a line for each array that Batch still knows, the unfinished ones first."""
    known = [s for function in functions for s in function.arrays if s.status]
    newest = sorted(known, key=lambda s: (not s.has_ended, s.array.submitted), reverse=True)
    ordered = sorted(newest, key=lambda s: s.has_ended)
    for status in ordered[:MOST_SHOWN]:
        prefix = f"{status.array.path.function}: " if len(functions) > 1 else ""
        reason = f" ({status.reason})" if status.reason else ""
        text = f"{prefix}array {status.array.name}: {status.text}{reason}"
        session.terminal.write_text(text)
    if len(ordered) > MOST_SHOWN:
        session.terminal.write_data(f"and {len(ordered) - MOST_SHOWN:,} older arrays")


def show_plan(
    session: Session, arrays: Sequence[PlannedArray], runs: Sequence[Run], lost: int
) -> None:
    """Write what `scar retry` would submit: arrays, single runs, and ``lost`` files without one."""
    if session.json:
        from supervisor.batch.job_request import options_to_json

        listed: list[dict[str, object]] = [
            {"function": a.function, "children": a.children, **options_to_json(a.options)}
            for a in arrays
        ]
        listed += [{"run": str(run.path), "id": ""} for run in runs]
        session.terminal.write_json([*listed, *({"files": lost} for _ in range(bool(lost)))])
    else:
        for array in arrays:
            options = describe_options(array.options) or "as the job definition"
            text = f"{array.function}: array job of {array.children:,} children: {options}"
            session.terminal.write_data(escape_control_characters(text))
        for run in runs:
            session.terminal.write_data(str(run.path))
    children = sum(array.children for array in arrays)
    jobs = f"{format_count(len(arrays), 'array job')} with {children:,} children"
    parts = {
        jobs: len(arrays),
        format_count(len(runs), "run"): len(runs),
        f"{format_count(lost, 'file')} without a record": lost,
    }
    counts = [text for text, number in parts.items() if number]
    session.terminal.write_message(f"Would start {' and '.join(counts) or '0 runs'}.")


def array_to_json(status: ArrayStatus) -> dict[str, object]:
    """Return the JSON form of an array's status."""
    return {
        "array": status.array.name,
        "job": status.array.job,
        "function": status.array.path.function,
        "date": status.array.path.date,
        "status": status.status,
        "children": status.array.count,
        **status.counts,
        "retry": status.array.is_retry,
        "reason": status.reason,
    }


def show_array_report(session: Session, report: ArrayReport) -> None:
    """Write an array's report, or its JSON form."""
    if session.json:
        session.terminal.write_json([report_to_json(report)])
        return
    from scar.runs.states import STATE_TEXTS
    from supervisor.job_model import JobOptions

    write, terminal = session.terminal.write_data, session.terminal
    write(terminal.bold(escape_control_characters(report.headline)))
    facts = report.description
    write(f"  job {report.status.array.job} in the queue {facts.get('queue', '?')}")
    if requested := facts.get("options"):
        options = describe_options(JobOptions(**requested)) if isinstance(requested, dict) else ""
        write(escape_control_characters(f"  each child requests {options}"))
    submitted = f"  files of {facts.get('source', '?')}, submitted {facts.get('created', '?')}"
    write(escape_control_characters(f"{submitted} by {facts.get('by', '?')}"))
    for child in report.failed:
        where = f"run {child.run.run_id}" if child.has_record else "no record"
        line = f"  child {child.index} failed: {child.file} ({where}): {child.cause}"
        if child.continued is not None:
            line += f" Another job has continued the run, which is {STATE_TEXTS[child.continued]}."
        write(escape_control_characters(line))
    more = report.status.failed - len(report.failed)
    if more > 0:
        write(f"  and {more:,} more failed children")
    if report.status.counts["failed"]:
        function = report.status.array.path.function
        write(f"  What to do: `scar retry --failed -n {function}` starts them again.")


def show_child_report(session: Session, array: str, child: ChildReport) -> None:
    """Write what is known about a child whose run has no record, or its JSON form."""
    if session.json:
        session.terminal.write_json([{"array": array, **child_to_json(child)}])
        return
    write = session.terminal.write_data
    headline = f"Child {child.index} of {array}: {child.status}, its run has no record"
    write(session.terminal.bold(escape_control_characters(headline)))
    write(escape_control_characters(f"  {child.file}, run {child.run}"))
    if child.cause:
        write(f"  Why: {escape_control_characters(child.cause)}")
        write(f"  What to do: {child.remedy}")
    elif child.reason:
        write(escape_control_characters(f"  Batch: {child.reason}"))


def report_to_json(report: ArrayReport) -> dict[str, object]:
    """Return the JSON form of an array's report."""
    facts = {key: value for key, value in report.description.items() if key != "format"}
    return {
        **array_to_json(report.status),
        **{name: facts[name] for name in ("source", "by", "created", "queue") if name in facts},
        "failed_children": [child_to_json(child) for child in report.failed],
    }


def child_to_json(child: ChildReport) -> dict[str, object]:
    """Return the JSON form of a child."""
    return {
        "index": child.index,
        "file": child.file,
        "run": str(child.run),
        "status": child.status,
        "reason": child.reason,
        "has_record": child.has_record,
        "why": child.cause,
        "remedy": child.remedy,
        **({"continued": child.continued.value} if child.continued else {}),
    }
