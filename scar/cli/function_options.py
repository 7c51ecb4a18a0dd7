"""Options that describe a function: those of init, plan, show and image compose."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scar.cli.options import TextOption, function_option, parse_variables
from scar.cli.session import Session
from scar.fdl.scar_words import table
from scar.fdl.scar_words.flags import unused_flags

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")
_FILE = click.Path(path_type=Path)


NEW_NAME = "Name of the function; with -f, instead of the name in the file."


def name_option(help_: str) -> Callable[[F], F]:
    """Add -n NAME; what the name is for depends on the command."""
    return function_option(help_)


def dry_run_option(function: F) -> F:
    """Add --dry-run."""
    return click.option("--dry-run", is_flag=True, help="Show the changes and stop.")(function)


def refresh_option(function: F) -> F:
    """Add --refresh."""
    return click.option(
        "--refresh",
        is_flag=True,
        help="Read all resources, also if the last init applied the same file less than a day ago.",
    )(function)


def function_options(function: F) -> F:
    """Add one option for each field of ``FunctionFlags`` except the name."""
    folder = partial(click.option, multiple=True, metavar="BUCKET[/FOLDER]")
    variable = partial(click.option, multiple=True, callback=parse_variables, metavar="NAME=VALUE")
    for decorate in reversed(
        (
            click.option(
                "-d", "--description", cls=TextOption, help="Description of the function."
            ),
            click.option("-i", "--image", help="Container image, such as debian:12."),
            click.option(
                "-if", "--image-file", type=_FILE, help="Image as a file of `docker save`."
            ),
            click.option("-s", "--init-script", type=_FILE, help="Script to run on each file."),
            click.option(
                "-ep", "--extra-payload", type=_FILE, help="Folder to copy next to the script."
            ),
            click.option("-m", "--memory", type=int, help="Memory in Lambda, in MB."),
            click.option("-t", "--timeout", type=int, help="Timeout in Lambda, in seconds."),
            click.option(
                "-tt",
                "--timeout-threshold",
                type=int,
                help="Seconds reserved to stop the script and upload its output.",
            ),
            click.option("-ll", "--log-level", help="DEBUG, INFO, WARNING, ERROR or CRITICAL."),
            click.option("-em", "--execution-mode", help="lambda, lambda-batch or batch."),
            variable(
                "-e", "--environment", help="Environment variable of the script; may be repeated."
            ),
            variable(
                "-le",
                "--lambda-environment",
                help="Environment variable of the Lambda function; may be repeated.",
            ),
            folder("-ib", "--input-bucket", help="Input folder; may be repeated."),
            folder("-ob", "--output-bucket", help="Output folder; may be repeated."),
            click.option("-r", "--iam-role", metavar="ARN", help="IAM role for Lambda and Batch."),
            click.option("-bm", "--batch-memory", type=int, help="Memory in Batch, in MiB."),
            click.option("-bc", "--batch-vcpus", type=float, help="vCPUs in Batch."),
            click.option("-g", "--enable-gpu", is_flag=True, help="One GPU for each Batch job."),
            click.option(
                "-api",
                "--api-gateway-name",
                metavar="NAME",
                help="Name of an HTTP API that calls the function.",
            ),
            click.option("-y", "--yes", is_flag=True, hidden=True),
        )
    ):
        function = decorate(function)
    return unused_options("init")(function)


def unused_options(command: str) -> Callable[[F], F]:
    """Add SCAR's options of a command that have no effect, so that its users' scripts keep working.

    Each says so once.
    """

    def decorate(function: F) -> F:
        for flag in unused_flags(command):
            function = click.option(
                flag.short,
                flag.long,
                is_flag=not flag.has_value,
                multiple=flag.has_value,
                expose_value=False,
                hidden=True,
                cls=TextOption,
                callback=partial(_name_unused, flag.word.text),
            )(function)
        return function

    return decorate


def _name_unused(
    reason: str, context: click.Context, parameter: click.Parameter, value: object
) -> None:
    session = context.find_object(Session)
    if value and session is not None:
        session.terminal.write_message(f"{parameter.opts[-1]} is {table.NOT_USED}: {reason}.")
