"""Push a composed image: what the repository does not have yet, several blobs at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING

from scar.image.registry.remote_blob import RemoteBlob
from scar.image.registry.upload_progress import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.image.compose.function_image import ComposedImage
    from scar.image.formats.blobs import Blob
    from scar.image.registry.repository import Repository

AT_ONCE = 4  # blobs; more gain nothing on one connection to the world


@dataclass(frozen=True, slots=True)
class Known:
    """In which repositories of one registry blobs are known to be, from this process's work.

    ``may_mount`` tells whether the registry lets repositories take blobs over; it is asked
    once, when the first could be.
    """

    may_mount: Callable[[], bool] = lambda: True
    places: dict[str, str] = field(default_factory=dict)
    _answers: list[bool] = field(default_factory=list, init=False)
    _asking: Lock = field(default_factory=Lock, init=False)

    def source(self, blob: Blob, repository: Repository) -> str:
        """Name a repository of the same registry to mount the blob from, or nothing."""
        found = self._elsewhere(blob, repository)
        return found if found and self._allowed() else ""

    def _allowed(self) -> bool:
        with self._asking:
            if not self._answers:
                self._answers.append(self.may_mount())
            return self._answers[0]

    def _elsewhere(self, blob: Blob, repository: Repository) -> str:
        data = blob.data
        if isinstance(data, RemoteBlob) and data.transport.endpoint == repository.endpoint:
            return data.transport.name
        found = self.places.get(blob.digest, "")
        return "" if found == repository.name else found

    def add(self, blob: Blob, repository: Repository) -> None:
        self.places.setdefault(blob.digest, repository.name)


def push(
    image: ComposedImage,
    repository: Repository,
    report: Callable[[str], None],
    tags: tuple[str, ...] = (),
    known: Known | None = None,
    watch: Watch | None = None,
) -> None:
    """Upload the blobs, then the manifest: nobody sees half an image; may be repeated.

    ``report`` gets one line per blob that is sent. Raise RegistryError, or what ``watch``
    raises. The first error ends all uploads, within a piece of a megabyte each.
    """
    sending = _Sending(repository, report, known or Known(), watch or Watch())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(sending.send, blob) for blob in image.blobs]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            sending.over.set()
            pool.shutdown(cancel_futures=True)
            raise
    for reference in tags or (image.digest,):  # what has a tag is known by its digest too
        repository.put_manifest(image.manifest, image.media_type, reference)


class _Over(Exception):
    """Another upload of the same image has failed."""


@dataclass(frozen=True, slots=True)
class _Sending:
    """The uploads of one image."""

    repository: Repository
    report: Callable[[str], None]
    known: Known
    watch: Watch
    over: Event = field(default_factory=Event)

    def send(self, blob: Blob) -> None:
        self._moved(0)
        if not self.repository.has_blob(blob.digest):
            size = f"{blob.size / 1e6:.1f} MB"
            self.report(f"{self.repository.name}: pushing {blob.digest[7:19]} ({size})")
            self.watch.progress.expect(blob.size)
            source = self.known.source(blob, self.repository)
            self.repository.put_blob(blob, source, self._moved)
        self.known.add(blob, self.repository)

    def _moved(self, count: int) -> None:
        if count:
            self.watch.moved(count)
        else:
            self.watch.check()
        if self.over.is_set():
            raise _Over
