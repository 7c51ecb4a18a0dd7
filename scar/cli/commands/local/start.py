"""``scar local start``: start the local cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.options import TextOption, output_options, pass_session, target_options
from scar.errors import UsageError

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.option(
    "--engine",
    default="",
    help="Container engine: docker, sandbox or process. Default: that of the last start, "
    "at first the best one available.",
)
@click.option(
    "--chaos",
    cls=TextOption,  # refused below, with a hint
    default=None,
    is_flag=False,
    flag_value="random",
    metavar="[SEED]",
    help="Behave like AWS on a bad day: delays, duplicates, throttling, lost hosts. "
    "--chaos=SEED repeats a run.",
)
@output_options
@target_options
@pass_session
def start(session: Session, engine: str, chaos: str | None) -> None:
    """Start the local cloud.

    Commands with --local start it automatically.

    \b
    Examples:
      scar local start
      scar local start --chaos
      scar local start --chaos=42
    """
    if chaos == "":
        raise UsageError("--chaos= has no seed.", remedy="Use --chaos, or --chaos=42.")
    cloud = session.services.local_cloud().ensure_started(engine, chaos or "")
    session.terminal.write_message(f"Running: {cloud.description}")
    if session.json:
        session.terminal.write_json(
            {
                "running": True,
                "endpoint_url": cloud.endpoint_url,
                "region": cloud.region,
                "chaos": cloud.chaos,
            }
        )
    if cloud.chaos:
        session.terminal.write_message(
            f"Repeat this run: scar local reset --yes && scar local start --chaos={cloud.chaos}"
        )
