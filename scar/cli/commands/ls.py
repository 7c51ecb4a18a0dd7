"""``scar ls``: list functions, or the objects of a bucket."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import click

from scar.cli.formatting import escape_control_characters, format_count, format_size
from scar.cli.options import (
    bucket_option,
    output_options,
    owner_option,
    pass_session,
    target_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session
    from scar.transfer.location import S3Location
    from scar.transfer.objects import ObjectSummary


@click.command()
@bucket_option("List the objects of this bucket or folder, not functions.", required=False)
@owner_option
@output_options
@target_options
@pass_session
def ls(session: Session, bucket: str | None, owner: str) -> None:
    """List functions, or the objects of a bucket.

    \b
    Examples:
      scar ls
      scar ls -b my-photos/thumbnails
    """
    if bucket is None:
        if owner:
            raise click.UsageError("--expected-bucket-owner is for -b BUCKET.")
        connection = session.connect()
        functions = _with_addresses(session, connection)
        _show_functions(session, functions)
        if not session.json:
            _show_unusable(session, connection, functions)
            _name_scar4_functions(session, connection)
        return
    from scar.transfer.location import S3Location

    place = S3Location.parse(bucket)
    from scar.transfer.suggestions import suggesting_buckets

    connection = session.connect()
    with suggesting_buckets(place, lambda: session.services.list_functions(connection)):
        _show_objects(session, connection, place, owner)


def _show_functions(session: Session, functions: Iterable[FunctionSummary]) -> None:
    found = list(functions)
    if session.json:
        session.terminal.write_json(found)
        return
    if not found:
        session.terminal.write_message("No functions. Create one with `scar init -f FILE`.")
        return
    has_endpoints = any(f.api_type for f in found)
    head: tuple[str, ...] = ("NAME", "MODE", "IMAGE", "MEMORY", "TIMEOUT", "INPUT")
    rows: list[tuple[str, ...]] = [
        (f.name, f.mode, f.image, f"{f.memory} MB", f"{f.timeout} s", _folders(f)) for f in found
    ]
    if has_endpoints:
        head = (*head, "API_URL")
        rows = [(*row, _address(f)) for row, f in zip(rows, found, strict=True)]
    session.terminal.write_table(head, rows, alignment="lllrrll"[: len(head)])


def _folders(function: FunctionSummary) -> str:
    return ", ".join(map(str, (*function.inputs, *function.other_inputs)))


def _with_addresses(session: Session, connection: AwsConnection) -> list[FunctionSummary]:
    """Return the functions, those with an HTTP endpoint with its address."""
    from scar.aws.inventory.endpoints import Endpoint

    functions = session.services.list_functions(connection)
    endpoints = {
        f.name: endpoint
        for f in functions
        if (endpoint := Endpoint.parse_tag(f"{f.api_type}:{f.api_authentication}"))
    }
    found = session.services.read_endpoints(connection, endpoints) if endpoints else {}
    return [replace(f, api_url=found[f.name].url) if f.name in found else f for f in functions]


def _address(function: FunctionSummary) -> str:
    if function.api_type and not function.api_url:
        return "(missing, or not readable)"
    return function.api_url


def _show_unusable(
    session: Session, connection: AwsConnection, functions: Iterable[FunctionSummary]
) -> None:
    """Name the functions whose jobs Batch cannot start, and the reason."""
    queues = {f.name: f.queue for f in functions if f.queue}
    unusable = session.services.describe_unusable_queues(connection, queues.values())
    for name, queue in queues.items():
        if queue in unusable:
            session.terminal.write_message(
                f"{name}: {unusable[queue]}. `scar init` repairs or replaces it."
            )


def _name_scar4_functions(session: Session, connection: AwsConnection) -> None:
    found = session.services.list_scar4_functions(connection)
    if found:
        session.terminal.write_message(
            f"Made by SCAR 4, not managed by scar: {', '.join(found)}. `scar import -n NAME` writes"
            " the FDL file of one."
        )


def _show_objects(
    session: Session, connection: AwsConnection, place: S3Location, owner: str
) -> None:
    """Write the objects as they are listed, so that millions of them need little memory."""
    from scar.transfer.objects import list_objects
    from scar.transfer.suggestions import suggest_folder
    from supervisor.events.folder_markers import is_folder_marker

    client = connection.object_client(owner)
    entries = list_objects(client, place)
    if session.json:
        first = next(entries, None)
        rows = () if first is None else map(_object_to_json, chain([first], entries))
        session.terminal.write_json_rows(rows)
        if first is None and (suggestion := suggest_folder(client, place)):
            session.terminal.write_message(f"0 objects in {place}{suggestion}")
        return
    files = total = markers = 0
    for entry in entries:
        date = entry.modified.isoformat(" ", "seconds")[:19]  # half of strftime's time
        key = escape_control_characters(entry.key)
        session.terminal.write_data(f"{format_size(entry.size):>9}  {date}  {key}")
        if is_folder_marker(entry.key, entry.size):
            markers += 1
        else:
            files, total = files + 1, total + entry.size
    found = "" if files or markers else suggest_folder(client, place)
    folders = f" and {format_count(markers, 'folder marker')}" if markers else ""
    session.terminal.write_message(
        f"{format_count(files, 'object')}{folders}, {format_size(total)} in {place}{found}"
    )


def _object_to_json(entry: ObjectSummary) -> dict[str, object]:
    return {"key": entry.key, "size": entry.size, "modified": entry.modified}
