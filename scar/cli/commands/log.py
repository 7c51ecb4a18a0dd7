"""``scar log`` (also ``logs``): show the logs of functions and runs."""

from __future__ import annotations

import heapq
import sys
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from scar.cli.arrays.array_selection import list_runs_of_array
from scar.cli.options import (
    fdl_option,
    output_options,
    pass_session,
    target_options,
)
from scar.cli.run_selection.log_options import check_log_options
from scar.cli.run_selection.name_hints import explaining_names
from scar.cli.run_selection.run_options import (
    NameOptionCommand,
    names_option,
    parse_since,
    since_option,
)
from scar.cli.run_selection.selected_runs import connect_functions, list_runs
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.ledger import Run
    from scar.runs.log_groups.lines import LogLine

OWNER_WIDTH = 8  # characters of a request or job id
_ALARMING = ("ERROR ", "WARNING ", "CRITICAL ")  # shown in bold type on a terminal
POLL_INTERVAL = 2.0  # seconds between two requests with --follow
# CloudWatch Logs makes lines available late and out of order, so each request reads this much
# of the time before the newest line again.
OVERLAP = timedelta(seconds=30)


@click.command(cls=NameOptionCommand)
@names_option()
@fdl_option
@click.option("-ls", "--log-stream-name", default="", help="Only this log stream.")
@click.option(
    "-ri",
    "--request-id",
    default="",
    help="Only this Lambda request, run or Batch job: its whole id.",
)
@click.option(
    "--run",
    metavar="RUN|ARRAY[:INDEX]",
    help="Only this run: its id or the start of it; or an array's runs, or its child's.",
)
@click.option("--file", "key", metavar="s3://BUCKET/KEY", help="Only the runs on this file.")
@click.option("--failed", is_flag=True, help="Only failed and lost runs.")
@since_option
@click.option(
    "-F",
    "--follow",
    is_flag=True,
    help="Wait for new lines, until Ctrl-C, a removal of the functions or the end of the runs.",
)
@click.option(
    "--raw", is_flag=True, help="Show lines as they were logged: the supervisor's as JSON."
)
@output_options
@target_options
@pass_session
def log(  # noqa: PLR0913 one argument per option
    session: Session,
    /,
    *,
    names: tuple[str, ...],
    file: Path | None,
    log_stream_name: str,
    request_id: str,
    run: str | None,
    key: str | None,
    since: str | None,
    failed: bool,
    follow: bool,
    raw: bool,
) -> None:
    """Show the logs of functions and runs, in Lambda and in Batch.

    Lines are in order of time (UTC), each with the service that logged it, and with the start of
    its request or job where a log has the lines of several runs.

    \b
    Examples:
      scar log -n gray --since 1h
      scar log -n gray --follow
      scar log --file s3://my-photos/incoming/a.jpg
    """
    of_runs = bool(run or key or failed)
    one_run = bool(run or request_id or log_stream_name)
    check_log_options(click.get_current_context().params, is_json=session.json)
    _require_id(request_id)
    connection, names = connect_functions(session, names, file)
    after = parse_since(since)
    if of_runs:
        texts = [text for text in (run, key) if text]
        with explaining_names(session, connection, texts, "scar logs -n NAME"):
            runs = _select_runs(session, connection, names, (run, key), after)
        lines = (_follow_runs if follow else _read_run_logs)(session, connection, runs)
    else:
        with _explaining_removal(connection):
            lines = _read_function_logs(connection, names, log_stream_name, request_id, after)
        if follow:
            lines = _follow_functions(session, connection, (names, log_stream_name), lines)
    if _show_lines(session, lines, raw=raw, with_owner=not one_run):
        return
    if log_stream_name or request_id or of_runs:
        subject = request_id or log_stream_name or run or key or "failed runs"
        raise ScarError(
            f"There are no log lines for {subject}.",
            remedy="Log lines are available after some seconds; `scar log -n NAME` shows all.",
        )
    session.terminal.write_message("There are no log lines yet.")


def _require_id(text: str) -> None:
    from scar.runs.log_groups.request_lines import require_id

    if text:
        require_id(text)


@contextmanager
def _explaining_removal(connection: AwsConnection) -> Iterator[None]:
    """Say what became of the logs of a function that was removed."""
    from scar.runs.ledger import RunLedger
    from scar.runs.logs import FunctionNotFoundError

    try:
        yield
    except FunctionNotFoundError as error:
        if error.name not in RunLedger.connect(connection).list_functions():
            raise
        raise ScarError(
            f"The function {error.name} was removed, and its logs were deleted with it.",
            remedy="`scar why RUN` still shows the records of its runs, for 90 days.",
        ) from error


def _read_function_logs(
    connection: AwsConnection,
    names: Iterable[str],
    stream: str,
    request: str,
    since: datetime | None,
) -> Iterator[LogLine]:
    """Yield the lines of all functions in order of time; ``read_log`` yields them in order."""
    from scar.runs.logs import read_log

    logs = [
        read_log(connection, name, stream=stream, request_id=request, since=since) for name in names
    ]
    return heapq.merge(*logs, key=lambda line: line.time)


def _follow_functions(
    session: Session,
    connection: AwsConnection,
    names_and_stream: tuple[tuple[str, ...], str],
    lines: Iterator[LogLine],
) -> Iterator[LogLine]:
    """Yield the existing lines, then new lines until Ctrl-C or until no function exists anymore.

    The last lines are available late: the logs are read once more after a removal.
    """
    from scar.runs.logs import function_exists

    names, stream = names_and_stream
    existing = [name for name in names if function_exists(connection, name)]
    # A dict as an ordered set. Lines older than the overlap cannot be read again: they are
    # dropped, so that memory stays constant.
    shown: dict[LogLine, None] = {}
    while True:
        for line in lines:
            if line not in shown:
                shown[line] = None
                yield line
        if not existing:
            text = f"{', '.join(names)}: removed, so no further lines follow."
            session.terminal.write_message(text)
            return
        newest = max((line.time for line in shown), default=None)
        start = newest - OVERLAP if newest else None
        shown = {line: None for line in shown if start and line.time >= start}
        session.terminal.flush()
        time.sleep(POLL_INTERVAL)
        existing = [name for name in names if function_exists(connection, name)]
        found = _read_remaining_logs(connection, names, stream, start)
        lines = iter(sorted(found, key=lambda line: line.time))


def _read_remaining_logs(
    connection: AwsConnection, names: tuple[str, ...], stream: str, since: datetime | None
) -> Iterator[LogLine]:
    """Yield the lines of the functions; none of one that was removed together with its logs."""
    from scar.runs.logs import FunctionNotFoundError

    for name in names:
        with suppress(FunctionNotFoundError):
            yield from _read_function_logs(connection, [name], stream, "", since)


def _select_runs(
    session: Session,
    connection: AwsConnection,
    names: tuple[str, ...],
    run_or_key: tuple[str | None, str | None],
    since: datetime | None,
) -> list[Run]:
    from scar.runs import lookup
    from scar.runs.ledger import RunLedger
    from scar.runs.states import FAILURE_STATES

    ledger, (run, key) = RunLedger.connect(connection), run_or_key
    if run:
        found = list_runs_of_array(ledger, connection.client("batch"), run, names)
        return [lookup.find_run(ledger, run, names)] if found is None else found
    if key:
        return list(lookup.find_runs_of_input(ledger, lookup.require_object(key), names))
    return list(reversed(list_runs(session, connection, names, since, FAILURE_STATES)))


def _read_run_logs(
    session: Session, connection: AwsConnection, runs: Iterable[Run], *, quiet: bool = False
) -> Iterator[LogLine]:
    """Yield the lines of each run; unless ``quiet``, a message names each run before them."""
    from scar.runs.history.log_streams import list_log_streams, number_nodes
    from scar.runs.ledger import RunLedger
    from scar.runs.logs import read_log_streams
    from scar.runs.run_history import read_history

    ledger = RunLedger.connect(connection)
    for run in runs:
        if not quiet:
            session.terminal.write_message(f"Run {run.path}: {run.state.value}")
        history = read_history(connection, ledger, run)
        lines = read_log_streams(connection, list_log_streams(history))
        yield from number_nodes(history, lines)


def _follow_runs(
    session: Session, connection: AwsConnection, runs: Iterable[Run]
) -> Iterator[LogLine]:
    """Yield the existing lines, then new lines until all these runs have ended.

    The last lines of a run are available late: the logs are read once more after the end.
    """
    from scar.runs import lookup
    from scar.runs.batch_job import correct_run_state
    from scar.runs.ledger import RunLedger
    from scar.runs.states import FINISHED_STATES

    shown: set[LogLine] = set()
    ended, runs = False, list(runs)
    lines = _read_run_logs(session, connection, runs)
    while True:
        for line in lines:
            if line not in shown:
                shown.add(line)
                yield line
        if ended:
            return
        session.terminal.flush()
        time.sleep(POLL_INTERVAL)
        ledger = RunLedger.connect(connection)
        batch = connection.client("batch")
        # Of a job that was terminated before it started there is no record.
        listed = [lookup.find_run(ledger, str(run.path)) for run in runs]
        runs = [correct_run_state(ledger, batch, run) for run in listed]
        ended = all(run.state in FINISHED_STATES for run in runs)
        lines = _read_run_logs(session, connection, runs, quiet=True)


def _show_lines(session: Session, lines: Iterable[LogLine], *, raw: bool, with_owner: bool) -> int:
    """Write the lines as they come; return their number."""
    from scar.runs.logs import LineOwners, format_message

    number = 0

    def count_lines() -> Iterator[LogLine]:
        nonlocal number
        for line in lines:
            number += 1
            yield line

    if session.json:
        session.terminal.write_json_rows(map(_line_to_json, count_lines()))
        return number
    owners = LineOwners()
    # Without the date, half of a line of 80 columns is left for the message.
    shows_styles = session.terminal.shows_styles  # asks the system: once, not for each line
    with_date = not sys.stdout.isatty()
    for line in count_lines():
        owner = owners.owner_of(line)[:OWNER_WIDTH] if with_owner else ""
        # Faster than strftime, and than isoformat of the whole, which asks for the time zone.
        timestamp = line.time.time().isoformat("milliseconds")
        date = f"{line.time.date().isoformat()} " if with_date else ""
        source = line.source if line.node is None else f"node {line.node}"
        prefix = f"{date}{timestamp} {source:<6}"
        if with_owner:
            prefix += f" {owner:<{OWNER_WIDTH}}"
        message = line.message if raw else format_message(line.message)
        if shows_styles:
            prefix = session.terminal.faint(prefix)
        for text in message.splitlines() or [""]:
            is_bold = shows_styles and not raw and text.startswith(_ALARMING)
            shown = session.terminal.bold(text) if is_bold else text
            session.terminal.write_data(f"{prefix}  {shown}")
    return number


def _line_to_json(line: LogLine) -> dict[str, object]:
    return {
        "time": line.time,
        "service": line.source,
        "stream": line.stream,
        "message": line.message,
        **({} if line.node is None else {"node": line.node}),
    }
