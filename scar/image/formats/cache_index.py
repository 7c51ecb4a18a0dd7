"""Records which image an archive contains, so that an unchanged archive is not read again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.image.formats.base_image import BaseImage, build_base_image
from scar.image.formats.layer import ImageLayer

if TYPE_CHECKING:
    from scar.image.formats.blobs import Blob, BlobCache


def cache_image(key: str, image: BaseImage, cache: BlobCache) -> None:
    """Record an image under a key, and prune the cache.

    The key must change with the archive's content, name and architecture.
    """
    layers = [[item.blob.digest, item.diff_id, item.unpacked_size] for item in image.layers]
    note = {"name": image.name, "config": image.config.decode(), "layers": layers}
    cache.write_note(key, json.dumps(note))
    cache.prune()


def find_cached_image(key: str, architecture: str, cache: BlobCache) -> BaseImage | None:
    """Return the image that was recorded under the key.

    None if there is none, or if a layer of it is no longer in the cache. Raise ImageError if it is
    for another architecture.
    """
    text = cache.read_note(key)
    if text is None:
        return None
    note = json.loads(text)
    blobs: list[tuple[Blob | None, str, int]] = [
        # Notes of earlier releases have no sizes.
        (cache.get(digest), diff_id, sum(sizes))
        for digest, diff_id, *sizes in note["layers"]
    ]
    layers = tuple(
        ImageLayer(blob=blob, diff_id=diff_id, unpacked_size=size)
        for blob, diff_id, size in blobs
        if blob is not None
    )
    if len(layers) < len(blobs):  # `prune` removed one
        return None
    return build_base_image(note["name"], note["config"].encode(), layers, architecture)
