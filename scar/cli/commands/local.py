"""``scar local``: start, stop and inspect the local cloud of this machine."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from scar.cli.formatting import align_fields
from scar.cli.options import output_options, pass_session, target_options
from scar.cli.prompts import require_confirmation
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.cli.session import Session


@click.group()
def local() -> None:
    """Start, stop and inspect the local cloud.

    The local cloud provides the AWS APIs that scar uses, on this machine, without an account.
    Use it with `scar --local`.
    """


@local.command()
@click.option(
    "--engine",
    default="",
    help="Container engine: docker, sandbox or process. Default: the best one available.",
)
@target_options
@pass_session
def start(session: Session, engine: str) -> None:
    """Start the local cloud.

    Commands with --local start it automatically.
    """
    cloud = session.services.local_cloud().ensure_started(engine)
    session.terminal.write_message(f"Running: {cloud.description}")


@local.command()
@target_options
@pass_session
def stop(session: Session) -> None:
    """Stop the local cloud and keep its data.

    Running functions and jobs are stopped; buckets, functions and logs are kept.
    """
    stopped = session.services.local_cloud().stop()
    session.terminal.write_message("Stopped." if stopped else "The local cloud was not running.")


@local.command()
@output_options
@target_options
@pass_session
def status(session: Session) -> None:
    """Show the state of the local cloud.

    The output also lists its contents, and what it does not emulate.
    """
    found = session.services.local_cloud().status()
    if session.json:
        session.terminal.write_json({"running": found is not None, **(found or {})})
        return
    if found is None:
        session.terminal.write_data(
            "Not running. Start it with `scar local start`, or use any command with --local."
        )
        return
    for line in _status_lines(found):
        session.terminal.write_data(line)


@local.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@target_options
@pass_session
def reset(session: Session, *, yes: bool) -> None:
    """Stop the local cloud and delete its data.

    All buckets, functions, jobs and logs are deleted.
    """
    control = session.services.local_cloud()
    if not yes:
        require_confirmation(
            f"Delete everything in {control.home.path}?",
            refusal="reset asks for confirmation, but stdin is not a terminal: add --yes.",
        )
    control.reset()
    session.terminal.write_message("The local cloud is empty.")


@local.command()
@target_options
@pass_session
def env(session: Session) -> None:
    """Print environment variables for the AWS CLI and SDKs.

    \b
    Examples:
      eval "$(scar local env)" && aws s3 ls
    """
    cloud = session.services.local_cloud().find()
    if cloud is None:
        raise ScarError("The local cloud is not running.", remedy="Run `scar local start`.")
    values = {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": cloud.access_key,
        "AWS_SECRET_ACCESS_KEY": cloud.secret_key,
        "AWS_REGION": cloud.region,
        "AWS_DEFAULT_REGION": cloud.region,
    }
    for name, value in values.items():
        session.terminal.write_data(f"export {name}={shlex.quote(value)}")


def _status_lines(found: Mapping[str, object]) -> Iterable[str]:
    """Yield simple values as a table, then each list or mapping under its name."""
    yield from align_fields(
        {_label(k): _format_value(v) for k, v in found.items() if not _is_nested(v)}
    )
    for name, value in found.items():
        if not _is_nested(value):
            continue
        lines = _status_lines(value) if isinstance(value, dict) else _bullet_list(value)
        yield f"\n{_label(name).capitalize()}:"
        yield from (f"  {line}" for text in lines for line in text.splitlines() if line)


def _bullet_list(values: object) -> Iterable[str]:
    return [f"- {value}" for value in values] if isinstance(values, list | tuple) else ()


def _is_nested(value: object) -> bool:
    return isinstance(value, dict | list | tuple) and bool(value)


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in ({}, [], (), None, "") else str(value)


def _label(name: str) -> str:
    return name.replace("_", " ")
