"""``scar retry``: start failed and lost runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.arrays.array_output import show_plan
from scar.cli.arrays.array_retry import plan_retry, retry_in_arrays
from scar.cli.arrays.child_selection import NamedFailures, select_named
from scar.cli.formatting import format_count
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.run_actions import RunAction, apply_to_runs
from scar.cli.run_selection.name_hints import explaining_names
from scar.cli.run_selection.run_options import names_option, parse_since, since_option
from scar.cli.run_selection.selected_runs import (
    RunSelection,
    connect_functions,
    read_failures,
)
from scar.errors import ScarError
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.session import Session
    from scar.runs.ledger import Run


@click.command()
@click.argument("what", metavar="[RUN|ARRAY[:INDEX]|s3://BUCKET/KEY]...", nargs=-1)
@click.option("--failed", is_flag=True, help="All failed and lost runs of the functions.")
@names_option()
@fdl_option
@since_option
@click.option("--dry-run", is_flag=True, help="Show the runs and stop.")
@click.option("-y", "--yes", is_flag=True, hidden=True)
@output_options
@target_options
@pass_session
def retry(  # noqa: PLR0913 one argument per option
    session: Session,
    /,
    what: tuple[str, ...],
    names: tuple[str, ...],
    file: Path | None,
    since: str | None,
    *,
    failed: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Start failed and lost runs again, with the same input.

    Select runs by id or by input file, failed children by their array or as array-ID:7, or with
    --failed all of them; -n and -f limit the selection to functions. A run on a file keeps its id,
    and outputs that it has uploaded are not uploaded again. A direct invocation becomes a new run,
    which waits from now on: the old one ends as `repeated`. With --failed or an array, runs on
    files of functions in mode batch are started as array jobs, with one request for each 10,000 of
    them; --dry-run shows these jobs.

    \b
    Examples:
      scar retry 3f9c2a
      scar retry array-0123456789ab
      scar retry --failed -n gray --since 2h --dry-run
    """
    del yes
    from scar.runs.ledger import RunLedger
    from scar.runs.retry import RETRYABLE_STATES, NotRetryableError, retry_run

    if bool(what) == failed:
        raise click.UsageError("Specify either runs or files, or --failed.")
    if since and not failed:
        raise click.UsageError("--since is for --failed.")
    connection, names = connect_functions(session, names, file)
    ledger = RunLedger.connect(connection)
    selection = RunSelection(
        names=what, functions=names, since=parse_since(since), states=RETRYABLE_STATES
    )
    found = NamedFailures()
    if failed:
        runs, lost = read_failures(session, connection, selection)
        found = NamedFailures(children=list(runs), lost=lost)
    else:
        with explaining_names(session, connection, what, "scar retry --failed -n NAME"):
            found = select_named(session, connection, selection)
    if dry_run:
        arrays, remaining, files = (
            plan_retry(session, connection, found.children, found.lost)
            if failed or found.has_children
            else ([], [], 0)
        )
        show_plan(session, arrays, [*found.runs, *remaining], files)
        return
    started, remaining = (
        retry_in_arrays(session, connection, found.children, found.lost)
        if failed or found.has_children
        else ({}, [])
    )
    services = session.services

    def start_run(run: Run) -> str:
        retried = retry_run(ledger, run, lambda f, event: services.enqueue(connection, f, event))
        return retried.repeated_as or retried.request_id

    action = RunAction(
        apply=start_run,
        refusal=NotRetryableError,
        verb="Started",
        arrays=started,
    )
    refused = apply_to_runs(session, [*found.runs, *remaining], action)
    for error in refused:
        session.terminal.write_message(join_sentences(error.problem, error.remedy))
    if refused:
        raise ScarError(
            f"{format_count(len(refused), 'run')} could not be started again.", remedy="See above."
        )
