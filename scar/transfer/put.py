"""Uploads files and folders."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from scar.aws.client.errors import SDK_ERRORS
from scar.meter import Meter, format_size
from scar.transfer.client import MULTIPART_THRESHOLD, PART_THREADS, WORKERS, require_bucket
from scar.transfer.errors import (
    TransferError,
    concerns_all_files,
    describe_os_error,
    is_object_error,
    translate_error,
)
from scar.transfer.local_files import check_files, files_to_upload
from scar.transfer.pool import map_unordered
from scar.transfer.result import ProblemList, TransferredObject, TransferResult
from scar.transfer.upload_body import UploadBody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from scar.aws.client.errors import SdkError
    from scar.meter import MeteredItem
    from scar.transfer.local_files import LocalFile
    from scar.transfer.location import S3Location


def upload_files(
    client: S3Client,
    target: S3Location,
    paths: Sequence[Path],
    report: Callable[[TransferredObject], None],
    on_skipped: Callable[[str], None] = lambda _: None,
    meter: Meter | None = None,
) -> TransferResult:
    """Upload all files below the paths.

    The content of a folder keeps its structure below ``target``; a file keeps its name. ``report``
    is called once per object, ``on_skipped`` with a message for each link to a folder, and for
    files that several paths contain, which are uploaded once. All files are checked before the
    first upload (``local_files.check_files``). A file that cannot be uploaded does not prevent the
    others: the result names it, and those that changed meanwhile.

    Raise what concerns all files: BucketNotFoundError, BucketOwnerError, UsageError,
    TransferError, OperationRefusedError, ConfigurationError.
    """
    meter = meter or Meter("Uploading")
    problems = ProblemList()
    check_files(paths, target, problems, meter, on_skipped)
    require_bucket(client, target.bucket)
    upload = _Upload(client, target, problems, meter)
    files = size = 0
    for transferred in map_unordered(upload.run(paths), upload.upload_small, workers=WORKERS):
        if transferred is not None:
            report(transferred)
            files, size = files + 1, size + transferred.size
    problems.raise_if_all_refused()
    return TransferResult(files, size, problems.to_tuple())


class _Upload:
    """The uploads of one command: small files in the pool, large ones one by one in parts."""

    def __init__(
        self, client: S3Client, target: S3Location, problems: ProblemList, meter: Meter
    ) -> None:
        self.client = client
        self.target = target
        self.problems = problems
        self.meter = meter

    def run(self, paths: Sequence[Path]) -> Iterator[LocalFile | TransferredObject]:
        """Yield the small files, and the objects of large ones, which are uploaded on the way.

        Runs in the thread that feeds the pool: the small files before a large one are uploaded
        meanwhile, and those after it wait, so that its parts do not compete for connections.
        """
        # Two paths may contain the same file (check_files): it is uploaded once.
        uploaded: set[str] | None = set() if len(paths) > 1 else None
        for file in files_to_upload(paths, self.target, self.problems):
            if uploaded is not None:
                if file.name in uploaded:
                    continue
                uploaded.add(file.name)
            if file.size < MULTIPART_THRESHOLD:
                yield file
            elif transferred := self._upload(file, self._send_in_parts):
                yield transferred

    def upload_small(self, item: LocalFile | TransferredObject) -> TransferredObject | None:
        """Upload a file in one request; return None if it could not be uploaded."""
        if isinstance(item, TransferredObject):
            return item
        return self._upload(item, self._send_at_once)

    def _upload(
        self, file: LocalFile, send: Callable[[str, UploadBody, MeteredItem], None]
    ) -> TransferredObject | None:
        key = f"{self.target.prefix}{file.name}"
        counter = self.meter.start_item(file.size)
        body = None
        try:
            # A file that became a pipe meanwhile would otherwise be waited for without end.
            descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as opened:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise OSError("it is not a file any more")  # noqa: TRY301 as other errors
                body = UploadBody(opened, counter.add_bytes)
                send(key, body, counter)
                change = body.change()
        # Before OSError: many network errors of the SDK are OSErrors too.
        except SDK_ERRORS as error:
            counter.fail()
            if body is None or body.error is None:
                self._add_refusal(file, key, error)
            else:  # the SDK takes the error for a lost connection
                self._add_unreadable(file, body.error)
            return None
        except OSError as error:
            counter.fail()
            if body is not None and body.error is None:
                raise self._network_error(file, key, error) from error
            self._add_unreadable(file, (body and body.error) or error)
            return None
        counter.complete()
        self.problems.note_success()
        if change:
            self.problems.add(str(file.path), _describe_change(*change), transferred=True)
        return TransferredObject(key, body.size)

    def _send_at_once(self, key: str, body: UploadBody, counter: MeteredItem) -> None:
        del counter  # the body counts
        self.client.put_object(Bucket=self.target.bucket, Key=key, Body=body)  # type: ignore[arg-type]

    def _send_in_parts(self, key: str, body: UploadBody, counter: MeteredItem) -> None:
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(
            multipart_threshold=MULTIPART_THRESHOLD, max_concurrency=PART_THREADS
        )
        self.client.upload_fileobj(
            body,  # type: ignore[arg-type]
            self.target.bucket,
            key,
            Callback=counter.add_bytes,
            Config=config,
        )

    def _add_refusal(self, file: LocalFile, key: str, error: SdkError) -> None:
        bucket = self.target.bucket
        translated = translate_error(error, bucket, f"upload {file.path} to s3://{bucket}/{key}")
        if not is_object_error(error):
            raise translated from error
        self.problems.add_refusal(str(file.path), translated)

    def _add_unreadable(self, file: LocalFile, error: OSError) -> None:
        reason = describe_os_error(error)
        if concerns_all_files(error, writing=False):
            raise TransferError(
                f"{file.path} cannot be read: {reason}.",
                remedy="Close other programs or raise their limits (`ulimit -n`), then try again.",
            ) from error
        self.problems.add(str(file.path), f"it cannot be read: {reason}")

    def _network_error(self, file: LocalFile, key: str, error: OSError) -> TransferError:
        return TransferError(
            f"Cannot upload {file.path} to s3://{self.target.bucket}/{key}: {error}",
            remedy="Check the network, then run the same command again.",
        )


def _describe_change(before: int, after: int) -> str:
    if before == after:
        return f"it was uploaded, but modified meanwhile ({format_size(after)} before and after)"
    return (
        f"it was uploaded with {format_size(before)} ({before:,} bytes), but changed meanwhile:"
        f" it has {format_size(after)} ({after:,} bytes) now"
    )
