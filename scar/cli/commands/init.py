"""``scar init`` and ``scar update``: create or update functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.deployment import deploy_functions
from scar.cli.function_flags import FunctionFlags
from scar.cli.function_options import (
    NEW_NAME,
    dry_run_option,
    function_options,
    name_option,
    refresh_option,
    unused_options,
)
from scar.cli.options import (
    fdl_option,
    missing_option,
    notification_options,
    output_options,
    pass_session,
    target_options,
)

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.session import Session


@click.command()
@fdl_option
@name_option(NEW_NAME)
@function_options
@dry_run_option
@refresh_option
@notification_options
@output_options
@target_options
@pass_session
def init(
    session: Session,
    /,
    file: Path | None,
    *,
    dry_run: bool,
    refresh: bool,
    yes: bool,
    **flags: object,
) -> None:
    """Create or update functions.

    Functions are described by an FDL file (-f), by options, or by both: an option overrides the
    file's value, a list replaces the file's list. Resources that are up to date are not changed.
    If a step fails, the steps before it are undone.

    If the last init applied the same file less than a day ago, only a part of the resources is
    read to see whether somebody has changed them; plan and --refresh read all.

    \b
    Examples:
      scar init -f thumbnails.yaml
      scar init -f thumbnails.yaml -m 2048 --dry-run
      scar init -n gray -i debian:12 -s gray.sh -ib photos/in -ob photos/out
    """
    del yes
    deploy_functions(
        session,
        file,
        FunctionFlags(**flags),  # type: ignore[arg-type]
        dry_run=dry_run,
        refresh=refresh,
    )


@click.command()
@fdl_option
@click.option("-a", "--all", "everything", is_flag=True, hidden=True)
@unused_options("update")
@name_option(NEW_NAME)
@function_options
@dry_run_option
@refresh_option
@notification_options
@output_options
@target_options
@pass_session
def update(
    session: Session,
    /,
    file: Path | None,
    *,
    everything: bool,
    dry_run: bool,
    refresh: bool,
    yes: bool,
    **flags: object,
) -> None:
    """Update functions; the same as init -f.

    Functions and resources that the file describes and that do not exist are created. Resources
    that are up to date are not changed.

    \b
    Examples:
      scar update -f thumbnails.yaml
      scar update -f thumbnails.yaml -m 2048 --dry-run
    """
    del yes
    if file is None or everything:
        raise missing_option(
            "-f FILE", hint="`scar update -f FILE` is the same as `scar init -f FILE`."
        )
    deploy_functions(
        session,
        file,
        FunctionFlags(**flags),  # type: ignore[arg-type]
        dry_run=dry_run,
        refresh=refresh,
    )
