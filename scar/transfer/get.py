"""Downloads objects into a folder, and never outside it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError

from scar.aws.client.errors import SDK_ERRORS
from scar.errors import ScarError, UsageError
from scar.meter import Meter
from scar.transfer.client import MULTIPART_THRESHOLD, PART_THREADS, WORKERS
from scar.transfer.errors import (
    TransferError,
    concerns_all_files,
    describe_os_error,
    is_object_error,
    translate_error,
)
from scar.transfer.objects import list_objects
from scar.transfer.pool import map_unordered
from scar.transfer.result import ProblemList, TransferredObject, TransferResult
from scar.transfer.suggestions import suggest_folder
from scar.transfer.target_files import TargetFiles, UnusableKeyError
from supervisor.events.parser import is_folder_marker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client

    from scar.aws.client.errors import SdkError
    from scar.meter import MeteredItem
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
    meter: Meter | None = None,
) -> TransferResult:
    """Download the objects of a bucket or folder below ``target``, preserving the structure.

    A location that is one object becomes the file ``target``, or a file in it if it is a folder,
    if ``into_folder`` is set, or if there are other objects below it. Files are written atomically
    and replace existing ones. ``report`` is called once per object. If
    ``meter`` is shown, the objects are also listed in the background, to know their total.

    An object that cannot be downloaded does not prevent the others: the result names it. Raise
    what concerns all objects: BucketNotFoundError, BucketOwnerError, OperationRefusedError,
    ConfigurationError, TransferError, and UsageError if there are no objects.
    """
    files = TargetFiles(
        location,
        target,
        into_folder=into_folder or target.is_dir(),
        is_case_sensitive=is_case_sensitive(target),
    )
    meter = meter or Meter("Downloading")
    download = _Download(client, files, meter)
    counting = _counting_total(client, location, meter)
    count = size = 0
    with counting if meter.is_shown else contextlib.nullcontext():
        for transferred in map_unordered(download.run(), download.download_small, workers=WORKERS):
            if transferred is not None:
                report(transferred)
                count, size = count + 1, size + transferred.size
    download.problems.raise_if_all_refused()
    if not count and not download.folder_markers and not len(download.problems):
        raise UsageError(
            f"There are no objects in s3://{location}{suggest_folder(client, location) or '.'}",
            remedy=f"List the bucket's objects with `scar ls -b {location.bucket}`.",
        )
    return TransferResult(count, size, download.problems.to_tuple())


@contextlib.contextmanager
def _counting_total(client: S3Client, location: S3Location, meter: Meter) -> Iterator[None]:
    """Add up all objects for the meter, in a thread: it costs a request per 1,000 objects."""
    ended = threading.Event()

    def count() -> None:
        try:
            for entry in list_objects(client, location):
                if ended.is_set():
                    return
                if not is_folder_marker(entry.key, entry.size):
                    meter.expect(entry.size)
        except ScarError:
            return  # the download lists the same objects, and reports the error
        meter.finish_total()

    threading.Thread(target=count, name="transfer-total", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


class _Download:
    """The downloads of one command: small objects in the pool, large ones one by one in parts."""

    def __init__(self, client: S3Client, files: TargetFiles, meter: Meter) -> None:
        self.client = client
        self.files = files
        self.location = files.location
        self.meter = meter
        self.problems = ProblemList()
        self.folder_markers = 0

    def run(self) -> Iterator[tuple[ObjectSummary, Path] | TransferredObject]:
        """Yield small objects with their target files, and large ones, downloaded on the way.

        Runs in the thread that feeds the pool: the small objects before a large one are downloaded
        meanwhile, and those after it wait, so that its parts do not compete for connections.
        """
        for entry in self._list():
            if is_folder_marker(entry.key, entry.size):
                self.folder_markers += 1
                continue
            try:
                path = self.files.assign(entry.key)
            except UnusableKeyError as error:
                self.problems.add(entry.key, error.reason)
                self.meter.start_item(entry.size).fail()
                continue
            if entry.size < MULTIPART_THRESHOLD:
                yield entry, path
            elif transferred := self._download(entry, path, self._fetch_in_parts):
                yield transferred

    def _list(self) -> Iterator[ObjectSummary]:
        entries = list_objects(self.client, self.location)
        first = list(islice(entries, 2))
        # An object with others below its key: a file and a folder cannot have one name.
        if len(first) > 1 and first[0].key == self.location.path:
            self.files.into_folder = True
        if first:
            is_file = first[0].key == self.location.path and not self.files.into_folder
            _create_root(self.files.target.parent if is_file else self.files.target)
        return chain(first, entries)

    def download_small(
        self, item: tuple[ObjectSummary, Path] | TransferredObject
    ) -> TransferredObject | None:
        """Download an object in one request; return None if it could not be downloaded."""
        if isinstance(item, TransferredObject):
            return item
        return self._download(*item, self._fetch_at_once)

    def _download(
        self, entry: ObjectSummary, path: Path, fetch: Callable[[str, Path, MeteredItem], None]
    ) -> TransferredObject | None:
        source = f"s3://{self.location.bucket}/{entry.key}"
        counter = self.meter.start_item(entry.size)
        # In the same folder, so that the rename is atomic: no reader sees an incomplete file.
        temporary = path.with_name(f".scar-{secrets.token_hex(8)}")
        try:
            self._prepare_folder(path, entry.key)
            try:
                fetch(entry.key, temporary, counter)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        # Before OSError: many network errors of the SDK are OSErrors too.
        except SDK_ERRORS as error:
            counter.fail()
            self._add_refusal(entry.key, source, error)
            return None
        except HTTPError as error:
            raise _network_error(source, error) from error
        except UnusableKeyError as error:
            counter.fail()
            self.problems.add(entry.key, error.reason)
            return None
        except OSError as error:
            counter.fail()
            if concerns_all_files(error, writing=True):
                raise TransferError(
                    f"Cannot write {path} from {source}: {describe_os_error(error)}.",
                    remedy="Free disk space, or choose another folder with -p.",
                ) from error
            self.problems.add(entry.key, f"cannot write {path}: {describe_os_error(error)}")
            return None
        counter.complete()
        self.problems.note_success()
        return TransferredObject(entry.key, entry.size)

    def _add_refusal(self, key: str, source: str, error: SdkError) -> None:
        translated = translate_error(error, self.location.bucket, f"download {source}")
        if not is_object_error(error):
            raise translated from error
        self.problems.add_refusal(key, translated)

    def _prepare_folder(self, path: Path, key: str) -> None:
        """Create the file's folder; raise OSError before the download if the name is unusable."""
        folder, target = path.parent, self.files.target
        root = target if key != self.location.path else folder
        # Before mkdir, which follows links: a folder on the way may be a symbolic link.
        if not _real_path(folder).is_relative_to(_real_path(root)):
            raise UnusableKeyError(f"{folder} points outside {target} through a symbolic link")
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        with contextlib.suppress(FileNotFoundError):
            path.lstat()  # a name that is too long is an error here, not after the download

    def _fetch_at_once(self, key: str, path: Path, counter: MeteredItem) -> None:
        body = self.client.get_object(Bucket=self.location.bucket, Key=key)["Body"]
        with path.open("xb") as file, contextlib.closing(body):
            for chunk in body.iter_chunks(_CHUNK_SIZE):
                file.write(chunk)
                counter.add_bytes(len(chunk))

    def _fetch_in_parts(self, key: str, path: Path, counter: MeteredItem) -> None:
        from boto3.exceptions import RetriesExceededError
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(
            multipart_threshold=MULTIPART_THRESHOLD, max_concurrency=PART_THREADS
        )
        try:
            self.client.download_file(
                self.location.bucket,
                key,
                os.fspath(path),
                Callback=counter.add_bytes,
                Config=config,
            )
        except RetriesExceededError as error:  # not a BotoCoreError
            cause = getattr(error, "last_exception", error)
            raise _network_error(f"s3://{self.location.bucket}/{key}", cause) from error


def _create_root(folder: Path) -> None:
    """Create the folder of all files; raise TransferError if no file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise TransferError(
            f"Cannot write files to {folder}: {describe_os_error(error)}.",
            remedy="Choose another folder with -p. Nothing was downloaded.",
        ) from error


def _real_path(path: Path) -> Path:
    """Return the path without links; unlike Path.resolve, accept a circle of links."""
    return Path(os.path.realpath(path))


def _network_error(source: str, cause: object) -> TransferError:
    return TransferError(
        f"Cannot download {source}: {cause}",
        remedy="Check the network, then run the same command again.",
    )


def is_case_sensitive(
    target: Path, lstat: Callable[[Path], os.stat_result] = lambda path: path.lstat()
) -> bool:
    """Return whether the target's file system distinguishes names by case.

    Writes nothing: looks whether the folder, or one above it, also has its name in another case.
    """
    for folder in (target.absolute(), *target.absolute().parents):
        other = folder.with_name(folder.name.swapcase()) if folder.name else folder
        if other.name == folder.name:
            continue
        try:
            found = lstat(folder)
        except OSError:  # it does not exist yet
            continue
        try:
            return not os.path.samestat(found, lstat(other))
        except OSError:
            return True
    return True
