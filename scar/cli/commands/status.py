"""``scar status``: show the number of runs in each state, and the latest runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from scar.cli.formatting import format_count
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.run_selection import connect_functions, parse_since, read_status, since_option
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from scar.cli.session import Session
    from scar.runs.ledger import Run
    from scar.runs.status import FunctionStatus, StatusReport
    from supervisor.invocation import RunPath

REFRESH_INTERVAL = 2.0  # seconds, with --watch
_HEAD = ("FUNCTION", "WAITING", "LAMBDA", "QUEUED", "RUNNING", "DONE", "FAILED", "LOST", "")


@click.command()
@click.option("-n", "--name", help="Name of the function.")
@fdl_option
@since_option
@click.option(
    "--failed", is_flag=True, help="List failed and lost runs only, up to 100, with their files."
)
@click.option("--watch", is_flag=True, help="Repeat every 2 seconds, until Ctrl-C.")
@output_options
@target_options
@pass_session
def status(
    session: Session,
    name: str | None,
    file: Path | None,
    since: str | None,
    *,
    failed: bool,
    watch: bool,
) -> None:
    """Show the number of runs in each state, and the latest runs.

    \b
    States:
      waiting  in Lambda's queue: started again by `scar retry`, or not submitted to Batch yet
      lambda   running in Lambda
      queued   submitted to AWS Batch, not started yet
      running  running in AWS Batch
      done     succeeded
      failed   ended with an error
      lost     no process is running it, and no error was recorded

    \b
    Examples:
      scar status
      scar status -f thumbnails.yaml --failed --since 1d
    """
    from scar.runs.ledger import RunLedger
    from scar.runs.lookup import read_input_urls

    if watch and session.json:
        raise UsageError("--watch cannot be used with -j.", remedy="Omit one of them.")
    after = parse_since(since)
    connection, names = connect_functions(session, name, file)
    while True:
        found = read_status(session, connection, names, after, failed=failed)
        files = read_input_urls(RunLedger.connect(connection), found.recent) if failed else {}
        if session.json:
            session.terminal.write_json(_status_to_json(found, files))
            return
        if watch:
            session.terminal.clear_screen()
        _show_status(session, found, files, failed=failed)
        if not watch:
            return
        time.sleep(REFRESH_INTERVAL)


def _show_status(
    session: Session, found: StatusReport, files: Mapping[RunPath, str], *, failed: bool
) -> None:
    terminal = session.terminal
    if not found.functions:
        terminal.write_message("There are no runs yet.")
        return
    rows = [
        (f.function, *map(_count_cell, _count_states(f).values()), _waiting_reason(f))
        for f in found.functions
    ]
    terminal.write_table(_HEAD, rows, alignment="lrrrrrrrl")
    if found.recent:
        terminal.write_data("")
        rows = [
            (
                _format_time(run.changed_at),
                run.state.value,
                run.path.function,
                run.path.run_id,
                files.get(run.path, ""),
            )
            for run in found.recent
        ]
        last = "FILE" if files else ""
        terminal.write_table(("CHANGED (UTC)", "STATE", "FUNCTION", "RUN", last), rows)
    if any(f.unusable for f in found.functions):
        terminal.write_message(
            "`scar init` repairs or replaces compute environments and job queues that Batch cannot"
            " use; their jobs stay queued meanwhile."
        )
    failures = sum(f.failure_count for f in found.functions)
    if failures:
        terminal.write_message(
            f"{format_count(failures, 'run')} failed."
            " `scar why RUN` shows the cause, `scar retry` starts them again."
        )
    elif failed:
        terminal.write_message("No run has failed.")


def _count_states(found: FunctionStatus) -> dict[str, int]:
    """Return the number of runs by state, in the order of the table's columns."""
    from scar.runs.states import RunState

    return {
        "waiting": found.states[RunState.WAITING],
        "lambda": found.states[RunState.LAMBDA],
        "queued": found.states[RunState.QUEUED],
        "running": found.states[RunState.RUNNING],
        "done": found.states[RunState.DONE],
        "failed": found.states[RunState.FAILED],
        "lost": found.states[RunState.LOST],
    }


def _waiting_reason(found: FunctionStatus) -> str:
    """Return why runs and since when jobs wait, or why jobs cannot start; empty if none wait."""
    from scar.runs.states import UNSUBMITTED_TEXT

    reasons = [f"{found.unsubmitted:,} {UNSUBMITTED_TEXT}"] if found.unsubmitted else []
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


def _status_to_json(found: StatusReport, files: Mapping[RunPath, str]) -> dict[str, object]:
    return {
        "functions": [
            {
                "name": f.function,
                **_count_states(f),
                "unsubmitted": f.unsubmitted,
                "batch": dict(f.jobs_by_status),
                "runnable_since": _to_datetime(f.runnable_since),
                "reason": f.reason,
                "unusable": f.unusable,
            }
            for f in found.functions
        ],
        "recent": list(_runs_to_json(found.recent, files)),
    }


def _runs_to_json(runs: Iterable[Run], files: Mapping[RunPath, str]) -> Iterable[dict[str, object]]:
    for run in runs:
        yield {
            "function": run.path.function,
            "run": run.path.run_id,
            "date": run.path.date,
            "state": run.state.value,
            "changed": _to_datetime(run.changed_at),
            **({"unsubmitted": True} if run.is_unsubmitted else {}),
            **({"file": files[run.path]} if run.path in files else {}),
        }


def _to_datetime(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
