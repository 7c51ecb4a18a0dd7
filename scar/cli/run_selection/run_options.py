"""Options that select functions and times: -n and --since."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scar.cli.completion.values import complete_function
from scar.cli.formatting import escape_control_characters
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


F = TypeVar("F", bound="Callable[..., Any]")
_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_RUN_ID = re.compile(r"[0-9a-f]{6,}(-[0-9a-f-]*)?$|[^/]+/\d{4}-\d{2}-\d{2}/[^/]+$")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def since_option(function: F) -> F:
    """Add --since TIME."""
    return click.option(
        "--since",
        metavar="TIME",
        help="Only from this time on: 90m, 2h or 3d ago, or 2026-11-24T13:00 (UTC).",
    )(function)


def parse_since(text: str | None) -> datetime | None:
    """Parse the value of --since; raise UsageError if it is not a time."""
    return parse_time(text, datetime.now(UTC)) if text else None


def parse_time(text: str, now: datetime) -> datetime:
    """Parse a time before ``now`` (``90m``, ``2h``, ``3d``) or an ISO 8601 date or time.

    A time without an offset is UTC. Raise UsageError for anything else.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now - timedelta(seconds=int(ago[1]) * _UNIT_SECONDS[ago[2]])
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a time.",
            remedy="Write how long ago (90m, 2h, 3d) or when (2026-11-24, 2026-11-24T13:00).",
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def names_option(help_: str = "Name of a function; several times for several.") -> Callable[[F], F]:
    """Add -n NAME, which may be repeated."""
    return click.option(
        "-n",
        "--name",
        "names",
        multiple=True,
        metavar="NAME",
        help=help_,
        shell_complete=complete_function,
    )


class NameOptionCommand(click.Command):
    """A command without arguments: for a name behind it, the error is which option takes it."""

    allow_extra_args = True  # refused below, with a hint

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does; raise UsageError for arguments, also for more than one."""
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            name = ctx.args[0]
            has_runs = any("--run" in parameter.opts for parameter in self.params)
            text = escape_control_characters(name)
            is_file, is_run = name.startswith("s3://"), bool(_RUN_ID.match(name))
            if (is_file or is_run) and not has_runs:
                hint = f"`scar why {shlex.quote(text)}` shows its runs."
            else:
                option = "--file" if is_file else "--run" if is_run else "-n"
                hint = f"use {option} {shlex.quote(text)}."
            raise click.UsageError(f"Unexpected argument {text!r}: {hint}", ctx)
        return rest
