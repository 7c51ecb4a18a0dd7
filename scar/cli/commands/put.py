"""``scar put`` and ``scar get``."""

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
from scar.cli.output import count, size

if TYPE_CHECKING:
    from scar.cli.session import Session
    from scar.transfer.files import Census
    from scar.transfer.put import Moved


@click.command()
@bucket_option("Where to upload to.")
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
@output_options
@target_options
@pass_session
def put(
    session: Session, bucket: str, owner: str, paths: tuple[Path, ...], more: tuple[Path, ...]
) -> None:
    """Upload files and folders.

    A folder's content keeps its structure: `-b data/in -p photos` makes `in/2024/a.jpg` of
    `photos/2024/a.jpg`. `-p *.jpg` uploads what the shell makes of it. All files are checked
    before the first is sent.
    """
    from scar.transfer import put as transfer
    from scar.transfer.client import transfer_client
    from scar.transfer.place import Place

    place = Place.parse(bucket)
    client = transfer_client(session.connect(), owner)
    count_ = _Counter(session, "Uploaded")
    census = transfer.put(client, place, (*paths, *more), count_.moved, session.terminal.say)
    count_.conclude(census, f"to s3://{place}")


@click.command()
@bucket_option("What to download: a bucket, a folder of it, or one object.")
@click.option(
    "-p",
    "--path",
    required=True,
    metavar="PATH",
    help="Folder to download into; for one object also the file's name.",
)
@owner_option
@output_options
@target_options
@pass_session
def get(session: Session, bucket: str, owner: str, path: str) -> None:
    """Download objects.

    A folder's structure is kept below PATH. Files that are there are replaced, each when its new
    content is complete.
    """
    from scar.transfer import get as transfer
    from scar.transfer.client import transfer_client
    from scar.transfer.place import Place

    place = Place.parse(bucket)
    client = transfer_client(session.connect(), owner)
    count_ = _Counter(session, "Downloaded")
    census = transfer.get(client, place, Path(path), count_.moved, into=path.endswith("/"))
    count_.conclude(census, f"to {path}")


class _Counter:
    """Shows how far a transfer is, and how it ended."""

    def __init__(self, session: Session, done: str) -> None:
        self.session = session
        self.done = done
        self.files = self.size = 0

    def moved(self, one: Moved) -> None:
        self.files += 1
        self.size += one.size
        self.session.terminal.progress(
            f"{self.done} {count(self.files, 'file')}, {size(self.size)}"
        )

    def conclude(self, census: Census, where: str) -> None:
        if self.session.json:
            self.session.terminal.json({"files": census.files, "bytes": census.size})
        self.session.terminal.say(
            f"{self.done} {count(census.files, 'file')}, {size(census.size)} {where}"
        )
