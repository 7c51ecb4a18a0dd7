"""``scar job logs``: show the log of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.formatting import escape_control_characters
from scar.cli.options import output_options, pass_session, target_options
from scar.errors import ScarError

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.argument("job")
@click.option("--raw", is_flag=True, help="Show lines as they were logged.")
@output_options
@target_options
@pass_session
def logs(session: Session, job: str, *, raw: bool) -> None:
    """Show the log of a job, of all of its attempts, oldest line first.

    \b
    Examples:
      scar job logs 3f9c2a1b
      scar job logs 3f9c2a1b:17
    """
    from scar.aws.model import names
    from scar.runs.jobs.search import find_job
    from scar.runs.logs import format_message, read_log_streams

    connection = session.connect()
    found = find_job(connection.client("batch"), job)
    group = names.batch_log_group(found.job.function)
    streams = [(group, stream, "") for stream in found.log_streams]
    count = 0
    for line in read_log_streams(connection, streams) if streams else ():
        count += 1
        if session.json:
            session.terminal.write_json(
                {"time": line.time.isoformat(), "stream": line.stream, "message": line.message}
            )
            continue
        text = line.message if raw else format_message(line.message)
        stamp = line.time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        session.terminal.write_data(f"{stamp}  {escape_control_characters(text)}")
    if not count:
        raise ScarError(
            f"There are no log lines of the job {found.job.id}.",
            remedy="A job that has not started has none; lines are available after some seconds."
            + (" The children of an array have logs of their own." if found.job.size else ""),
        )
