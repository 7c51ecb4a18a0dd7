"""Download objects into a folder, and never out of it."""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scar.errors import UsageError
from scar.transfer.client import LARGE, PART_THREADS, WORKERS
from scar.transfer.errors import TransferError, translate
from scar.transfer.local_files import Census
from scar.transfer.objects import list_objects
from scar.transfer.pool import each
from scar.transfer.put import Moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from scar.transfer.location import Place
    from scar.transfer.objects import Entry

_PIECE = 1 << 18


def get(
    client: S3Client,
    place: Place,
    target: Path,
    report: Callable[[Moved], None],
    *,
    into: bool = False,
) -> Census:
    """Download the objects of a bucket or folder below ``target``, structure kept.

    A place that is one object becomes the file ``target``, or a file in it if that is a folder
    or ``into`` says so. A file appears under its name when it is whole; files that are there
    are replaced. Objects whose key leads out of the folder are left out, and told as a
    TransferError at the end. Raises BucketNotFound, OthersBucket, UsageError if there is nothing,
    Refused.
    """
    download = _Download(client, place, target, into=into or target.is_dir())
    files = size = 0
    for moved in each(download.small(report), download.one, workers=WORKERS):
        files, size = files + 1, size + moved.size
        report(moved)
    files, size = files + download.large.files, size + download.large.size
    if download.refused:
        shown = ", ".join(repr(key) for key in download.refused[:5])
        raise TransferError(
            f"{download.refused_count} objects were not downloaded, since their keys lead out of "
            f"{target} or name no file: {shown}",
            remedy=f"The other {files} files are there. Read these with other tools.",
        )
    if not files and not download.markers:
        raise UsageError(
            f"There are no objects in s3://{place}.", remedy=f"See `scar ls -b {place.bucket}`."
        )
    return Census(files, size)


class _Download:
    """One command's downloads: small objects by the pool, large ones in parts, one by one."""

    def __init__(self, client: S3Client, place: Place, target: Path, *, into: bool) -> None:
        self.client = client
        self.place = place
        self.target = target
        self.into = into
        self.refused: list[str] = []
        self.refused_count = 0
        self.markers = 0
        self.large = Census(0, 0)

    def small(self, report: Callable[[Moved], None]) -> Iterator[tuple[Entry, Path]]:
        """Yield the small objects and their files; fetch the large ones while they come by."""
        for entry in list_objects(self.client, self.place):
            if entry.key.endswith("/") and entry.size == 0:
                self.markers += 1
                continue
            path = self._path(entry.key)
            if path is None:
                self.refused_count += 1
                if len(self.refused) < 5:
                    self.refused.append(entry.key)
            elif entry.size < LARGE:
                yield entry, path
            else:
                report(self._fetch(entry, path, self._in_parts))
                self.large = Census(self.large.files + 1, self.large.size + entry.size)

    def one(self, item: tuple[Entry, Path]) -> Moved:
        return self._fetch(*item, self._streamed)

    def _path(self, key: str) -> Path | None:
        """Return the file for a key, None if it would not lie in the target folder."""
        if key == self.place.path:
            name = key.rpartition("/")[2]
            return self.target / name if self.into and _is_plain([name]) else self.target
        parts = key.removeprefix(self.place.prefix).split("/")
        return self.target.joinpath(*parts) if _is_plain(parts) else None

    def _fetch(self, entry: Entry, path: Path, fetch: Callable[[str, Path], None]) -> Moved:
        source = f"s3://{self.place.bucket}/{entry.key}"
        temporary = path.with_name(f".scar-{secrets.token_hex(8)}")
        try:
            self._make_folder(path.parent, entry.key)
            try:
                fetch(entry.key, temporary)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise TransferError(
                f"Cannot write {path} from {source}: {error.strerror or error}.",
                remedy="Free the place or choose another folder with -p.",
            ) from error
        except (BotoCoreError, ClientError) as error:
            raise translate(error, self.place.bucket, f"download {source}") from error
        return Moved(entry.key, entry.size)

    def _make_folder(self, folder: Path, key: str) -> None:
        root = self.target if key != self.place.path else folder
        # Before it is made: what is there of it already may be a link.
        if not folder.resolve().is_relative_to(root.resolve()):
            raise TransferError(
                f"{folder} leads out of {self.target} by a link.",
                remedy="Remove the link or choose another folder with -p.",
            )
        folder.mkdir(parents=True, exist_ok=True)

    def _streamed(self, key: str, path: Path) -> None:
        body = self.client.get_object(Bucket=self.place.bucket, Key=key)["Body"]
        with path.open("xb") as file, closing(body):
            for piece in body.iter_chunks(_PIECE):
                file.write(piece)

    def _in_parts(self, key: str, path: Path) -> None:
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(multipart_threshold=LARGE, max_concurrency=PART_THREADS)
        self.client.download_file(self.place.bucket, key, os.fspath(path), Config=config)


def _is_plain(parts: list[str]) -> bool:
    return all(part not in {"", ".", ".."} and "\0" not in part for part in parts)
