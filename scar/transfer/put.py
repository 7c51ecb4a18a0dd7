"""Uploads files and folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scar.transfer.client import MULTIPART_THRESHOLD, PART_THREADS, WORKERS, require_bucket
from scar.transfer.errors import TransferError, translate_error
from scar.transfer.local_files import TransferTotals, check_files, walk_files
from scar.transfer.pool import map_unordered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from scar.transfer.local_files import LocalFile
    from scar.transfer.location import S3Location


@dataclass(frozen=True, slots=True)
class TransferredObject:
    """An object that was uploaded or downloaded: its key, and its size in bytes."""

    key: str
    size: int


def upload_files(
    client: S3Client,
    target: S3Location,
    paths: Sequence[Path],
    report: Callable[[TransferredObject], None],
    on_skipped: Callable[[str], None] = lambda _: None,
) -> TransferTotals:
    """Upload all files below the paths, and return the totals.

    The content of a folder keeps its structure below ``target``; a file keeps its name. ``report``
    is called once per object, ``on_skipped`` with a message for each link or special file that is
    skipped. All files are checked before the first upload (``local_files.check_files``); the first
    error ends the uploads. Raise BucketNotFoundError, BucketOwnerError, UsageError, TransferError,
    OperationRefusedError.
    """
    totals = check_files(paths, target, on_skipped)
    require_bucket(client, target.bucket)
    upload = _Upload(client, target)
    for transferred in map_unordered(
        upload.upload_large_yield_small(paths, report), upload.upload_small, workers=WORKERS
    ):
        report(transferred)
    return totals


class _Upload:
    """The uploads of one command: small files in the pool, large ones one by one in parts."""

    def __init__(self, client: S3Client, target: S3Location) -> None:
        self.client = client
        self.target = target

    def upload_large_yield_small(
        self, paths: Sequence[Path], report: Callable[[TransferredObject], None]
    ) -> Iterator[LocalFile]:
        """Yield the small files; upload large ones on the way.

        Runs in the thread that feeds the pool: the small files before a large one are uploaded
        meanwhile, and those after it wait, so that its parts do not compete for connections.
        """
        for path in paths:
            for file in walk_files(path):
                if file.size < MULTIPART_THRESHOLD:
                    yield file
                else:
                    report(self.upload_in_parts(file))

    def upload_small(self, file: LocalFile) -> TransferredObject:
        key = self._object_key(file)
        try:
            with file.path.open("rb") as body:
                self.client.put_object(Bucket=self.target.bucket, Key=key, Body=body)
        except OSError as error:
            raise _unreadable_file_error(file, error) from error
        except (BotoCoreError, ClientError) as error:
            raise self._upload_error(file, key, error) from error
        return TransferredObject(key, file.size)

    def upload_in_parts(self, file: LocalFile) -> TransferredObject:
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import TransferConfig

        key = self._object_key(file)
        config = TransferConfig(
            multipart_threshold=MULTIPART_THRESHOLD, max_concurrency=PART_THREADS
        )
        try:
            self.client.upload_file(str(file.path), self.target.bucket, key, Config=config)
        except OSError as error:
            raise _unreadable_file_error(file, error) from error
        except S3UploadFailedError as error:
            # boto3 wraps the SDK's error in this one exception.
            cause = error.__context__
            if isinstance(cause, BotoCoreError | ClientError):
                raise self._upload_error(file, key, cause) from error
            raise TransferError(
                f"Cannot upload {file.path}: {error}", remedy="Try again."
            ) from error
        except (BotoCoreError, ClientError) as error:
            raise self._upload_error(file, key, error) from error
        return TransferredObject(key, file.size)

    def _object_key(self, file: LocalFile) -> str:
        return f"{self.target.prefix}{file.name}"

    def _upload_error(
        self, file: LocalFile, key: str, error: BotoCoreError | ClientError
    ) -> Exception:
        bucket = self.target.bucket
        return translate_error(error, bucket, f"upload {file.path} to s3://{bucket}/{key}")


def _unreadable_file_error(file: LocalFile, error: OSError) -> TransferError:
    return TransferError(
        f"{file.path} cannot be read: {error.strerror or error}.",
        remedy="Do not move files during the upload; run the same command again.",
    )
