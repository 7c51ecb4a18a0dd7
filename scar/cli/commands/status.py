"""``scar status``: how many runs are where, and the latest of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.output import count
from scar.cli.run_selection import connect, moment, since_option
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from scar.aws.connection import Connection
    from scar.cli.session import Session
    from scar.runs.ledger import Run
    from scar.runs.states import State
    from scar.runs.status import FunctionStatus, Status
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
    from scar.runs.find import inputs
    from scar.runs.ledger import Ledger

    if watch and session.json:
        raise UsageError("--watch shows a table.", remedy="Leave out -j or --watch.")
    after = moment(since)
    connection, names = connect(session, name, file)
    while True:
        found = look(session, connection, names, after, failed=failed)
        files = inputs(Ledger.of(connection), found.recent) if failed else {}
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
    connection: Connection,
    names: tuple[str, ...],
    since: datetime | None,
    *,
    failed: bool = False,
) -> Status:
    """Count the runs of these functions, all if ``names`` is empty."""
    from scar.runs.status import BAD

    only, most = (BAD, 100) if failed else ((), 10)
    return _ask(session, connection, names, since, only, most=most)


def _ask(
    session: Session,
    connection: Connection,
    names: tuple[str, ...],
    since: datetime | None,
    only: Collection[State],
    *,
    most: int,
) -> Status:
    """Ask Batch, then list the records."""
    from scar.runs.ledger import Ledger
    from scar.runs.logs import NoSuchFunction
    from scar.runs.status import status
    from scar.runs.waiting import unfinished

    deployed = {f.name: f for f in session.world.functions(connection)}
    ledger = Ledger.of(connection)
    there = {*deployed, *ledger.functions()}
    wanted = names or tuple(sorted(there))
    if missing := [name for name in wanted if name not in there]:
        raise NoSuchFunction(missing[0])
    queues = {n: deployed[n].queue for n in wanted if n in deployed and deployed[n].queue}
    jobs = unfinished(connection.client("batch"), queues.values())
    known = dict.fromkeys(queues, jobs)
    return status(ledger, wanted, known, since=since, only=only, most=most)


def look_at(
    session: Session,
    connection: Connection,
    names: tuple[str, ...],
    since: datetime | None,
    states: Collection[State],
) -> tuple[Run, ...]:
    """Return all runs in these states, newest first."""
    return _ask(session, connection, names, since, states, most=1_000_000).recent


def _show(session: Session, found: Status, files: Mapping[RunPath, str], *, failed: bool) -> None:
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
            (_time(r.changed), r.state.value, r.path.function, r.path.run_id, files.get(r.path, ""))
            for r in found.recent
        ]
        last = "FILE" if files else ""
        terminal.table(("CHANGED (UTC)", "STATE", "FUNCTION", "RUN", last), rows)
    bad = sum(f.bad for f in found.functions)
    if bad:
        terminal.say(f"{count(bad, 'run')} failed: `scar why RUN` says why, `scar retry` repeats.")
    elif failed:
        terminal.say("No run failed.")


def _counts(found: FunctionStatus) -> dict[str, int]:
    from scar.runs.states import State

    return {
        "waiting": found.states[State.WAITING],
        "lambda": found.states[State.LAMBDA],
        "queued": found.states[State.HANDED],
        "running": found.states[State.RUNNING],
        "done": found.states[State.DONE],
        "failed": found.states[State.FAILED],
        "lost": found.states[State.LOST],
    }


def _remark(found: FunctionStatus) -> str:
    if not found.runnable_since:
        return ""
    said = f": {found.reason}" if found.reason else ""
    return f"{found.waiting['RUNNABLE']:,} RUNNABLE since {_time(found.runnable_since)}{said}"


def _number(number: int) -> str:
    return f"{number:,}" if number else "·"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _json(found: Status, files: Mapping[RunPath, str]) -> dict[str, object]:
    return {
        "functions": [
            {
                "name": f.function,
                **_counts(f),
                "batch": dict(f.waiting),
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
            "changed": _moment(run.changed),
            **({"file": files[run.path]} if run.path in files else {}),
        }


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
