"""``scar rm``: remove functions."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from scar.cli.deployment import show_plan
from scar.cli.fdl_files import connect_names
from scar.cli.options import (
    fdl_option,
    notification_options,
    output_options,
    pass_session,
    require_one_of,
    target_options,
)
from scar.cli.prompts import require_confirmation
from scar.cli.run_selection.run_options import names_option
from scar.errors import ScarError
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.deploy.remove import RemovalOptions
    from scar.aws.model.plan import Plan
    from scar.cli.session import Session


@click.command()
@names_option()
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
    names: Sequence[str],
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
      scar rm -n gray -n thumbnails --keep-logs
    """
    require_one_of({"-n NAME": names, "-f FILE": file, "-a": everything})
    from scar.aws.deploy.remove import RemovalOptions

    named = tuple(dict.fromkeys(names))
    connection, names, buckets = _connect_selection(session, named, file)
    options = RemovalOptions(buckets=buckets, force=force, keep_logs=keep_logs)
    if len(named) > 1 and not force:
        _require_all(session, connection, named, options)
    if names and not (dry_run or yes):
        _confirm(session, names, everything=everything, keep_logs=keep_logs)
    plan = session.services.remove(
        names,
        connection,
        session.terminal.write_message,
        options,
        dry_run=dry_run,
    )
    # With --force an absent function is no error, as with `rm -f`.
    absent = [] if force else _find_absent(named, plan)
    removed = [name for name in names if name not in absent]
    if removed or not absent:
        show_plan(session, plan, dry_run=dry_run)
        if not dry_run:
            _report_removed(session, removed if plan else (), keep_logs=keep_logs)
    if absent:
        _raise_absent(session, connection, absent)


def _require_all(
    session: Session, connection: AwsConnection, names: Sequence[str], options: RemovalOptions
) -> None:
    """Raise ScarError if there is nothing of one of the functions, before another is removed."""
    known = session.services.list_function_names(connection)
    if {*names} <= {*known}:
        return
    # An interrupted removal may have left behind other resources of those that do not exist.
    report = session.terminal.write_message
    plan = session.services.remove(names, connection, report, options, dry_run=True)
    if absent := [name for name in _find_absent(names, plan) if name not in known]:
        _raise_absent(session, connection, absent, "Nothing was removed. ")


def _raise_absent(
    session: Session, connection: AwsConnection, absent: Sequence[str], state: str = ""
) -> NoReturn:
    for name in absent:
        session.services.raise_if_made_by_scar4(connection, name)
    raise _absent_error(absent, session.services.list_function_names(connection), state)


def _find_absent(names: Sequence[str], plan: Plan) -> list[str]:
    """Return the names without any resource in the plan of their removal."""
    if not plan or len(names) < 2:
        return [] if plan else list(names)
    owners = {*plan.owners.values()}
    # What an interrupted removal left behind, such as a role, has the name but no owner.
    others = [k.name for c in plan.changes if (k := c.resource.key) not in plan.owners]
    return [
        name
        for name in names
        if owners
        and name not in owners
        and not any(re.search(rf"(^|/){re.escape(name)}($|-)", other) for other in others)
    ]


def _absent_error(names: Sequence[str], known: Sequence[str], state: str) -> ScarError:
    sentences = (
        f"There is no function {name}, nor any resource of one{suggest_name(name, known) or '.'}"
        for name in names
    )
    return ScarError(
        "\n".join(sentences), remedy=f"{state}`scar ls` lists the functions of the account."
    )


def _report_removed(session: Session, names: Sequence[str], *, keep_logs: bool) -> None:
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
        declined="Nothing was removed.",
    )


def _connect_selection(
    session: Session, names: Sequence[str], file: Path | None
) -> tuple[AwsConnection, Sequence[str], frozenset[str]]:
    """Connect; return the functions, and the file's buckets, which are removed if empty."""
    if file is None:
        connection = session.connect()
        return connection, names or session.services.list_function_names(connection), frozenset()
    connection, document = connect_names(session, file)
    specs = [entry.lambda_ for entry in document.functions.aws]
    # Of the account only: a folder of another store may have the name of a bucket.
    buckets = frozenset(
        s.bucket
        for spec in specs
        for s in (*spec.input, *spec.output)
        if document.storage_providers.is_account_s3(s)
    )
    return connection, [spec.name for spec in specs], buckets
