"""``scar get``: download objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.options import (
    bucket_option,
    output_options,
    owner_option,
    pass_session,
    target_options,
)
from scar.cli.progress import TransferProgress

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@bucket_option("Bucket, folder or object to download.")
@click.option(
    "-p",
    "--path",
    required=True,
    type=click.Path(),
    metavar="PATH",
    help="Folder to download to; for a single object also the file's name.",
)
@owner_option
@output_options
@target_options
@pass_session
def get(session: Session, bucket: str, owner: str, path: str) -> None:
    """Download objects.

    The structure of the folder is kept below PATH. Existing files are overwritten, each one
    when its download is complete. An object that cannot be a file there does not prevent the
    others: it is listed at the end, and the exit status is 1.

    \b
    Examples:
      scar get -b my-photos/thumbnails -p .
      scar get -b my-photos/thumbnails/a.jpg -p first.jpg
    """
    from scar.transfer import get as transfer
    from scar.transfer.location import S3Location
    from scar.transfer.suggestions import suggesting_buckets

    place = S3Location.parse(bucket)
    connection = session.connect()
    client = connection.object_client(owner)
    progress = TransferProgress(
        session,
        "Downloaded",
        where=path,
        repeat="Each of them is complete. The same command downloads all again.",
    )
    with (
        progress.describing_interruption(),
        suggesting_buckets(place, lambda: session.services.list_functions(connection)),
    ):
        result = transfer.download_objects(
            client,
            place,
            Path(path),
            lambda _: None,
            into_folder=path.endswith("/"),
            meter=progress.meter,
        )
    progress.finish(result)
