"""Uploads files and folders."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.client.direct.object_client import ObjectCall
from scar.meter import Meter, format_size
from scar.transfer.client import MULTIPART_THRESHOLD, WORKERS, count_workers, require_bucket
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
from scar.transfer.upload_file import UploadFile
from supervisor.aws.errors import RequestBodyUnreadable
from supervisor.aws.request import FileSlice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from scar.aws.client.direct.object_client import ObjectClient
    from scar.aws.client.errors import SdkError
    from scar.meter import MeteredItem
    from scar.transfer.local_files import LocalFile
    from scar.transfer.location import S3Location

_SMALL = 1 << 16  # bytes of a file that is read into memory: once, for its checksums too


def upload_files(
    client: ObjectClient,
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
    for transferred in map_unordered(
        upload.run(paths), upload.upload_small, workers=count_workers(WORKERS)
    ):
        if transferred is not None:
            report(transferred)
            files, size = files + 1, size + transferred.size
    problems.raise_if_all_refused()
    return TransferResult(files, size, problems.to_tuple())


class _Upload:
    """The uploads of one command: small files in the pool, large ones one by one in parts."""

    def __init__(
        self, client: ObjectClient, target: S3Location, problems: ProblemList, meter: Meter
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
        self, file: LocalFile, send: Callable[[str, UploadFile, MeteredItem], None]
    ) -> TransferredObject | None:
        key = f"{self.target.prefix}{file.name}"
        counter = self.meter.start_item(file.size)
        opened = None
        try:
            opened = UploadFile(str(file.path))
            with contextlib.closing(opened):
                send(key, opened, counter)
                change = opened.change()
        except RequestBodyUnreadable as error:
            counter.fail()
            cause = error.__cause__
            self._add_unreadable(file, cause if isinstance(cause, OSError) else OSError(str(error)))
            return None
        # Before OSError: many network errors of the SDK are OSErrors too.
        except errors.SDK_ERRORS as error:
            counter.fail()
            self._add_refusal(file, key, error)
            return None
        except OSError as error:
            counter.fail()
            self._add_unreadable(file, error)
            return None
        counter.complete()
        self.problems.note_success()
        if change:
            self.problems.add(str(file.path), _describe_change(*change), transferred=True)
        return TransferredObject(key, opened.size)

    def _send_at_once(self, key: str, file: UploadFile, counter: MeteredItem) -> None:
        content = FileSlice(file, 0, file.size)
        self.client.send(
            ObjectCall(
                name="PutObject",
                method="PUT",
                bucket=self.target.bucket,
                key=key,
                body=b"".join(content.chunks()) if file.size <= _SMALL else content,
                has_checksum=True,
                on_sent=counter.add_bytes,
            )
        )

    def _send_in_parts(self, key: str, file: UploadFile, counter: MeteredItem) -> None:
        from scar.transfer.multipart import upload_in_parts

        upload_in_parts(self.client, self.target.bucket, key, file, counter.add_bytes)

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


def _describe_change(before: int, after: int) -> str:
    if before == after:
        return f"it was uploaded, but modified meanwhile ({format_size(after)} before and after)"
    return (
        f"it was uploaded with {format_size(before)} ({before:,} bytes), but changed meanwhile:"
        f" it has {format_size(after)} ({after:,} bytes) now"
    )
