"""Downloads objects into a folder, and never outside it."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from itertools import chain, islice
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.errors import ScarError, UsageError
from scar.meter import Meter
from scar.transfer.client import MULTIPART_THRESHOLD, WORKERS, count_workers
from scar.transfer.download_content import download_at_once, download_in_parts
from scar.transfer.errors import (
    TransferError,
    concerns_all_files,
    describe_os_error,
    is_lost_connection,
    is_object_error,
    translate_error,
)
from scar.transfer.objects import list_objects
from scar.transfer.pool import map_unordered
from scar.transfer.result import ProblemList, TransferredObject, TransferResult
from scar.transfer.suggestions import suggest_folder
from scar.transfer.target_files import TargetFiles, UnusableKeyError
from scar.transfer.target_folder import OutsideTargetError, TargetFolders
from supervisor.events.folder_markers import is_folder_marker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scar.aws.client.direct.object_client import ObjectClient
    from scar.aws.client.errors import SdkError
    from scar.meter import MeteredItem
    from scar.transfer.location import S3Location
    from scar.transfer.objects import ObjectSummary

    Fetch = Callable[[ObjectClient, str, str, int, Callable[[int], None]], None]


def download_objects(
    client: ObjectClient,
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
    with counting if meter.is_shown else contextlib.nullcontext(), download.removing_incomplete():
        for transferred in map_unordered(
            download.run(), download.download_small, workers=count_workers(WORKERS)
        ):
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
def _counting_total(client: ObjectClient, location: S3Location, meter: Meter) -> Iterator[None]:
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

    def __init__(self, client: ObjectClient, files: TargetFiles, meter: Meter) -> None:
        self.client = client
        self.files = files
        self.location = files.location
        self.meter = meter
        self.problems = ProblemList()
        self.folders = TargetFolders()
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
            elif transferred := self._download(entry, path, download_in_parts):
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

    @contextlib.contextmanager
    def removing_incomplete(self) -> Iterator[None]:
        """Remove incomplete files after Ctrl-C, which does not wait for slow responses."""
        try:
            yield
        except BaseException:
            self.folders.remove_incomplete()
            raise

    def download_small(
        self, item: tuple[ObjectSummary, Path] | TransferredObject
    ) -> TransferredObject | None:
        """Download an object in one request; return None if it could not be downloaded."""
        if isinstance(item, TransferredObject):
            return item
        return self._download(*item, download_at_once)

    def _download(self, entry: ObjectSummary, path: Path, fetch: Fetch) -> TransferredObject | None:
        counter = self.meter.start_item(entry.size)
        try:
            self._write(entry.key, path, fetch, counter)
        # Before OSError: many network errors of the SDK are OSErrors too.
        except errors.SDK_ERRORS as error:
            counter.fail()
            if fetch is download_in_parts and is_lost_connection(error):
                raise TransferError(
                    f"Cannot download {self._source(entry.key)}: {error}",
                    remedy="Check the network, then run the same command again.",
                ) from error
            self._add_refusal(entry.key, error)
            return None
        except OutsideTargetError as error:
            counter.fail()
            self.problems.add(entry.key, str(error))
            return None
        except OSError as error:
            counter.fail()
            if concerns_all_files(error, writing=True):
                raise TransferError(
                    f"Cannot write {path} from {self._source(entry.key)}:"
                    f" {describe_os_error(error)}.",
                    remedy="Free disk space, or choose another folder with -p.",
                ) from error
            self.problems.add(entry.key, f"cannot write {path}: {describe_os_error(error)}")
            return None
        counter.complete()
        self.problems.note_success()
        return TransferredObject(entry.key, entry.size)

    def _write(self, key: str, path: Path, fetch: Fetch, counter: MeteredItem) -> None:
        """Download into a new file; raise OSError before if the name is unusable."""
        is_single = key == self.location.path
        folder = self.folders.open(path.parent, path.parent if is_single else self.files.target)
        folder.check_name(path.name)
        with folder.replacing(path.name) as descriptor:
            fetch(self.client, self.location.bucket, key, descriptor, counter.add_bytes)

    def _source(self, key: str) -> str:
        return f"s3://{self.location.bucket}/{key}"

    def _add_refusal(self, key: str, error: SdkError) -> None:
        source = self._source(key)
        translated = translate_error(error, self.location.bucket, f"download {source}")
        if not is_object_error(error):
            raise translated from error
        self.problems.add_refusal(key, translated)


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
