"""Copies a layer of 1 GB between two registries: memory and rate, compared with ``skopeo copy``.

Run with ``python -m bench.large_layer``. Both registries are Debian's, on loopback; the target is a
new one for each copy, so that it is empty. The copies alternate; each is a process of its own, and
its start is included. Targets: at most 120 MB of memory, and a rate of at least 0.8 of skopeo's
(medians).
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench._registries import AnonymousRegistries, Running, missing, registry
from scar.image.compose.tree_images import image_config
from scar.image.formats.blobs import CHUNK_SIZE, Blob, BlobCache
from scar.image.formats.composed_image import ComposedImage
from scar.image.formats.layer import GzipCompressor, ImageLayer
from scar.image.formats.manifest import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Json,
    JsonObject,
    dump_json,
)
from scar.image.registry.pull import RegistryImageSource
from scar.image.registry.push import push_image
from scar.image.registry.repository import RepositoryClient
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 5
BYTES = 1 << 30
MEMORY_TARGET, RATIO_TARGET = 120, 0.8  # MB; rate of scar by rate of skopeo


@dataclass(frozen=True, slots=True)
class Copied:
    """One copy: seconds from the start of its process to its end, and its peak memory in MB."""

    seconds: float
    memory: float


def a_large_image(cache: BlobCache) -> ComposedImage:
    """Return an image with one layer of random bytes, which gzip cannot compress."""
    source = random.Random(1)  # noqa: S311 - no secret
    with cache.open_writer() as writer:
        compressor = GzipCompressor(writer)
        for _ in range(BYTES // CHUNK_SIZE):
            compressor.write(source.randbytes(CHUNK_SIZE))
        item = ImageLayer(diff_id=compressor.finish(), blob=writer.commit())
    config = Blob.from_bytes(dump_json(image_config([item.diff_id], ImageDefaults(), "amd64")))
    descriptors: list[Json] = [
        {"mediaType": kind, "digest": blob.digest, "size": blob.size}
        for kind, blob in ((OCI_CONFIG, config), (OCI_LAYER, item.blob))
    ]
    head: JsonObject = {"schemaVersion": 2, "mediaType": OCI_MANIFEST}
    manifest = dump_json({**head, "config": descriptors[0], "layers": descriptors[1:]})
    return ComposedImage(manifest=Blob.from_bytes(manifest), config=config, layers=(item,))


def copy(source: str, target: str) -> None:
    """Copy ``host/big:1`` from one host to the other, as ``init`` copies base layers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        RegistryImageSource(AnonymousRegistries()) as registries,
        RepositoryClient(f"http://{source}", "big") as reading,
        RepositoryClient(f"http://{target}", "big") as writing,
    ):
        base = registries.find(f"{source}/big:1", "amd64", BlobCache(Path(folder)))
        manifest = Blob.from_bytes(reading.get_manifest("1")[0])
        image = ComposedImage(
            manifest=manifest, config=Blob.from_bytes(base.config), layers=base.layers
        )
        push_image(image, writing, lambda _: None, tags=("1",))


def timed(command: Sequence[str]) -> Copied:
    """Run a process and return its figures; raise CalledProcessError if it fails."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Copied(time.perf_counter() - begin, used.ru_maxrss / 1e3)


def with_scar(source: Running, target: Running) -> Copied:
    return timed([sys.executable, "-m", "bench.large_layer", source.host, target.host])


def with_skopeo(source: Running, target: Running) -> Copied:
    images = (f"docker://{source.host}/big:1", f"docker://{target.host}/big:1")
    insecure = ("--src-tls-verify=false", "--dest-tls-verify=false")
    return timed(["skopeo", "copy", "--quiet", *insecure, *images])


def main() -> None:
    """Print the figures of both; with two arguments, copy from the first host to the second."""
    if len(sys.argv) == 3:
        copy(*sys.argv[1:])
        return
    if notice := missing("docker-registry", "skopeo"):
        print(notice)
        return
    copies_by_tool: dict[str, list[Copied]] = {"scar": [], "skopeo": []}
    with registry() as source:
        with (
            tempfile.TemporaryDirectory(prefix="scar-bench-") as folder,
            RepositoryClient(source.endpoint, "big") as repository,
        ):
            push_image(
                a_large_image(BlobCache(Path(folder))), repository, lambda _: None, tags=("1",)
            )
        for _ in range(ROUNDS):
            for name, run in (("scar", with_scar), ("skopeo", with_skopeo)):
                with registry() as target:
                    copies_by_tool[name].append(run(source, target))
    rates = {}
    for name, copies in copies_by_tool.items():
        rates[name] = BYTES / 1e6 / statistics.median(c.seconds for c in copies)
        memory = max(c.memory for c in copies)
        note = f" (target {MEMORY_TARGET})" if name == "scar" else ""
        print(f"{name:7} median {rates[name]:4.0f} MB/s, at most {memory:.0f} MB of memory{note}")
    ratio = rates["scar"] / rates["skopeo"]
    print(f"ratio {ratio:.2f} (target {RATIO_TARGET}; 1 GB, {ROUNDS} copies each, alternating)")


if __name__ == "__main__":
    main()
