"""Downloads the content of an object into an open file: at once, or in concurrent parts."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from scar.aws.client.direct.checksums import ContentVerifier
from scar.aws.client.direct.object_client import ObjectCall
from scar.transfer.client import PART_SIZE, PART_THREADS, count_workers
from scar.transfer.pool import map_unordered
from supervisor.aws.errors import InvalidResponse, ResponseNotReceived

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.aws.client.direct.object_client import ObjectClient
    from supervisor.aws.connection_pool import StreamedResponse

_CHUNK_SIZE = 1 << 18
_WHOLE, _PARTIAL = 200, 206
_LENGTHS = frozenset({"content-length", "transfer-encoding"})  # either tells where a body ends


def download_at_once(
    client: ObjectClient, bucket: str, key: str, descriptor: int, on_bytes: Callable[[int], None]
) -> None:
    """Write the object to the empty file, and verify it; raise the errors of the SDK, and OSError.

    ``on_bytes`` receives the number of bytes that arrived, negative if they are requested again.
    """
    mode = {"x-amz-checksum-mode": "ENABLED"} if client.configuration.requests_checksums else {}
    call = ObjectCall(name="GetObject", method="GET", bucket=bucket, key=key, headers=mode)
    content = _FilePiece(descriptor, 0, on_bytes)

    def save(reply: StreamedResponse) -> None:
        _require_whole(reply)
        if content.restart():
            os.ftruncate(descriptor, 0)
        verifier = ContentVerifier(reply.headers)
        while data := reply.read(_CHUNK_SIZE):
            content.write(data)
            verifier.update(data)
        verifier.check()

    client.receive(call, save)


def download_in_parts(
    client: ObjectClient, bucket: str, key: str, descriptor: int, on_bytes: Callable[[int], None]
) -> None:
    """Write a large object in concurrent parts, all of one version of it; raise the same errors."""
    head = ObjectCall(name="HeadObject", method="HEAD", bucket=bucket, key=key)
    size, etag = client.receive(head, lambda reply: _read_version(reply.headers))
    cancelled = threading.Event()

    def download_part(first: int) -> None:
        # Its own descriptor: after an error a slow part may outlive the one of the caller.
        own = os.dup(descriptor)
        try:
            receive_part(first, own)
        finally:
            os.close(own)

    def receive_part(first: int, own: int) -> None:
        last = min(first + PART_SIZE, size) - 1
        call = ObjectCall(
            name="GetObject",
            method="GET",
            bucket=bucket,
            key=key,
            headers={"range": f"bytes={first}-{last}", **({"if-match": etag} if etag else {})},
        )
        content = _FilePiece(own, first, on_bytes)

        def save(reply: StreamedResponse) -> None:
            _require_range(reply, first, last)
            content.restart()
            _copy_until(reply, content, last + 1, cancelled)

        client.receive(call, save)

    parts = map_unordered(
        range(0, size, PART_SIZE),
        download_part,
        workers=count_workers(PART_THREADS),
        ahead=1,
        on_cancel=cancelled.set,
    )
    for _ in parts:
        pass


def _copy_until(
    reply: StreamedResponse, content: _FilePiece, end: int, cancelled: threading.Event
) -> None:
    """Write a response that must end at this position; nothing of a longer one is beyond it.

    Raise ResponseNotReceived if it does not end there, and OSError after ``cancelled``.
    """
    while data := reply.read(_CHUNK_SIZE):
        if cancelled.is_set():
            raise OSError("the download was cancelled")
        if content.position + len(data) > end:
            raise ResponseNotReceived("A part of an object is longer than it was requested.")
        content.write(data)
    if content.position != end:
        raise ResponseNotReceived("A part of an object is incomplete.")


class _FilePiece:
    """Writes a piece of an object to its place in the file, and counts it."""

    def __init__(self, descriptor: int, start: int, on_bytes: Callable[[int], None]) -> None:
        self._descriptor = descriptor
        self._start = self.position = start
        self._on_bytes = on_bytes

    def restart(self) -> bool:
        """Write from the start; return whether something was written before."""
        written, self.position = self.position - self._start, self._start
        if written:
            self._on_bytes(-written)
        return bool(written)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            count = os.pwrite(self._descriptor, view, self.position)
            self.position += count
            view = view[count:]
        self._on_bytes(len(data))


def _read_version(headers: Mapping[str, str]) -> tuple[int, str]:
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdecimal()):
        raise InvalidResponse("The response to HeadObject has no length.")
    return int(length), headers.get("etag", "")


def _require_whole(reply: StreamedResponse) -> None:
    """Raise InvalidResponse if the response is not the object, or if its end would not be known."""
    if reply.status != _WHOLE or not reply.headers.keys() & _LENGTHS:
        raise InvalidResponse(
            f"The response to GetObject is not a whole object: status {reply.status}, "
            f"Content-Length {reply.headers.get('content-length', '')!r}."
        )


def _require_range(reply: StreamedResponse, first: int, last: int) -> None:
    """Raise InvalidResponse if the response is not the requested part."""
    expected = f"bytes {first}-{last}/"
    found = reply.headers.get("content-range", "")
    if reply.status != _PARTIAL or not found.startswith(expected):
        raise InvalidResponse(
            f"The response to GetObject is not the requested part: status {reply.status},"
            f" Content-Range {found[:60]!r} instead of {expected!r}."
        )
