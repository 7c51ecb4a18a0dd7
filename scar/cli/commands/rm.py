"""``scar rm``: remove functions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from scar.cli.deployment import show_plan
from scar.cli.fdl_files import connect_names
from scar.cli.options import (
    fdl_option,
    function_option,
    notification_options,
    output_options,
    pass_session,
    require_one_of,
    target_options,
)
from scar.cli.prompts import require_confirmation
from scar.errors import ScarError
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session


@click.command()
@function_option()
@fdl_option
@click.option("-a", "--all", "everything", is_flag=True, help="All functions of the account.")
@click.option("--force", is_flag=True, help="Terminate jobs that are still running.")
@click.option("--keep-logs", is_flag=True, help="Keep the functions' logs.")
@click.option("--dry-run", is_flag=True, help="Show the changes and stop.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@notification_options
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
    keep_logs: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Remove functions; buckets with data stay.

    A function's images, roles, logs, triggers and unshared job queues are removed with it. With
    --keep-logs its logs stay until they expire; `scar log` shows them. Records of runs stay for 90
    days. The command fails while jobs of the functions are running, unless --force terminates
    them. On a terminal it asks for confirmation.

    \b
    Examples:
      scar rm -f thumbnails.yaml --dry-run
      scar rm -n gray --keep-logs
    """
    require_one_of({"-n NAME": name, "-f FILE": file, "-a": everything})
    from scar.aws.deploy.remove import RemovalOptions

    connection, names, buckets = _connect_selection(session, name, file)
    if names and not (dry_run or yes):
        _confirm(session, names, everything=everything, keep_logs=keep_logs)
    plan = session.services.remove(
        names,
        connection,
        session.terminal.write_message,
        RemovalOptions(buckets=buckets, force=force, keep_logs=keep_logs),
        dry_run=dry_run,
    )
    # With --force an absent function is no error, as with `rm -f`.
    if name and not plan and not force:
        known = session.services.list_function_names(connection)
        suggestion = suggest_name(name, known)
        raise ScarError(
            f"There is no function {name}, nor any resource of one{suggestion or '.'}",
            remedy="`scar ls` lists the functions of the account.",
        )
    show_plan(session, plan, dry_run=dry_run)
    if not dry_run:
        kept = "Buckets with data and logs stay." if keep_logs else "Buckets with data stay."
        removed = f"Removed: {', '.join(names)}. {kept}"
        session.terminal.write_message(removed if names else "There is nothing to remove.")


def _confirm(session: Session, names: Sequence[str], *, everything: bool, keep_logs: bool) -> None:
    """Ask before logs are deleted; scripts that name the functions are not asked."""
    if not (everything or sys.stdin.isatty()):
        return
    logs = "their logs stay" if keep_logs else "with their logs"
    session.terminal.write_message(f"Functions to remove, {logs}: {', '.join(names)}")
    require_confirmation(
        "Remove them?",
        refusal="rm --all asks for confirmation, but stdin is not a terminal: add --yes.",
    )


def _connect_selection(
    session: Session, name: str | None, file: Path | None
) -> tuple[AwsConnection, Sequence[str], frozenset[str]]:
    """Connect; return the functions, and the file's buckets, which are removed if empty."""
    if file is None:
        connection = session.connect()
        names = [name] if name else session.services.list_function_names(connection)
        return connection, names, frozenset()
    connection, document = connect_names(session, file)
    specs = [entry.lambda_ for entry in document.functions.aws]
    buckets = frozenset(s.bucket for spec in specs for s in (*spec.input, *spec.output))
    return connection, [spec.name for spec in specs], buckets
