"""``scar put``: upload files and folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.options import (
    bucket_option,
    encryption_options,
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
    required=True,
    type=click.Path(path_type=Path),
    help="File or folder to upload; may be repeated.",
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
    `in/2024/a.jpg`. All files are checked before the first one is uploaded.

    \b
    Examples:
      scar put -b my-photos/incoming -p holiday/
      scar put -b my-photos/incoming -p *.jpg
    """
    from scar.aws.client.encryption import add_default_encryption
    from scar.transfer import put as transfer
    from scar.transfer.client import transfer_client
    from scar.transfer.location import S3Location

    place = S3Location.parse(bucket)
    client = transfer_client(session.connect(), owner)
    algorithm, key = session.encryption
    if algorithm:
        add_default_encryption(client, algorithm, key)
    progress = TransferProgress(session, "Uploaded")
    totals = transfer.upload_files(
        client, place, (*paths, *more), progress.add, session.terminal.write_message
    )
    progress.finish(totals, f"to s3://{place}")
