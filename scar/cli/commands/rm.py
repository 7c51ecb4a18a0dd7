"""``scar rm``: remove functions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from scar.cli.commands.init import show_plan
from scar.cli.fdl_files import connect_names
from scar.cli.options import fdl_option, one_of, output_options, pass_session, target_options
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.cli.session import Session


@click.command()
@click.option("-n", "--name", help="Name of the function.")
@fdl_option
@click.option("-a", "--all", "everything", is_flag=True, help="All functions of the account.")
@click.option("--force", is_flag=True, help="End jobs that still run.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_options
@target_options
@pass_session
def rm(  # noqa: PLR0913 one argument per option
    session: Session,
    name: str | None,
    file: Path | None,
    *,
    everything: bool,
    force: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Remove functions; buckets with data stay.

    What is theirs goes with them: images, roles, logs, triggers, queues nobody else uses.
    Refused while jobs of theirs run, unless --force ends them.
    """
    one_of({"-n": name, "-f": file, "-a": everything})
    buckets: frozenset[str] = frozenset()
    names: Sequence[str]
    if file is not None:
        connection, document = connect_names(session, file)
        specs = [entry.lambda_ for entry in document.functions.aws]
        names = [spec.name for spec in specs]
        buckets = frozenset(s.bucket for spec in specs for s in (*spec.input, *spec.output))
    else:
        connection = session.connect()
        names = [name] if name else session.world.every_function(connection)
    if everything and names and not (dry_run or yes):
        _ask(session, names)
    done = session.world.remove(
        names, connection, session.terminal.say, buckets=buckets, force=force, dry_run=dry_run
    )
    if name and not done and not force:
        raise ScarError(
            f"There is no function {name}, and nothing is left of one.",
            remedy="`scar ls` shows the functions there are.",
        )
    show_plan(session, done, dry_run=dry_run)
    if not dry_run:
        removed = f"Removed: {', '.join(names)}. Buckets with data stay."
        session.terminal.say(removed if names else "There is nothing to remove.")


def _ask(session: Session, names: Sequence[str]) -> None:
    session.terminal.say(f"To be removed: {', '.join(names)}")
    if not sys.stdin.isatty():
        raise click.UsageError("rm -a asks before it removes; add --yes where nobody can answer.")
    click.confirm("Remove them all?", abort=True, err=True)
