"""Which functions a command is about, and the options that say so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scar.cli.fdl_files import connect_names
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scar.aws.connection import Connection
    from scar.cli.session import Session

F = TypeVar("F", bound="Callable[..., Any]")


def since_option(function: F) -> F:
    return click.option(
        "--since", metavar="TIME", help="From then on: 90m, 2h, 3d ago, or 2026-11-24T13:00."
    )(function)


def moment(text: str | None) -> datetime | None:
    """Read --since."""
    from scar.runs.since import point_in_time

    return point_in_time(text, datetime.now(UTC)) if text else None


def connect(
    session: Session, name: str | None, file: Path | None
) -> tuple[Connection, tuple[str, ...]]:
    """Connect; return the functions that -n and -f name, none if neither is given."""
    if file is None:
        return session.connect(), (name,) if name else ()
    connection, document = connect_names(session, file)
    names = tuple(entry.lambda_.name for entry in document.functions.aws)
    if name and name not in names:
        raise UsageError(f"{file} has no function {name}.", remedy=f"It has {', '.join(names)}.")
    return connection, (name,) if name else names
