"""``scar put``: upload files and folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.formatting import escape_control_characters
from scar.cli.options import (
    bucket_option,
    encryption_options,
    missing_option,
    output_options,
    owner_option,
    pass_session,
    target_options,
)
from scar.cli.progress import TransferProgress

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@bucket_option("Bucket and folder to upload to.")
@click.option(
    "-p",
    "--path",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="File or folder to upload; may be repeated. The same as PATH.",
)
@click.argument("more", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@owner_option
@encryption_options
@output_options
@target_options
@pass_session
def put(
    session: Session, bucket: str, owner: str, paths: tuple[Path, ...], more: tuple[Path, ...]
) -> None:
    """Upload files and folders.

    The structure of a folder is kept: `-b data/in -p photos` uploads `photos/2024/a.jpg` to
    `in/2024/a.jpg`. All files are checked before the first one is uploaded. A file that cannot be
    uploaded, or a PATH that does not exist, does not prevent the others: it is listed at the end,
    and the exit status is 1.

    \b
    Examples:
      scar put -b my-photos/incoming -p holiday/
      scar put -b my-photos/incoming *.jpg
    """
    if not (paths or more):
        raise missing_option("-p PATH", "PATH...")
    from scar.transfer import function_starts
    from scar.transfer import put as transfer
    from scar.transfer.location import S3Location
    from scar.transfer.suggestions import suggesting_buckets

    place = S3Location.parse(bucket)
    if place.has_empty_part:
        session.terminal.write_message(
            f"The keys begin with {place.prefix!r}, as written: '//' is not the same folder as '/'."
        )
    connection = session.connect()
    client = connection.object_client(owner)
    progress = TransferProgress(
        session,
        "Uploaded",
        where=f"s3://{place}",
        repeat="The same command uploads all files again, also those that are there: each starts"
        " its function again.",
    )
    starts = function_starts.LazyFunctionStarts(client, place)
    with (
        progress.describing_interruption(),
        suggesting_buckets(place, lambda: session.services.list_functions(connection)),
    ):
        result = transfer.upload_files(
            client,
            place,
            (*paths, *more),
            starts.add,
            session.terminal.write_message,
            progress.meter,
        )
    try:
        progress.finish(result, starts.to_json())
    finally:
        if sentence := starts.describe():
            session.terminal.write_message(escape_control_characters(sentence))
