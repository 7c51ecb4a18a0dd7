"""``scar status``: how many runs are where, and the latest of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from scar.cli.asking import connect, moment, since_option
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.render import count
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.ledger import Run
    from scar.runs.states import RunState
    from scar.runs.status import FunctionStatus, StatusReport
    from supervisor.invocation import RunPath

EVERY = 2.0  # seconds


@click.command()
@click.option("-n", "--name", help="Name of the function.")
@fdl_option
@since_option
@click.option(
    "--failed", is_flag=True, help="Show failed and lost runs only, with their files, more of them."
)
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
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
    """Show how many runs are where, and the latest ones.

    waiting: sent again, not begun. lambda: at work there. queued: waits in Batch. running: at
    work in Batch. lost: nobody is at work and nothing says why; `scar why` and `scar retry` go
    on from there.
    """
    from scar.runs.ledger import RunLedger
    from scar.runs.lookup import read_input_urls

    if watch and session.json:
        raise UsageError("--watch shows a table.", remedy="Leave out -j or --watch.")
    after = moment(since)
    connection, names = connect(session, name, file)
    while True:
        found = look(session, connection, names, after, failed=failed)
        files = read_input_urls(RunLedger.connect(connection), found.recent) if failed else {}
        if session.json:
            session.terminal.json(_json(found, files))
            return
        if watch:
            session.terminal.fresh_page()
        _show(session, found, files, failed=failed)
        if not watch:
            return
        time.sleep(EVERY)


def look(
    session: Session,
    connection: AwsConnection,
    names: tuple[str, ...],
    since: datetime | None,
    *,
    failed: bool = False,
) -> StatusReport:
    """Count the runs of these functions, all if ``names`` is empty."""
    from scar.runs.status import FAILURE_STATES

    only, most = (FAILURE_STATES, 100) if failed else ((), 10)
    return _ask(session, connection, names, since, only, most=most)


def _ask(
    session: Session,
    connection: AwsConnection,
    names: tuple[str, ...],
    since: datetime | None,
    only: Collection[RunState],
    *,
    most: int,
) -> StatusReport:
    """Ask Batch, then list the records."""
    from scar.runs.ledger import RunLedger
    from scar.runs.logs import FunctionNotFoundError
    from scar.runs.status import collect_status
    from scar.runs.unfinished_jobs import list_unfinished_jobs

    deployed = {f.name: f for f in session.world.functions(connection)}
    ledger = RunLedger.connect(connection)
    there = {*deployed, *ledger.list_functions()}
    wanted = names or tuple(sorted(there))
    if missing := [name for name in wanted if name not in there]:
        raise FunctionNotFoundError(missing[0])
    queues = {n: deployed[n].queue for n in wanted if n in deployed and deployed[n].queue}
    jobs = list_unfinished_jobs(connection.client("batch"), queues.values())
    known = dict.fromkeys(queues, jobs)
    return collect_status(ledger, wanted, known, since=since, recent_states=only, limit=most)


def look_at(
    session: Session,
    connection: AwsConnection,
    names: tuple[str, ...],
    since: datetime | None,
    states: Collection[RunState],
) -> tuple[Run, ...]:
    """Return all runs in these states, newest first."""
    return _ask(session, connection, names, since, states, most=1_000_000).recent


def _show(
    session: Session, found: StatusReport, files: Mapping[RunPath, str], *, failed: bool
) -> None:
    terminal = session.terminal
    if not found.functions:
        terminal.say("Nothing ran yet.")
        return
    head = ("FUNCTION", "WAITING", "LAMBDA", "QUEUED", "RUNNING", "DONE", "FAILED", "LOST", "")
    rows = [(f.function, *map(_number, _counts(f).values()), _remark(f)) for f in found.functions]
    terminal.table(head, rows, right="lrrrrrrrl")
    if found.recent:
        terminal.data("")
        rows = [
            (
                _time(r.changed_at),
                r.state.value,
                r.path.function,
                r.path.run_id,
                files.get(r.path, ""),
            )
            for r in found.recent
        ]
        last = "FILE" if files else ""
        terminal.table(("CHANGED (UTC)", "STATE", "FUNCTION", "RUN", last), rows)
    bad = sum(f.failure_count for f in found.functions)
    if bad:
        terminal.say(f"{count(bad, 'run')} failed: `scar why RUN` says why, `scar retry` repeats.")
    elif failed:
        terminal.say("No run failed.")


def _counts(found: FunctionStatus) -> dict[str, int]:
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


def _remark(found: FunctionStatus) -> str:
    if not found.runnable_since:
        return ""
    said = f": {found.reason}" if found.reason else ""
    return (
        f"{found.jobs_by_status['RUNNABLE']:,} RUNNABLE since {_time(found.runnable_since)}{said}"
    )


def _number(number: int) -> str:
    return f"{number:,}" if number else "·"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _json(found: StatusReport, files: Mapping[RunPath, str]) -> dict[str, object]:
    return {
        "functions": [
            {
                "name": f.function,
                **_counts(f),
                "batch": dict(f.jobs_by_status),
                "runnable_since": _moment(f.runnable_since),
                "reason": f.reason,
            }
            for f in found.functions
        ],
        "recent": list(_rows(found.recent, files)),
    }


def _rows(runs: Iterable[Run], files: Mapping[RunPath, str]) -> Iterable[dict[str, object]]:
    for run in runs:
        yield {
            "function": run.path.function,
            "run": run.path.run_id,
            "date": run.path.date,
            "state": run.state.value,
            "changed": _moment(run.changed_at),
            **({"file": files[run.path]} if run.path in files else {}),
        }


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
