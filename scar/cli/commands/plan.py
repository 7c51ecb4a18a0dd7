"""``scar plan``: show what init would change, including drift."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from scar.cli.command_group import TranslatingCommand
from scar.cli.deployment import deploy_functions
from scar.cli.function_flags import FunctionFlags
from scar.cli.function_options import NEW_NAME, function_options, name_option
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scar.cli.session import Session

_DETAILED = "--detailed-exitcode"
_HAS_CHANGES = 2


class PlanUsageError(click.UsageError):
    """A usage error with exit status 1: with --detailed-exitcode, 2 means changes."""

    exit_code = 1


class PlanCommand(TranslatingCommand):
    """A command whose options are parsed under the rule of --detailed-exitcode."""

    def translate_usage_errors(
        self, args: Sequence[str]
    ) -> contextlib.AbstractContextManager[None]:
        """Raise PlanUsageError for a usage error if the arguments have --detailed-exitcode."""
        # A wrong option is found before --detailed-exitcode is parsed, so look at the text.
        return _translated_usage_errors(_DETAILED in args)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Parse the options; raise PlanUsageError if they are wrong."""
        with self.translate_usage_errors(args):
            return super().make_context(info_name, args, parent, **extra)


@contextlib.contextmanager
def _translated_usage_errors(detailed: bool) -> Iterator[None]:
    try:
        yield
    except (click.UsageError, UsageError) as error:
        if detailed:
            raise PlanUsageError(str(error)) from error
        raise


@click.command(cls=PlanCommand)
@fdl_option
@name_option(NEW_NAME)
@function_options
@click.option(
    _DETAILED,
    "detailed",
    is_flag=True,
    help="Exit with 2 if there are changes, 0 if there are none, another status after an error.",
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
    yes: bool,
    **flags: object,
) -> None:
    """Show what init would change.

    The plan includes drift: changes that were made outside scar since the last init. Nothing is
    changed.

    \b
    Examples:
      scar plan -f thumbnails.yaml
      scar plan -f thumbnails.yaml --detailed-exitcode || echo "run scar init"
    """
    del yes
    with _translated_usage_errors(detailed):
        changes = deploy_functions(session, file, FunctionFlags(**flags), dry_run=True)  # type: ignore[arg-type]
    if detailed and changes:
        context.exit(_HAS_CHANGES)
