"""``scar shell``: start a shell, or a command, beside the script of a run."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.options import WordsArgument, pass_session, target_options
from scar.cli.run_selection.name_hints import explaining_names
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.ledger import Run, RunLedger


KILLED = 128 + signal.SIGKILL  # the status of a command
_END_SECONDS = 3.0  # in which a script ends whose run is cancelled


@click.command()
@click.argument("run", metavar="RUN")
@click.argument(
    "command",
    metavar="[-- COMMAND...]",
    nargs=-1,
    cls=WordsArgument,
    type=click.UNPROCESSED,  # names of files may have any bytes
)
@target_options
@pass_session
def shell(session: Session, run: str, command: tuple[str, ...]) -> None:
    """Start a shell beside the script of a run that is running.

    Without COMMAND, an interactive shell, or one that reads a script from standard input. In the
    local cloud it has the script's files, user, variables and working folder, and the command's
    exit status is that of scar. On AWS, only runs in Batch have a shell: their function needs
    batch.enable_execute_command, and this machine AWS's program session-manager-plugin.

    \b
    Examples:
      scar shell 3f9c2a
      scar shell 3f9c2a -- ls -l /tmp
    """
    from scar.runs.batch_job import correct_run_state
    from scar.runs.ledger import RunLedger
    from scar.runs.lookup import find_run
    from scar.runs.shell.running import require_running

    connection = session.connect()
    ledger, batch = RunLedger.connect(connection), connection.client("batch")
    with explaining_names(session, connection, [run], "scar status -n NAME"):
        found = correct_run_state(ledger, batch, find_run(ledger, run))
    require_running(found)
    if session.local:
        status = _run_locally(session, connection, found, command)
    else:
        status = _run_on_aws(session, connection, ledger, found, command)
    if status:
        click.get_current_context().exit(status)


def _run_locally(
    session: Session, connection: AwsConnection, run: Run, command: Sequence[str]
) -> int:
    from scar.local.shell.entry import run_in_context
    from scar.local.shell.process_context import open_context
    from scar.local.shell.run_process import find_run_process

    process = find_run_process(run.path.run_id, connection.endpoint_url or "")
    # Programs draw on the user's terminal; the script has none.
    terminal = {"TERM": os.environ["TERM"]} if "TERM" in os.environ else {}
    sys.stdout.flush()
    with open_context(process) as context:
        status = run_in_context(context, command, {**terminal, **process.environment})
    if status == KILLED and _has_ended(process.pid):
        session.terminal.write_message(
            "The shell was killed: the run has ended, and with it all processes in its container."
            f" `scar why {run.path.run_id}` says how."
        )
    return status


def _has_ended(process: int) -> bool:
    """Return whether the process ends soon, if it has not ended."""
    until = time.monotonic() + _END_SECONDS
    while Path(f"/proc/{process}").exists():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _run_on_aws(
    session: Session,
    connection: AwsConnection,
    ledger: RunLedger,
    run: Run,
    command: Sequence[str],
) -> int:
    from scar.runs.batch_job import find_job_id
    from scar.runs.shell.session_plugin import find_session_plugin
    from scar.runs.shell.task_container import find_task_container
    from scar.runs.states import RunState
    from supervisor.runs import record_format

    if run.state is RunState.LAMBDA:
        raise UsageError(
            f"Run {run.path} is running in Lambda, which starts no shell in a sandbox.",
            remedy="Run the function with execution_mode: batch, or in the local cloud.",
        )
    if not command and not sys.stdin.isatty():
        raise UsageError(
            "On AWS, a shell needs a terminal.", remedy="Specify a command: scar shell RUN -- ls."
        )
    plugin = find_session_plugin(session.services.environment)
    claim = ledger.read_record(run.path, record_format.CLAIM) or {}
    ecs = connection.client("ecs")
    container = find_task_container(connection.client("batch"), ecs, find_job_id({}, claim))
    return plugin.execute(ecs, connection.account, container, command)
