"""``scar logs`` (and ``log``): what functions and runs logged."""

from __future__ import annotations

import heapq
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.output import printable
from scar.cli.run_selection import connect, moment, since_option
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from scar.aws.connection import Connection
    from scar.cli.session import Session
    from scar.runs.ledger import Run
    from scar.runs.logs import LogLine

EVERY = 2.0  # seconds between looks with --follow
# Lines reach CloudWatch late, and not in order: so much is asked for again.
OVERLAP = timedelta(seconds=30)


@click.command()
@click.option("-n", "--name", help="Name of the function.")
@fdl_option
@click.option("-ls", "--log-stream-name", default="", help="Only this log stream.")
@click.option("-ri", "--request-id", default="", help="Only this call, or this run's job.")
@click.option("--run", metavar="RUN", help="Only this run: its id, or how it begins.")
@click.option("--file", "key", metavar="s3://BUCKET/KEY", help="Only the runs on this file.")
@click.option("--failed", is_flag=True, help="Only failed and lost runs.")
@since_option
@click.option(
    "-F", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C or the runs' end."
)
@output_options
@target_options
@pass_session
def log(  # noqa: PLR0913 one argument per option
    session: Session,
    /,
    *,
    name: str | None,
    file: Path | None,
    log_stream_name: str,
    request_id: str,
    run: str | None,
    key: str | None,
    since: str | None,
    failed: bool,
    follow: bool,
) -> None:
    """Show what functions and runs logged, in Lambda and in Batch.

    Lines are in the order of time (UTC), each marked with the service that wrote it.
    """
    of_runs = bool(run or key or failed)
    if of_runs and (log_stream_name or request_id):
        raise click.UsageError("--run, --file and --failed do not go with -ls and -ri.")
    if not (name or file or run or key):
        raise click.UsageError("Give -n or -f, --run or --file.")
    if follow:
        _check_follow(session, request_id)
    connection, names = connect(session, name, file)
    after = moment(since)
    if of_runs:
        chosen = _runs(session, connection, names, (run, key), after)
        lines = (_until_over if follow else _of_runs)(session, connection, chosen)
    else:
        lines = _of_functions(connection, names, log_stream_name, request_id, after)
        if follow:
            lines = _followed(connection, names, log_stream_name, lines)
    if _show(session, lines):
        return
    if log_stream_name or request_id or of_runs:
        what = request_id or log_stream_name or run or key or "failed runs"
        raise ScarError(
            f"Nothing was logged for {what}.",
            remedy="Logs come with a delay of seconds; `scar log -n NAME` shows all there is.",
        )
    session.terminal.say("Nothing was logged yet.")


def _check_follow(session: Session, request: str) -> None:
    if request or session.json:
        raise click.UsageError("--follow does not go with -ri or -j.")


def _of_functions(
    connection: Connection,
    names: Iterable[str],
    stream: str,
    request: str,
    since: datetime | None,
) -> Iterator[LogLine]:
    from scar.runs.logs import read_log

    every = [
        read_log(connection, one, stream=stream, request=request, since=since) for one in names
    ]
    return heapq.merge(*every, key=lambda line: line.time)


def _followed(
    connection: Connection, names: tuple[str, ...], stream: str, lines: Iterator[LogLine]
) -> Iterator[LogLine]:
    """Yield the lines there are, then new ones as they come."""
    seen: dict[LogLine, None] = {}
    while True:
        for line in lines:
            if line not in seen:
                seen[line] = None
                yield line
        newest = max((line.time for line in seen), default=None)
        start = newest - OVERLAP if newest else None
        seen = {line: None for line in seen if start and line.time >= start}
        time.sleep(EVERY)
        found = _of_functions(connection, names, stream, "", start)
        lines = iter(sorted(found, key=lambda line: line.time))


def _runs(
    session: Session,
    connection: Connection,
    names: tuple[str, ...],
    named: tuple[str | None, str | None],
    since: datetime | None,
) -> list[Run]:
    from scar.cli.commands.status import look_at
    from scar.runs import find
    from scar.runs.ledger import Ledger
    from scar.runs.status import BAD

    ledger, (run, key) = Ledger.of(connection), named
    if run:
        return [find.by_name(ledger, run, names)]
    if key:
        return list(find.reading(ledger, *find.place_of(key), names))
    return list(reversed(look_at(session, connection, names, since, BAD)))


def _of_runs(
    session: Session, connection: Connection, runs: Iterable[Run], *, quiet: bool = False
) -> Iterator[LogLine]:
    from scar.runs.ledger import Ledger
    from scar.runs.logs import read_places
    from scar.runs.story import log_places, tell

    ledger = Ledger.of(connection)
    for run in runs:
        if not quiet:
            session.terminal.say(f"Run {run.path}: {run.state.value}")
        story = tell(connection, ledger, run)
        yield from read_places(connection, log_places(story))


def _until_over(session: Session, connection: Connection, runs: Iterable[Run]) -> Iterator[LogLine]:
    """Yield the lines there are, then new ones until all these runs are over.

    The last lines come late: they are looked for once more after the end.
    """
    from scar.runs import find
    from scar.runs.ledger import Ledger
    from scar.runs.states import OVER

    seen: set[LogLine] = set()
    over, runs = False, list(runs)
    lines = _of_runs(session, connection, runs)
    while True:
        for line in lines:
            if line not in seen:
                seen.add(line)
                yield line
        if over:
            return
        time.sleep(EVERY)
        ledger = Ledger.of(connection)
        runs = [find.by_name(ledger, str(r.path)) for r in runs]
        over = all(run.state in OVER for run in runs)
        lines = _of_runs(session, connection, runs, quiet=True)


def _show(session: Session, lines: Iterable[LogLine]) -> int:
    shown = 0

    def counted() -> Iterator[LogLine]:
        nonlocal shown
        for line in lines:
            shown += 1
            yield line

    if session.json:
        session.terminal.json_rows(map(_row, counted()))
        return shown
    for line in counted():
        time_ = f"{line.time:%Y-%m-%d %H:%M:%S}.{line.time.microsecond // 1000:03}"
        for text in line.message.splitlines() or [""]:
            mark = session.terminal.faint(f"{time_} {line.service:<6}")
            session.terminal.data(f"{mark}  {printable(text)}")
    return shown


def _row(line: LogLine) -> dict[str, object]:
    return {
        "time": line.time,
        "service": line.service,
        "stream": line.stream,
        "message": line.message,
    }
