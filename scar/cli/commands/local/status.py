"""``scar local status``: show the state of the local cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.formatting import align_fields
from scar.cli.options import output_options, pass_session, target_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.cli.session import Session


@click.command()
@output_options
@target_options
@pass_session
def status(session: Session) -> None:
    """Show the state of the local cloud.

    The output also lists its contents, and what it does not emulate.

    \b
    Examples:
      scar local status
      scar local status -j
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
