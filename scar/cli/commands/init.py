"""``scar init``: create or change functions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scar.cli.fdl_files import connect_document
from scar.cli.function_flags import Flags
from scar.cli.options import (
    fdl_option,
    output_options,
    pass_session,
    target_options,
    variables,
)
from scar.cli.output import count
from scar.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.plan import Plan

F = TypeVar("F", bound="Callable[..., Any]")
_FILE = click.Path(path_type=Path)


def function_options(function: F) -> F:
    folder = partial(click.option, multiple=True, metavar="BUCKET[/FOLDER]")
    variable = partial(click.option, multiple=True, callback=variables, metavar="NAME=VALUE")
    for decorate in reversed(
        (
            click.option("-n", "--name", help="Name of the function."),
            click.option("-d", "--description", help="Words for people."),
            click.option("-i", "--image", help="Image, such as debian:12."),
            click.option("-if", "--image-file", type=_FILE, help="Image as `docker save` writes."),
            click.option("-s", "--init-script", type=_FILE, help="Script to run on each file."),
            click.option("-m", "--memory", type=int, help="MB of memory in Lambda."),
            click.option("-t", "--timeout", type=int, help="Seconds that Lambda gives a run."),
            click.option(
                "-tt", "--timeout-threshold", type=int, help="Seconds kept for the script's end."
            ),
            click.option("-ll", "--log-level", help="DEBUG, INFO, WARNING, ERROR or CRITICAL."),
            click.option("-em", "--execution-mode", help="lambda, lambda-batch or batch."),
            variable("-e", "--environment", help="Variable for the script; may be repeated."),
            variable("-le", "--lambda-environment", help="Variable of the Lambda function."),
            folder("-ib", "--input-bucket", help="Input folder; may be repeated."),
            folder("-ob", "--output-bucket", help="Output folder; may be repeated."),
            click.option("-r", "--iam-role", metavar="ARN", help="Role to use for everything."),
            click.option("-bm", "--batch-memory", type=int, help="MiB of memory in Batch."),
            click.option("-bc", "--batch-vcpus", type=float, help="vCPUs in Batch."),
            click.option("-g", "--enable-gpu", is_flag=True, help="One GPU for each Batch job."),
            click.option("--dry-run", is_flag=True, help="Show what would be done."),
            click.option("-y", "--yes", is_flag=True, hidden=True),
        )
    ):
        function = decorate(function)
    return _unused(function)


def _unused(function: F) -> F:
    """Add options of SCAR that have no meaning here: accepted, and said so."""

    def tell(context: click.Context, parameter: click.Parameter, value: object) -> None:
        session = context.find_object(Session)
        if value and session is not None:
            session.terminal.say(f"{parameter.opts[-1]} has no effect: images need none of it.")

    option = partial(click.option, expose_value=False, hidden=True, callback=tell)
    for decorate in (
        option("-l", "--layers", multiple=True),
        option("-sv", "--supervisor-version"),
        option("-rt", "--runtime"),
        option("-db", "--deployment-bucket"),
        option("-ep", "--extra-payload"),
        option("-ph", "--preheat", is_flag=True),
    ):
        function = decorate(function)
    return function


@click.command()
@fdl_option
@function_options
@output_options
@target_options
@pass_session
def init(
    session: Session, /, file: Path | None, *, dry_run: bool, yes: bool, **flags: object
) -> None:
    """Create or change functions.

    From an FDL file (-f), from flags alone, or both: flags go over the values of the file, a list
    replaces the list. What is as it shall be is left alone; a step that fails is undone.
    """
    del yes
    deploy_functions(session, file, Flags(**flags), dry_run=dry_run)  # type: ignore[arg-type]


@click.command()
@fdl_option
@click.option("-a", "--all", "everything", is_flag=True, hidden=True)
@function_options
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
    yes: bool,
    **flags: object,
) -> None:
    """Change functions; the same as init -f."""
    del yes
    if file is None or everything:
        raise click.UsageError(
            "Give the FDL file of the functions: scar update -f FILE. It is the same as scar init."
        )
    deploy_functions(session, file, Flags(**flags), dry_run=dry_run)  # type: ignore[arg-type]


def deploy_functions(session: Session, file: Path | None, flags: Flags, *, dry_run: bool) -> Plan:
    """Deploy what the file and the flags describe, or only say what would be done."""
    connection, document = connect_document(session, file, flags)
    from scar.aws.described import functions_of

    functions = functions_of(document)
    done = session.world.deploy(
        functions,
        connection,
        session.terminal.say,
        dry_run=dry_run,
        progress=session.terminal.progress,
    )
    show_plan(session, done, dry_run=dry_run)
    if not dry_run:
        names = ", ".join(function.name for function in functions)
        state = "Ready" if done else "Already as described"
        session.terminal.say(f"{state}: {names}")
    return done


def show_plan(session: Session, plan: Plan, *, dry_run: bool) -> None:
    """Show a plan as data if it is what was asked for; else only how much was done."""
    if session.json:
        session.terminal.data(plan.to_json())
    elif dry_run:
        session.terminal.data(plan.tree())
    elif plan:
        session.terminal.say(f"Done: {count(len(plan.changes), 'change')}.")
