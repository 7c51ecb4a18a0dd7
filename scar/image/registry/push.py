"""Push a composed image: what the repository does not have yet, several blobs at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING

from scar.image.registry.remote_blob import RemoteBlob
from scar.image.registry.upload_progress import UploadMonitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.image.formats.blobs import Blob
    from scar.image.formats.composed_image import ComposedImage
    from scar.image.registry.repository import RepositoryClient

PARALLEL_UPLOADS = 4  # blobs; more gain nothing on one connection to the world


@dataclass(frozen=True, slots=True)
class KnownBlobs:
    """In which repositories of one registry blobs are known to be, from this process's work.

    ``may_mount`` tells whether the registry lets repositories take blobs over; it is asked
    once, when the first could be.
    """

    can_mount: Callable[[], bool] = lambda: True
    repositories: dict[str, str] = field(default_factory=dict)
    _mount_answers: list[bool] = field(default_factory=list, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def find_mount_source(self, blob: Blob, repository: RepositoryClient) -> str:
        """Name a repository of the same registry to mount the blob from, or nothing."""
        found = self._find_other_repository(blob, repository)
        return found if found and self._is_mount_allowed() else ""

    def _is_mount_allowed(self) -> bool:
        with self._lock:
            if not self._mount_answers:
                self._mount_answers.append(self.can_mount())
            return self._mount_answers[0]

    def _find_other_repository(self, blob: Blob, repository: RepositoryClient) -> str:
        data = blob.data
        if isinstance(data, RemoteBlob) and data.transport.endpoint == repository.endpoint:
            return data.transport.name
        found = self.repositories.get(blob.digest, "")
        return "" if found == repository.name else found

    def add(self, blob: Blob, repository: RepositoryClient) -> None:
        self.repositories.setdefault(blob.digest, repository.name)


def push_image(
    image: ComposedImage,
    repository: RepositoryClient,
    report: Callable[[str], None],
    tags: tuple[str, ...] = (),
    known_blobs: KnownBlobs | None = None,
    monitor: UploadMonitor | None = None,
) -> None:
    """Upload the blobs, then the manifest: nobody sees half an image; may be repeated.

    ``report`` gets one line per blob that is sent. Raise RegistryError, or what ``watch``
    raises. The first error ends all uploads, within a piece of a megabyte each.
    """
    sending = _ImageUpload(
        repository, report, known_blobs or KnownBlobs(), monitor or UploadMonitor()
    )
    with ThreadPoolExecutor(PARALLEL_UPLOADS) as pool:
        futures = [pool.submit(sending.upload_blob, blob) for blob in image.blobs]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            sending.cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
    for reference in tags or (image.digest,):  # what has a tag is known by its digest too
        repository.put_manifest(image.manifest, image.media_type, reference)


class _UploadCancelled(Exception):
    """Another upload of the same image has failed."""


@dataclass(frozen=True, slots=True)
class _ImageUpload:
    """The uploads of one image."""

    repository: RepositoryClient
    report: Callable[[str], None]
    known_blobs: KnownBlobs
    monitor: UploadMonitor
    cancelled: Event = field(default_factory=Event)

    def upload_blob(self, blob: Blob) -> None:
        self._add_sent(0)
        if not self.repository.has_blob(blob.digest):
            size = f"{blob.size / 1e6:.1f} MB"
            self.report(f"{self.repository.name}: pushing {blob.digest[7:19]} ({size})")
            self.monitor.progress.add_expected(blob.size)
            source = self.known_blobs.find_mount_source(blob, self.repository)
            self.repository.put_blob(blob, source, self._add_sent)
        self.known_blobs.add(blob, self.repository)

    def _add_sent(self, count: int) -> None:
        if count:
            self.monitor.add_sent(count)
        else:
            self.monitor.check_cancelled()
        if self.cancelled.is_set():
            raise _UploadCancelled
