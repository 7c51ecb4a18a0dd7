"""``scar ls``: functions, and objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.options import (
    bucket_option,
    output_options,
    owner_option,
    pass_session,
    target_options,
)
from scar.cli.output import count, printable, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.connection import Connection
    from scar.aws.listing import FunctionSummary
    from scar.cli.session import Session
    from scar.transfer.objects import Entry
    from scar.transfer.place import Place


@click.command()
@bucket_option("List the objects here, instead of functions.", required=False)
@owner_option
@output_options
@target_options
@pass_session
def ls(session: Session, bucket: str | None, owner: str) -> None:
    """List functions, or the objects of a bucket."""
    if bucket is None:
        connection = session.connect()
        _functions(session, session.world.functions(connection))
        return
    from scar.transfer.place import Place

    place = Place.parse(bucket)
    _objects(session, session.connect(), place, owner)


def _functions(session: Session, functions: Iterable[FunctionSummary]) -> None:
    found = list(functions)
    if session.json:
        session.terminal.json(found)
        return
    if not found:
        session.terminal.say("There are no functions yet; `scar init -f FILE` makes some.")
        return
    rows = (
        (f.name, f.mode, f.image, f"{f.memory} MB", f"{f.timeout} s", ", ".join(map(str, f.inputs)))
        for f in found
    )
    head = ("NAME", "MODE", "IMAGE", "MEMORY", "TIMEOUT", "INPUT")
    session.terminal.table(head, rows, right="lllrrl")


def _objects(session: Session, connection: Connection, place: Place, owner: str) -> None:
    from scar.transfer.client import transfer_client
    from scar.transfer.objects import list_objects

    entries = list_objects(transfer_client(connection, owner), place)
    if session.json:
        session.terminal.json_rows(map(_row, entries))
        return
    files = total = 0
    for entry in entries:
        date = entry.modified.strftime("%Y-%m-%d %H:%M:%S")
        session.terminal.data(f"{size(entry.size):>9}  {date}  {printable(entry.key)}")
        files, total = files + 1, total + entry.size
    session.terminal.say(f"{count(files, 'object')}, {size(total)} in {place}")


def _row(entry: Entry) -> dict[str, object]:
    return {"key": entry.key, "size": entry.size, "modified": entry.modified}
