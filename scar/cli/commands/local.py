"""``scar local``: the local cloud of this machine."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import click

from scar.cli.options import output_options, pass_session, target_options
from scar.cli.output import fields
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.cli.session import Session


@click.group()
def local() -> None:
    """Start, stop and look at the local cloud."""


@local.command()
@click.option("--engine", default="", help="docker, sandbox or process; else the best there is.")
@target_options
@pass_session
def start(session: Session, engine: str) -> None:
    """Start it; other commands do so themselves."""
    cloud = session.world.control().ensure_started(engine)
    session.terminal.say(f"Running: {cloud.description}")


@local.command()
@target_options
@pass_session
def stop(session: Session) -> None:
    """Stop it and everything it runs; buckets and functions stay."""
    stopped = session.world.control().stop()
    session.terminal.say("Stopped." if stopped else "It was not running.")


@local.command()
@output_options
@target_options
@pass_session
def status(session: Session) -> None:
    """Show whether it runs, what it holds, and what it does not emulate."""
    found = session.world.control().status()
    if session.json:
        session.terminal.json({"running": found is not None, **(found or {})})
        return
    if found is None:
        session.terminal.data("Not running. `scar local start` starts it, and so does --local.")
        return
    for line in _described(found):
        session.terminal.data(line)


@local.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@target_options
@pass_session
def reset(session: Session, *, yes: bool) -> None:
    """Stop it and forget its buckets, functions, jobs and logs."""
    control = session.world.control()
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("reset asks before it forgets; add --yes.")
        click.confirm(f"Forget everything in {control.home.path}?", abort=True, err=True)
    control.reset()
    session.terminal.say("The local cloud is empty.")


@local.command()
@target_options
@pass_session
def env(session: Session) -> None:
    """Print variables for other programs: eval "$(scar local env)"."""
    cloud = session.world.control().find()
    if cloud is None:
        raise ScarError("The local cloud does not run.", remedy="Run `scar local start`.")
    values = {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": cloud.access_key,
        "AWS_SECRET_ACCESS_KEY": cloud.secret_key,
        "AWS_REGION": cloud.region,
        "AWS_DEFAULT_REGION": cloud.region,
    }
    for name, value in values.items():
        session.terminal.data(f"export {name}={shlex.quote(value)}")


def _described(found: Mapping[str, object]) -> Iterable[str]:
    """Write simple values as a table, then every list or mapping under its name."""
    yield from fields({_words(k): _word(v) for k, v in found.items() if not _is_nested(v)})
    for name, value in found.items():
        if not _is_nested(value):
            continue
        lines = _described(value) if isinstance(value, dict) else _items(value)
        yield f"\n{_words(name).capitalize()}:"
        yield from (f"  {line}" for text in lines for line in text.splitlines() if line)


def _items(values: object) -> Iterable[str]:
    return [f"- {value}" for value in values] if isinstance(values, list | tuple) else ()


def _is_nested(value: object) -> bool:
    return isinstance(value, dict | list | tuple) and bool(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in ({}, [], (), None, "") else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")
