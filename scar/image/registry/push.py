"""Pushes a composed image: the missing blobs, several at once, then the manifest."""

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

PARALLEL_UPLOADS = 4  # blobs; more are not faster over one internet connection


@dataclass(frozen=True, slots=True)
class KnownBlobs:
    """The blobs that this process pushed to a registry, each with one of its repositories.

    ``can_mount`` returns whether the registry allows mounts between repositories (in ECR, an
    account setting). It is called once, before the first possible mount.
    """

    can_mount: Callable[[], bool] = lambda: True
    repositories: dict[str, str] = field(default_factory=dict)
    _mount_answers: list[bool] = field(default_factory=list, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def find_mount_source(self, blob: Blob, repository: RepositoryClient) -> str:
        """Return a repository of the same registry that has the blob; empty if none may be used."""
        source = self._find_other_repository(blob, repository)
        return source if source and self._is_mount_allowed() else ""

    def _is_mount_allowed(self) -> bool:
        # The lock is held during the call, so that concurrent uploads cause a single API request.
        with self._lock:
            if not self._mount_answers:
                self._mount_answers.append(self.can_mount())
            return self._mount_answers[0]

    def _find_other_repository(self, blob: Blob, repository: RepositoryClient) -> str:
        # A base layer that comes from the same registry: mounted, it is neither read nor sent.
        data = blob.data
        if isinstance(data, RemoteBlob) and data.transport.endpoint == repository.endpoint:
            return data.transport.name
        # A blob that was pushed before, such as the supervisor layer for another function.
        other = self.repositories.get(blob.digest, "")
        return "" if other == repository.name else other

    def add(self, blob: Blob, repository: RepositoryClient) -> None:
        """Record that the repository has the blob."""
        self.repositories.setdefault(blob.digest, repository.name)


def push_image(
    image: ComposedImage,
    repository: RepositoryClient,
    report: Callable[[str], None],
    tags: tuple[str, ...] = (),
    known_blobs: KnownBlobs | None = None,
    monitor: UploadMonitor | None = None,
) -> None:
    """Upload an image: its blobs, then its manifest; may be repeated.

    ``report`` is called with one line per blob that is uploaded. Without ``tags``, the image is
    stored under its digest. Raise RegistryError, or what ``monitor`` raises to cancel. The first
    error cancels all uploads, each within one chunk (1 MiB).
    """
    upload = _ImageUpload(
        repository, report, known_blobs or KnownBlobs(), monitor or UploadMonitor()
    )
    with ThreadPoolExecutor(PARALLEL_UPLOADS) as pool:
        try:
            # All checks first: then the total is known before the first byte is sent.
            checks = zip(image.blobs, pool.map(upload.lacks_blob, image.blobs), strict=True)
            missing = [blob for blob, is_missing in checks if is_missing]
            upload.monitor.meter.expect(sum(blob.size for blob in missing), len(missing))
            upload.monitor.meter.finish_total()
            futures = [pool.submit(upload.upload_blob, blob) for blob in missing]
            for future in as_completed(futures):
                future.result()
        except BaseException:  # Ctrl-C included
            # The event first: shutdown waits for the running uploads, which check it per chunk.
            upload.cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
    # The manifest last: registries refuse one whose blobs are missing, and until it is stored, the
    # image cannot be pulled. A manifest with a tag can also be pulled by its digest.
    for reference in tags or (image.digest,):
        repository.put_manifest(image.manifest, image.media_type, reference)


class _UploadCancelledError(Exception):
    """The upload of another blob of the same image failed."""


@dataclass(frozen=True, slots=True)
class _ImageUpload:
    """The concurrent uploads of one image's blobs."""

    repository: RepositoryClient
    report: Callable[[str], None]
    known_blobs: KnownBlobs
    monitor: UploadMonitor
    cancelled: Event = field(default_factory=Event)

    def lacks_blob(self, blob: Blob) -> bool:
        """Return whether the repository lacks the blob."""
        self._add_sent(0)  # only checks for cancellation, before the first request
        if not self.repository.has_blob(blob.digest):
            return True
        self.known_blobs.add(blob, self.repository)
        return False

    def upload_blob(self, blob: Blob) -> None:
        """Upload or mount a blob that the repository lacks."""
        self._add_sent(0)
        size = f"{blob.size / 1e6:.1f} MB"
        self.report(f"{self.repository.name}: pushing {blob.digest[7:19]} ({size})")
        source = self.known_blobs.find_mount_source(blob, self.repository)
        self.repository.put_blob(blob, source, self._add_sent)
        self.monitor.meter.add_item()
        self.known_blobs.add(blob, self.repository)

    def _add_sent(self, count: int) -> None:
        if count:
            self.monitor.add_sent(count)
        else:
            self.monitor.check_cancelled()
        if self.cancelled.is_set():
            raise _UploadCancelledError
