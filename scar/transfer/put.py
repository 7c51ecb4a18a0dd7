"""Upload files and folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scar.transfer.client import LARGE, PART_THREADS, WORKERS, require_bucket
from scar.transfer.errors import TransferError, translate
from scar.transfer.local_files import Census, check, walk
from scar.transfer.pool import each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from scar.transfer.local_files import LocalFile
    from scar.transfer.location import Place


@dataclass(frozen=True, slots=True)
class Moved:
    """A file that arrived: its key, and its size in bytes."""

    key: str
    size: int


def put(
    client: S3Client,
    target: Place,
    paths: Sequence[Path],
    report: Callable[[Moved], None],
    say: Callable[[str], None] = lambda _: None,
) -> Census:
    """Upload everything below the paths; ``report`` is called once per object.

    A folder's content keeps its structure below ``target``; a file gets its own name. All is
    checked before the first upload (``files.check``); the first failure ends it. Raises
    BucketNotFound, OthersBucket, UsageError, TransferError, Refused.
    """
    census = check(paths, target, say)
    require_bucket(client, target.bucket)
    upload = _Upload(client, target)
    for moved in each(upload.small(paths, report), upload.one, workers=WORKERS):
        report(moved)
    return census


class _Upload:
    """One command's uploads: small files by the pool, large ones in parts, one by one."""

    def __init__(self, client: S3Client, target: Place) -> None:
        self.client = client
        self.target = target

    def small(self, paths: Sequence[Path], report: Callable[[Moved], None]) -> Iterator[LocalFile]:
        """Yield the small files; send the large ones while they come by."""
        for path in paths:
            for file in walk(path):
                if file.size < LARGE:
                    yield file
                else:
                    report(self.in_parts(file))

    def one(self, file: LocalFile) -> Moved:
        key = self._key(file)
        try:
            with file.path.open("rb") as body:
                self.client.put_object(Bucket=self.target.bucket, Key=key, Body=body)
        except OSError as error:
            raise _unreadable(file, error) from error
        except (BotoCoreError, ClientError) as error:
            raise self._refused(file, key, error) from error
        return Moved(key, file.size)

    def in_parts(self, file: LocalFile) -> Moved:
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import TransferConfig

        key = self._key(file)
        config = TransferConfig(multipart_threshold=LARGE, max_concurrency=PART_THREADS)
        try:
            self.client.upload_file(str(file.path), self.target.bucket, key, Config=config)
        except OSError as error:
            raise _unreadable(file, error) from error
        except S3UploadFailedError as error:
            cause = error.__context__
            if isinstance(cause, BotoCoreError | ClientError):
                raise self._refused(file, key, cause) from error
            raise TransferError(
                f"Cannot upload {file.path}: {error}", remedy="Try again."
            ) from error
        except (BotoCoreError, ClientError) as error:
            raise self._refused(file, key, error) from error
        return Moved(key, file.size)

    def _key(self, file: LocalFile) -> str:
        return f"{self.target.prefix}{file.name}"

    def _refused(self, file: LocalFile, key: str, error: BotoCoreError | ClientError) -> Exception:
        bucket = self.target.bucket
        return translate(error, bucket, f"upload {file.path} to s3://{bucket}/{key}")


def _unreadable(file: LocalFile, error: OSError) -> TransferError:
    return TransferError(
        f"{file.path} cannot be read: {error.strerror or error}.",
        remedy="Files must stay while they are uploaded; run the same command again.",
    )
