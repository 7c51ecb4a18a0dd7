"""Options that several commands have."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scar.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")  # as click has it

pass_session = click.make_pass_decorator(Session)


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Put the value into the session; what is not given leaves what stands before the verb."""
    session = context.find_object(Session)
    if session is not None and value and parameter.name:
        setattr(session, parameter.name, value)


def target_options(function: F) -> F:
    """Add what says where to talk to; valid before and after the verb."""
    option = partial(click.option, expose_value=False, callback=_keep)
    for decorate in (
        option("--debug", is_flag=True, help="Show tracebacks."),
        option("--endpoint-url", metavar="URL", help="Where AWS's APIs answer."),
        option("-pf", "--profile", metavar="NAME", help="AWS profile."),
        option("--region", metavar="NAME", help="AWS Region."),
        option(
            "--stage",
            metavar="NAME",
            envvar="SCAR_STAGE",
            help="Stage, such as dev or prod: ${stage}; also SCAR_STAGE.",
        ),
        option(
            "--local",
            is_flag=True,
            envvar="SCAR_LOCAL",
            help="Use the local cloud on this machine; also SCAR_LOCAL=1.",
        ),
    ):
        function = decorate(function)
    return function


def _output(context: click.Context, parameter: click.Parameter, value: object) -> None:
    del parameter
    session = context.find_object(Session)
    if session is not None and value in (True, "json"):
        session.json = True


def output_options(function: F) -> F:
    """Add the choice between a table for people and JSON."""
    option = partial(click.option, expose_value=False, callback=_output)
    for decorate in (
        option("-v", "--verbose", is_flag=True, hidden=True),
        option("-j", "--json", is_flag=True, help="The same as --output json."),
        option(
            "--output",
            type=click.Choice(["table", "json"]),
            default="table",
            show_default=True,
            help="Form of the data on stdout.",
        ),
    ):
        function = decorate(function)
    return function


def bucket_option(help_: str, *, required: bool = True) -> Callable[[F], F]:
    return click.option("-b", "--bucket", required=required, metavar="BUCKET[/FOLDER]", help=help_)


def owner_option(function: F) -> F:
    """Add whose the bucket is; called as AWS calls it."""
    return click.option(
        "--expected-bucket-owner",
        "owner",
        metavar="ACCOUNT",
        callback=_account,
        help="Account that the bucket belongs to, if it is not your own.",
    )(function)


def _account(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value and not re.fullmatch(r"\d{12}", value):
        raise click.BadParameter(f"{value!r} is not 12 digits", context, parameter)
    return value or ""


def fdl_option(function: F) -> F:
    return click.option(
        "-f", "--conf-file", "file", type=click.Path(path_type=Path), help="FDL file."
    )(function)


def one_of(given: dict[str, object]) -> None:
    """Raise a usage error unless exactly one of the options has a value."""
    named = [name for name, value in given.items() if value]
    if len(named) == 1:
        return
    names = " or ".join(given)
    if not named:
        raise click.UsageError(f"Give {names}.", click.get_current_context())
    raise click.UsageError(
        f"{' and '.join(named)} exclude each other.", click.get_current_context()
    )


def variables(
    context: click.Context, parameter: click.Parameter, value: Sequence[str]
) -> dict[str, str]:
    """Read ``NAME=value`` options; the value may hold further equals signs."""
    found = {}
    for text in value:
        name, equals, content = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=value", context, parameter)
        found[name] = content
    return found
