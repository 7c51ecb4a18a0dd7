"""``scar cancel``: cancel runs that wait or run in AWS Batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.arrays.array_selection import (
    describe,
    divide_ended,
    list_continued_runs,
    list_unfinished_arrays,
    split_arrays,
    terminate_arrays,
    without_runs_of,
)
from scar.cli.formatting import format_count, format_duration
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.run_actions import RunAction, apply_to_runs
from scar.cli.run_output import show_runs
from scar.cli.run_selection.name_hints import explaining_names
from scar.cli.run_selection.run_options import names_option
from scar.cli.run_selection.selected_runs import RunSelection, connect_functions, select_runs
from scar.errors import ScarError
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.ledger import Run


@click.command()
@click.argument("what", metavar="[RUN|ARRAY[:INDEX]|s3://BUCKET/KEY]...", nargs=-1)
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
    as failed: `scar retry` starts it again. An array job is ended with one request, whatever the
    number of its children; array-ID:7 is its child 7.

    \b
    Examples:
      scar cancel 3f9c2a
      scar cancel -n gray --dry-run
      scar cancel array-0123456789ab
    """
    del yes
    from scar.runs.cancel import CANCELLABLE_STATES, NotCancellableError
    from scar.runs.ledger import RunLedger

    if bool(what) == bool(names or file):
        raise click.UsageError("Specify either runs or files, or functions with -n or -f.")
    connection, names = connect_functions(session, names, file)
    ledger, batch = RunLedger.connect(connection), connection.client("batch")
    with explaining_names(session, connection, what, "scar cancel -n NAME"):
        arrays, runs = split_arrays(ledger, batch, what, names)
        if not what:
            arrays = list_unfinished_arrays(ledger, batch, names)
        unfinished, has_ended = divide_ended(batch, arrays) if what else (arrays, [])
        ended = {} if dry_run else terminate_arrays(session, ledger, batch, unfinished)
        # The jobs that continue children (batch.retry) are others: they do not end with the array.
        continued = list_continued_runs(ledger, batch, arrays) if what else []
        selection = RunSelection(
            names=tuple(runs), functions=names, since=None, states=CANCELLABLE_STATES
        )
        selected: Iterable[Run] = ()
        if runs or not what:
            found = select_runs(session, connection, ledger, selection)
            selected = without_runs_of(arrays, found)
        if has_ended and not (unfinished or runs or continued):
            _raise_refusals(session, has_ended)
        selected = [*selected, *continued]
        if dry_run:
            named = {describe(*array): array[0].job for array in unfinished}
            show_runs(session, [(run, "") for run in selected], "Would cancel", named)
            _raise_refusals(session, [] if continued else has_ended)
            return
        action = RunAction(
            apply=lambda run: cancel_named_run(session, connection, run),
            refusal=NotCancellableError,
            verb="Cancelled",
            arrays=ended,
        )
        refused = apply_to_runs(session, selected, action)
    if what:
        # The jobs that continue the children of an array that has ended were cancelled.
        _raise_refusals(session, [*refused, *([] if continued else has_ended)])
    # Otherwise they have ended by themselves after they were selected.


def cancel_named_run(session: Session, connection: AwsConnection, run: Run) -> str:
    """Cancel a run; the refusal of one in Lambda names the function's timeout."""
    from scar.runs.cancel import NotCancellableError, cancel_run
    from scar.runs.ledger import RunLedger
    from scar.runs.states import RunState

    try:
        return cancel_run(RunLedger.connect(connection), connection.client("batch"), run)
    except NotCancellableError as error:
        functions = session.services.list_functions(connection)
        seconds = next((f.timeout for f in functions if f.name == run.path.function), 0)
        if run.state is not RunState.LAMBDA or not seconds:
            raise
        raise NotCancellableError(
            error.problem,
            remedy="A run in Lambda ends by itself, at the function's timeout of"
            f" {format_duration(seconds)} at the latest. If it continues in Batch then, it can be"
            " cancelled.",
        ) from error


def _raise_refusals(session: Session, refused: Sequence[ScarError]) -> None:
    """Raise an error if named runs could not be cancelled."""
    if len(refused) == 1:
        raise refused[0]
    for error in refused:
        session.terminal.write_message(join_sentences(error.problem, error.remedy))
    if refused:
        raise ScarError(
            f"{format_count(len(refused), 'run')} could not be cancelled.", remedy="See above."
        )
