"""Downloads objects into a folder, and never outside it."""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scar.errors import UsageError
from scar.transfer.client import MULTIPART_THRESHOLD, PART_THREADS, WORKERS
from scar.transfer.errors import TransferError, translate_error
from scar.transfer.local_files import TransferTotals
from scar.transfer.objects import list_objects
from scar.transfer.pool import map_unordered
from scar.transfer.put import TransferredObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from scar.transfer.location import S3Location
    from scar.transfer.objects import ObjectSummary

_CHUNK_SIZE = 1 << 18


def download_objects(
    client: S3Client,
    location: S3Location,
    target: Path,
    report: Callable[[TransferredObject], None],
    *,
    into_folder: bool = False,
) -> TransferTotals:
    """Download the objects of a bucket or folder below ``target``, preserving the structure.

    A location that is one object becomes the file ``target``, or a file in it if it is a folder or
    ``into_folder`` is set. Files are written atomically and replace existing ones. ``report`` is
    called once per object. Returns the number of files and their total size.

    Objects whose key points outside the folder are skipped; a TransferError at the end lists them.
    Raise BucketNotFoundError, BucketOwnerError, OperationRefusedError, and UsageError if there are
    no objects.
    """
    download = _Download(client, location, target, into_folder=into_folder or target.is_dir())
    files = size = 0
    for transferred in map_unordered(
        download.download_large_yield_small(report), download.download_small, workers=WORKERS
    ):
        files, size = files + 1, size + transferred.size
        report(transferred)
    files, size = files + download.large_totals.files, size + download.large_totals.size
    if download.rejected_keys:
        examples = ", ".join(repr(key) for key in download.rejected_keys[:5])
        raise TransferError(
            f"{download.rejected_count} objects were not downloaded, because their keys point "
            f"outside {target} or are not valid file names: {examples}",
            remedy=f"The other {files} files were downloaded. Use another tool for these objects.",
        )
    if not files and not download.folder_markers:
        raise UsageError(
            f"There are no objects in s3://{location}.",
            remedy=f"List the bucket's objects with `scar ls -b {location.bucket}`.",
        )
    return TransferTotals(files, size)


class _Download:
    """The downloads of one command: small objects in the pool, large ones one by one in parts."""

    def __init__(
        self, client: S3Client, location: S3Location, target: Path, *, into_folder: bool
    ) -> None:
        self.client = client
        self.location = location
        self.target = target
        self.into_folder = into_folder
        self.rejected_keys: list[str] = []
        self.rejected_count = 0
        self.folder_markers = 0
        self.large_totals = TransferTotals(0, 0)

    def download_large_yield_small(
        self, report: Callable[[TransferredObject], None]
    ) -> Iterator[tuple[ObjectSummary, Path]]:
        """Yield the small objects with their target files; download large ones on the way.

        Runs in the thread that feeds the pool: the small objects before a large one are downloaded
        meanwhile, and those after it wait, so that its parts do not compete for connections.
        """
        for entry in list_objects(self.client, self.location):
            if entry.key.endswith("/") and entry.size == 0:  # the S3 console creates these
                self.folder_markers += 1
                continue
            path = self._target_path(entry.key)
            if path is None:
                self.rejected_count += 1
                if len(self.rejected_keys) < 5:
                    self.rejected_keys.append(entry.key)
            elif entry.size < MULTIPART_THRESHOLD:
                yield entry, path
            else:
                report(self._download_to_file(entry, path, self._download_in_parts))
                self.large_totals = TransferTotals(
                    self.large_totals.files + 1, self.large_totals.size + entry.size
                )

    def download_small(self, item: tuple[ObjectSummary, Path]) -> TransferredObject:
        return self._download_to_file(*item, self._stream_object)

    def _target_path(self, key: str) -> Path | None:
        """Return the file for a key, None if it would be outside the target folder."""
        if key == self.location.path:
            name = key.rpartition("/")[2]
            return self.target / name if self.into_folder and _is_safe_path([name]) else self.target
        parts = key.removeprefix(self.location.prefix).split("/")
        return self.target.joinpath(*parts) if _is_safe_path(parts) else None

    def _download_to_file(
        self, entry: ObjectSummary, path: Path, fetch: Callable[[str, Path], None]
    ) -> TransferredObject:
        source = f"s3://{self.location.bucket}/{entry.key}"
        # In the same folder, so that the rename is atomic: no reader sees an incomplete file.
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
                remedy="Free disk space, or choose another folder with -p.",
            ) from error
        except (BotoCoreError, ClientError) as error:
            raise translate_error(error, self.location.bucket, f"download {source}") from error
        return TransferredObject(entry.key, entry.size)

    def _make_folder(self, folder: Path, key: str) -> None:
        root = self.target if key != self.location.path else folder
        # Before mkdir, which follows links: a folder on the way may be a symbolic link.
        if not folder.resolve().is_relative_to(root.resolve()):
            raise TransferError(
                f"{folder} points outside {self.target} through a symbolic link.",
                remedy="Remove the link or choose another folder with -p.",
            )
        folder.mkdir(parents=True, exist_ok=True)

    def _stream_object(self, key: str, path: Path) -> None:
        body = self.client.get_object(Bucket=self.location.bucket, Key=key)["Body"]
        with path.open("xb") as file, closing(body):
            for chunk in body.iter_chunks(_CHUNK_SIZE):
                file.write(chunk)

    def _download_in_parts(self, key: str, path: Path) -> None:
        from boto3.exceptions import RetriesExceededError
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(
            multipart_threshold=MULTIPART_THRESHOLD, max_concurrency=PART_THREADS
        )
        try:
            self.client.download_file(self.location.bucket, key, os.fspath(path), Config=config)
        except RetriesExceededError as error:  # not a BotoCoreError
            cause = getattr(error, "last_exception", error)
            raise TransferError(
                f"Cannot download s3://{self.location.bucket}/{key}: {cause}",
                remedy="Check the network, then run the same command again.",
            ) from error


def _is_safe_path(parts: list[str]) -> bool:
    return all(part not in {"", ".", ".."} and "\0" not in part for part in parts)
