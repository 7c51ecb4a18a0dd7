"""``scar log``: what a function logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.deploying import read_names, wishes
from scar.cli.options import fdl_option, one_of, output_options, pass_session, target_options
from scar.cli.render import printable
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from scar.cli.session import Session
    from scar.runs.logs import LogLine


@click.command()
@click.option("-n", "--name", help="Name of the function.")
@fdl_option
@click.option("-ls", "--log-stream-name", default="", help="Only this log stream.")
@click.option("-ri", "--request-id", default="", help="Only this call, or this run's job.")
@output_options
@target_options
@pass_session
def log(
    session: Session, name: str | None, file: Path | None, log_stream_name: str, request_id: str
) -> None:
    """Show what a function logged, in Lambda and in Batch.

    Lines are in the order of time (UTC), each marked with the service that wrote it.
    """
    one_of({"-n": name, "-f": file})
    if file is not None:
        document = read_names(file)
        names = [entry.lambda_.name for entry in document.functions.aws]
        connection = session.connect(**wishes(document))
    else:
        names = [name or ""]
        connection = session.connect()
    from scar.runs.logs import read_log

    lines = (
        line
        for one in names
        for line in read_log(connection, one, stream=log_stream_name, request=request_id)
    )
    shown = _show(session, lines)
    if shown:
        return
    if log_stream_name or request_id:
        raise ScarError(
            f"Nothing was logged for {request_id or log_stream_name}.",
            remedy="Logs come with a delay of seconds; `scar log -n NAME` shows all there is.",
        )
    session.terminal.say("Nothing was logged yet.")


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
        time = f"{line.time:%Y-%m-%d %H:%M:%S}.{line.time.microsecond // 1000:03}"
        for text in line.message.splitlines() or [""]:
            mark = session.terminal.faint(f"{time} {line.service:<6}")
            session.terminal.data(f"{mark}  {printable(text)}")
    return shown


def _row(line: LogLine) -> dict[str, object]:
    return {
        "time": line.time,
        "service": line.service,
        "stream": line.stream,
        "message": line.message,
    }
