"""Options that several commands share, and checks of option values."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from scar.aws.model.limits import SSE_ALGORITHMS
from scar.cli.completion import values
from scar.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")  # the signature of a command, as in click
Completion: TypeAlias = "Callable[[click.Context, click.Parameter, str], list[str]]"

pass_session = click.make_pass_decorator(Session)


class TextOption(click.Option):
    """An option whose value may be empty, such as a description."""


class WordsArgument(click.Argument):
    """Words of another program's command line, which may be empty."""


def target_options(function: F) -> F:
    """Add the options that select the account, Region and endpoint.

    ``scar`` and each of its commands have them: users write them before or after the command.
    """
    option = partial(click.option, expose_value=False, callback=_store_option)
    for decorate in (
        option("--debug", is_flag=True, help="Show a traceback after an error."),
        option(
            "--endpoint-url", metavar="URL", help="Endpoint of the AWS APIs, instead of AWS's own."
        ),
        option(
            "-pf",
            "--profile",
            metavar="NAME",
            help="AWS profile.",
            shell_complete=values.complete_profile,
        ),
        option(
            "--region", metavar="NAME", help="AWS Region.", shell_complete=values.complete_region
        ),
        option(
            "--stage",
            metavar="NAME",
            envvar="SCAR_STAGE",
            help="Stage, such as dev or prod: the value of ${stage}; also SCAR_STAGE.",
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


def _store_option(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Set the session's field; an absent option keeps the value from before the command."""
    session = context.find_object(Session)
    if session is not None and value and parameter.name:
        setattr(session, parameter.name, value)


def output_options(function: F) -> F:
    """Add the choice between a table for people and JSON."""
    option = partial(click.option, expose_value=False, callback=_store_output_format)
    for decorate in (
        option("-v", "--verbose", is_flag=True, hidden=True),
        option("-j", "--json", is_flag=True, help="Short for --output json."),
        option(
            "--output",
            type=click.Choice(["table", "json"]),
            default="table",
            show_default=True,
            help="Format of the data on stdout.",
        ),
    ):
        function = decorate(function)
    return function


def _store_output_format(context: click.Context, parameter: click.Parameter, value: object) -> None:
    del parameter
    session = context.find_object(Session)
    # --verbose is SCAR's name for --json.
    if session is not None and value in (True, "json"):
        session.json = True


def notification_options(function: F) -> F:
    """Add the option for buckets whose notifications S3 rejects because of another tool's rule."""
    return click.option(
        "--skip-destination-validation",
        is_flag=True,
        expose_value=False,
        callback=_store_option,
        help="Write bucket notifications although the target of another rule does not exist.",
    )(function)


def bucket_option(help_: str, *, required: bool = True) -> Callable[[F], F]:
    """Add -b BUCKET[/FOLDER]."""
    return click.option(
        "-b",
        "--bucket",
        required=required,
        metavar="BUCKET[/FOLDER]",
        help=help_,
        shell_complete=values.complete_folder,
    )


def function_option(
    help_: str = "Name of the function.",
    *,
    required: bool = False,
    complete: Completion = values.complete_function,
) -> Callable[[F], F]:
    """Add -n NAME, the name of a deployed function, or of another that ``complete`` returns."""
    return click.option(
        "-n",
        "--name",
        required=required,
        metavar="NAME",
        help=help_,
        shell_complete=complete,
    )


def owner_option(function: F) -> F:
    """Add the option for buckets of other accounts, named as in the AWS CLI."""
    return click.option(
        "--expected-bucket-owner",
        "owner",
        metavar="ACCOUNT",
        callback=_check_account_id,
        help="AWS account that owns the bucket, if it is not yours.",
    )(function)


def encryption_options(function: F) -> F:
    """Add the options for server-side encryption, named as in the AWS CLI."""
    for decorate in (
        click.option(
            "--sse-kms-key-id",
            metavar="KEY",
            expose_value=False,
            callback=_store_option,
            help="ID or ARN of the key for aws:kms.",
        ),
        click.option(
            "--sse",
            type=click.Choice(SSE_ALGORITHMS),
            expose_value=False,
            callback=_store_option,
            help="Server-side encryption to request, if the bucket's policy requires it; also"
            " SCAR_SSE.",
        ),
    ):
        function = decorate(function)
    return function


def _check_account_id(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value and not re.fullmatch(r"\d{12}", value):
        raise click.BadParameter(f"{value!r} is not an account id of 12 digits", context, parameter)
    return value or ""


def fdl_option(function: F) -> F:
    """Add -f FILE."""
    return click.option(
        "-f", "--conf-file", "file", type=click.Path(path_type=Path), help="FDL file."
    )(function)


def missing_option(*options: str, hint: str = "") -> click.UsageError:
    """Return the error for a command without any of these options: ``-f FILE``, ``-a`` …

    ``hint`` is a further sentence.
    """
    names = " or ".join(part for part in (", ".join(options[:-1]), options[-1]) if part)
    message = f"Missing option: {names}.{' ' if hint else ''}{hint}"
    return click.UsageError(message, click.get_current_context(silent=True))


def require_one_of(options: dict[str, object]) -> None:
    """Raise a usage error unless exactly one of these options has a value.

    Keys are options as in the help: ``-n NAME``, ``-a``.
    """
    present = [name.split()[0] for name, value in options.items() if value]
    if len(present) == 1:
        return
    if not present:
        raise missing_option(*options)
    raise click.UsageError(
        f"{' and '.join(present)} are mutually exclusive.", click.get_current_context()
    )


def refuse_together(options: dict[str, object], reason: str) -> None:
    """Raise a usage error if both of these options have a value.

    Keys are options as in the help; ``reason`` is a clause: why the first would have no effect.
    """
    if all(options.values()):
        first, second = (n.split()[0] if n.startswith("-") else n for n in options)
        raise click.UsageError(
            f"{first} has no effect with {second}: {reason}. Omit one of them.",
            click.get_current_context(silent=True),
        )


def is_given(parameter: str) -> bool:
    """Whether the parameter of the current command has a value from the command line."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE


def parse_variables(
    context: click.Context, parameter: click.Parameter, value: Sequence[str]
) -> dict[str, str]:
    """Parse ``NAME=value`` options; the value may contain further equals signs."""
    variables = {}
    for text in value:
        name, equals, content = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=value", context, parameter)
        if name in variables:
            raise click.BadParameter(f"{name} was given twice", context, parameter)
        variables[name] = content
    return variables
