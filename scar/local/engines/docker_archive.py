"""Streams an image of the local registry in the tar format of ``docker load``."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.local.engines.port import LocalImage

CHUNK = 1 << 20


def stream_archive(image: LocalImage, tag: str) -> Iterator[bytes]:
    """Yield the tar in chunks, in constant memory.

    Format: <https://github.com/moby/docker-image-spec/blob/main/v1.2.md>. Docker accepts
    gzipped layers too.
    """
    layers = [f"{layer.digest.partition(':')[2]}.tar" for layer in image.layers]
    config = f"{image.config_digest.partition(':')[2]}.json"
    manifest = [{"Config": config, "RepoTags": [tag], "Layers": layers}]
    yield from _tar_member("manifest.json", json.dumps(manifest).encode())
    yield from _tar_member(config, image.config.read_bytes())
    written = set()
    for name, layer in zip(layers, image.layers, strict=True):
        if name in written:  # an image may contain the same layer twice
            continue
        written.add(name)
        size = layer.path.stat().st_size
        yield _tar_header(name, size)
        with layer.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
        yield _tar_padding(size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _tar_member(name: str, data: bytes) -> Iterator[bytes]:
    yield _tar_header(name, len(data)) + data + _tar_padding(len(data))


def _tar_header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.PAX_FORMAT)


def _tar_padding(size: int) -> bytes:
    return bytes(io.DEFAULT_BUFFER_SIZE)[: -size % tarfile.BLOCKSIZE]
