"""``scar status``: show the number of runs in each state, and the latest runs."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from scar.cli.arrays.array_output import array_to_json, show_arrays
from scar.cli.formatting import format_count
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.run_output import detail_to_json, show_details, to_datetime
from scar.cli.run_selection.run_options import (
    NameOptionCommand,
    names_option,
    parse_since,
    since_option,
)
from scar.cli.run_selection.selected_runs import connect_functions
from scar.cli.run_selection.status_query import (
    LATEST_FAILED,
    LATEST_QUEUED,
    StatusScope,
    read_status,
)
from scar.cli.run_selection.waiting_places import add_places
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.cli.session import Session
    from scar.runs.run_details import RunDetail
    from scar.runs.status import FunctionStatus, StatusReport

REFRESH_INTERVAL = 2.0  # seconds, with --watch
_COUNTED = ("waiting", "lambda", "queued", "running", "done", "failed", "lost")
_HEAD = ("FUNCTION", *(name.upper() for name in _COUNTED), "")


@click.command(cls=NameOptionCommand)
@names_option()
@fdl_option
@since_option
@click.option("--failed", is_flag=True, help="List failed and lost runs only, up to 100.")
@click.option(
    "--why-waiting",
    "why_waiting",
    is_flag=True,
    help="List the runs queued in AWS Batch, up to 100, with their places and why they wait.",
)
@click.option("--watch", is_flag=True, help="Repeat every 2 seconds, until Ctrl-C.")
@output_options
@target_options
@pass_session
def status(  # noqa: PLR0913 one argument per option
    session: Session,
    names: tuple[str, ...],
    file: Path | None,
    since: str | None,
    *,
    failed: bool,
    why_waiting: bool,
    watch: bool,
) -> None:
    """Show the number of runs in each state, and the latest runs.

    While runs are in progress, and with up to 5 functions, a line says how many of the files in
    the input folders are done (of the first 10,000 of each function), how fast, and how long the
    others take. Each array job has a line with the number of its children that are done, failed,
    running and not begun; these last ones count as queued. Direct calls that `scar retry` has
    repeated as other runs are not counted.

    \b
    States:
      waiting  in Lambda's queue: started by `scar retry`, or not submitted to Batch yet
      lambda   running in Lambda
      queued   submitted to AWS Batch, not started yet
      running  running in AWS Batch
      done     succeeded
      failed   ended with an error
      lost     no process is running it, and no error was recorded

    \b
    Examples:
      scar status
      scar status -n gray -n crop --watch
      scar status -f thumbnails.yaml --failed --since 1d
      scar status -n gray --why-waiting
    """
    from scar.runs.ledger import RunLedger
    from scar.runs.run_details import RunDetailReader

    if watch and session.json:
        raise UsageError("--watch cannot be used with -j.", remedy="Omit one of them.")
    after = parse_since(since)
    scope = StatusScope(functions=(), since=after, with_files=True)
    scope = _restrict_scope(scope, failed=failed, why_waiting=why_waiting)
    connection, names = connect_functions(session, names, file)
    scope = replace(scope, functions=names)
    details = RunDetailReader(RunLedger.connect(connection))
    while True:
        found = read_status(session, connection, scope)
        runs = details.read(found.recent, found.now)
        if why_waiting:
            runs = add_places(connection, runs, found.jobs)
        if session.json:
            session.terminal.write_json(_status_to_json(found, runs))
            return
        if watch:
            session.terminal.clear_screen()
        _show_status(session, found, runs, failed=failed)
        if not watch:
            return
        time.sleep(REFRESH_INTERVAL)


def _restrict_scope(scope: StatusScope, *, failed: bool, why_waiting: bool) -> StatusScope:
    from scar.runs.states import FAILURE_STATES, RunState

    if failed and why_waiting:
        raise UsageError("--failed cannot be used with --why-waiting.", remedy="Omit one of them.")
    if failed:
        return replace(scope, states=FAILURE_STATES, most=LATEST_FAILED)
    if why_waiting:
        return replace(scope, states=(RunState.QUEUED,), most=LATEST_QUEUED)
    return scope


def _show_status(
    session: Session, found: StatusReport, runs: Sequence[RunDetail], *, failed: bool
) -> None:
    from scar.runs.progress import describe_progress

    terminal = session.terminal
    if not found.functions:
        terminal.write_message("There are no runs yet.")
        return
    rows = [
        (_function_name(f), *(_count_cell(f.counts[key]) for key in _COUNTED), _waiting_reason(f))
        for f in found.functions
    ]
    terminal.write_table(_HEAD, rows, alignment="lrrrrrrrl")
    for function in found.functions:
        if progress := describe_progress([function]):
            prefix = f"{function.function}: " if len(found.functions) > 1 else ""
            terminal.write_text(f"{prefix}{progress}")
    show_arrays(session, found.functions)
    if runs:
        terminal.write_data("")
        removed = {f.function for f in found.functions if f.is_removed}
        show_details(session, runs, removed, found.now)
    _show_hints(session, found, failed=failed)


def _show_hints(session: Session, found: StatusReport, *, failed: bool) -> None:
    terminal = session.terminal
    if any(f.unusable for f in found.functions):
        terminal.write_message(
            "`scar init` repairs or replaces compute environments and job queues that Batch cannot"
            " use; their jobs stay queued meanwhile."
        )
    never_started = sum(f.inputs.never_started for f in found.functions if f.inputs)
    if never_started:
        terminal.write_message(
            f"{format_count(never_started, 'file')} started no run. `scar run -n NAME` runs a"
            " function on the files of its input folders."
        )
    failures = sum(f.failure_count for f in found.functions)
    if failures:
        terminal.write_message(
            f"{format_count(failures, 'run')} failed."
            " `scar why RUN` shows the cause, `scar retry` starts them again."
        )
    elif failed:
        terminal.write_message("No run has failed.")


def _function_name(found: FunctionStatus) -> str:
    return f"{found.function} (removed)" if found.is_removed else found.function


def _waiting_reason(found: FunctionStatus) -> str:
    """Return why runs and since when jobs wait, or why jobs cannot start; empty if none wait."""
    from scar.runs.states import UNSUBMITTED_TEXT

    reasons = [f"{found.unsubmitted:,} {UNSUBMITTED_TEXT}"] if found.unsubmitted else []
    if found.events:
        reasons.append(
            f"about {format_count(found.events, 'event')} in the queue, not submitted yet"
        )
    if found.unusable:
        reasons.append(found.unusable)
    elif found.runnable_since:
        reason = f": {found.reason}" if found.reason else ""
        since = _format_time(found.runnable_since)
        reasons.append(f"{found.jobs_by_status['RUNNABLE']:,} RUNNABLE since {since}{reason}")
    return "; ".join(reasons)


def _count_cell(number: int) -> str:
    return f"{number:,}" if number else "·"


def _format_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _status_to_json(found: StatusReport, runs: Sequence[RunDetail]) -> dict[str, object]:
    return {
        "functions": [_function_to_json(function) for function in found.functions],
        "recent": [detail_to_json(run) for run in runs],
    }


def _function_to_json(found: FunctionStatus) -> dict[str, object]:
    inputs = found.inputs
    return {
        "name": found.function,
        "removed": found.is_removed,
        **found.counts,
        "never_started": inputs.never_started if inputs else 0,
        "files": {
            "total": inputs.total,
            "complete": inputs.is_complete,
            "done": inputs.done,
            "failed": inputs.failed,
        }
        if inputs
        else None,
        "per_second": round(found.rate.per_second, 6),
        "unsubmitted": found.unsubmitted,
        "events": found.events,
        "batch": dict(found.jobs_by_status),
        "arrays": [array_to_json(status) for status in found.arrays],
        "runnable_since": to_datetime(found.runnable_since),
        "reason": found.reason,
        "unusable": found.unusable,
    }
