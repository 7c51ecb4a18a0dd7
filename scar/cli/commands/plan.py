"""``scar plan``: what init would do, what somebody changed by hand included."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from scar.cli.commands.init import deploy_functions, function_options
from scar.cli.function_flags import Flags
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.cli.session import Session

_DETAILED = "--detailed-exitcode"
_CHANGES = 2


class _Misused(click.UsageError):
    """Where 2 means changes, a wrong command line must not look like them."""

    exit_code = 1


@contextlib.contextmanager
def _never_two(detailed: bool) -> Iterator[None]:
    try:
        yield
    except (click.UsageError, UsageError) as error:
        if detailed:
            raise _Misused(str(error)) from error
        raise


class _Detailed(click.Command):
    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        with _never_two(_DETAILED in args):
            return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_Detailed)
@fdl_option
@function_options
@click.option(
    _DETAILED, "detailed", is_flag=True, help="Exit with 2 if there are changes, never for else."
)
@output_options
@target_options
@pass_session
@click.pass_context
def plan(
    context: click.Context,
    session: Session,
    /,
    file: Path | None,
    *,
    detailed: bool,
    dry_run: bool,
    yes: bool,
    **flags: object,
) -> None:
    """Show what init would do.

    What somebody changed by hand since the last init is part of it. Nothing is changed.
    """
    del dry_run, yes
    with _never_two(detailed):
        todo = deploy_functions(session, file, Flags(**flags), dry_run=True)  # type: ignore[arg-type]
    if detailed and todo:
        context.exit(_CHANGES)
