"""``scar cancel``: cancel runs that wait or run in AWS Batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.formatting import format_count
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.run_actions import RunAction, apply_to_runs
from scar.cli.run_output import show_runs
from scar.cli.run_selection.name_hints import explaining_names
from scar.cli.run_selection.run_options import names_option
from scar.cli.run_selection.selected_runs import RunSelection, connect_functions, select_runs
from scar.errors import ScarError

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.session import Session


@click.command()
@click.argument("what", metavar="[RUN|s3://BUCKET/KEY]...", nargs=-1)
@names_option("All runs of this function that wait or run in Batch. May be repeated.")
@fdl_option
@click.option("--dry-run", is_flag=True, help="Show the runs and stop.")
@click.option("-y", "--yes", is_flag=True, hidden=True)
@output_options
@target_options
@pass_session
def cancel(
    session: Session,
    what: tuple[str, ...],
    names: tuple[str, ...],
    file: Path | None,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Cancel runs that wait or run in AWS Batch.

    Running jobs are terminated; queued jobs, and runs that wait in Lambda's queue, do not start.
    A run in Lambda cannot be cancelled: it ends at the function's timeout. A cancelled run counts
    as failed: `scar retry` starts it again.

    \b
    Examples:
      scar cancel 3f9c2a
      scar cancel -n gray --dry-run
    """
    del yes
    from scar.runs.cancel import CANCELLABLE_STATES, NotCancellableError, cancel_run
    from scar.runs.ledger import RunLedger

    if bool(what) == bool(names or file):
        raise click.UsageError("Specify either runs or files, or functions with -n or -f.")
    connection, names = connect_functions(session, names, file)
    ledger = RunLedger.connect(connection)
    selection = RunSelection(names=what, functions=names, since=None, states=CANCELLABLE_STATES)
    batch = connection.client("batch")
    selected = select_runs(session, connection, ledger, selection)
    explained = explaining_names(session, connection, what, "scar cancel -n NAME")
    if dry_run:
        with explained:
            show_runs(session, [(run, "") for run in selected], "Would cancel")
        return
    action = RunAction(
        apply=lambda run: cancel_run(ledger, batch, run),
        refusal=NotCancellableError,
        verb="Cancelled",
    )
    with explained:
        refused = apply_to_runs(session, selected, action)
    if not what:
        return  # these ended by themselves after they were selected
    if len(refused) == 1:
        raise refused[0]
    for error in refused:
        session.terminal.write_message(f"{error.problem} {error.remedy}")
    if refused:
        raise ScarError(
            f"{format_count(len(refused), 'run')} could not be cancelled.", remedy="See above."
        )
