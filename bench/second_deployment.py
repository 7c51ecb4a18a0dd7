"""A second deployment after a change of the script: bytes, requests and seconds.

Run with ``python -m bench.second_deployment``. The base image is read from a registry, composed
with the supervisor, and pushed into another repository, as ``init`` does. Each round has another
script. Bytes are counted on the wire, requests by the registry itself. Target: only the function
layer and two JSON documents are uploaded, in 1 s (median).
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench._registries import AnonymousRegistries, metered, missing, registry
from scar.image.compose.function_image import compose_image
from scar.image.compose.supervisor_bundle import find_bundle
from scar.image.compose.tree_images import build_image
from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import LayerFile
from scar.image.formats.resolver import find_base_image
from scar.image.registry.pull import RegistryImageSource
from scar.image.registry.push import push_image
from scar.image.registry.repository import RepositoryClient
from supervisor.config import config_to_json
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults

if TYPE_CHECKING:
    from bench._registries import Meter, Running
    from scar.image.formats.composed_image import ComposedImage

ROUNDS = 9
TARGET = 1.0  # seconds
BASE_LAYERS, BASE_BYTES = 8, 4_000_000
CONFIG = FunctionConfig(name="f", mode=ExecutionMode.LAMBDA, state_bucket="s", script="run.sh")


def deploy(meter: Meter, cache: BlobCache, script: bytes) -> ComposedImage:
    """Compose and push the image as ``init`` does."""
    with (
        RegistryImageSource(AnonymousRegistries()) as registries,
        RepositoryClient(meter.endpoint, "made/f") as target,
    ):
        base = find_base_image(
            f"{meter.host}/base:1", None, architecture="amd64", cache=cache, sources=[registries]
        )
        image = compose_image(base, find_bundle("amd64"), config_to_json(CONFIG), script)
        push_image(image, target, lambda _: None)
    return image


@dataclass(frozen=True, slots=True)
class Round:
    """One deployment: seconds, bytes sent on the wire, requests, bytes of its new blobs."""

    seconds: float
    sent: int
    requests: tuple[str, ...]
    useful: int


def measure(running: Running, meter: Meter, folder: Path) -> list[Round]:
    """Deploy several times, each time with another script."""
    rounds = []
    for number in range(ROUNDS + 1):
        sent, count = meter.sent, len(running.requests())
        begin = time.perf_counter()
        image = deploy(meter, BlobCache(folder), b"#!/bin/sh\necho %d\n" % number)
        seconds = time.perf_counter() - begin
        useful = image.layers[-1].blob.size + image.config.size + image.manifest.size
        requests = tuple(running.requests()[count:])
        rounds.append(Round(seconds, meter.sent - sent, requests, useful))
    return rounds


def main() -> None:
    """Print the figures of the first and of the later deployments."""
    if notice := missing("docker-registry"):
        print(notice)
        return
    trees = [
        {f"data/{n}": LayerFile((b"%d" % n) + random.Random(n).randbytes(BASE_BYTES))}  # noqa: S311
        for n in range(BASE_LAYERS)
    ]
    with (
        registry() as running,
        metered(running) as meter,
        tempfile.TemporaryDirectory() as folder,
    ):
        with RepositoryClient(running.endpoint, "base") as source:
            push_image(build_image(trees, ImageDefaults()), source, lambda _: None, tags=("1",))
        first, *later = measure(running, meter, Path(folder))
    seconds = [item.seconds for item in later]
    print(f"first deployment: {first.seconds:.3f} s, {first.sent:,} bytes sent")
    print(
        f"after a change of the script: median {statistics.median(seconds):.3f} s"
        f" (max {max(seconds):.3f}, {ROUNDS} rounds; target {TARGET} s)"
    )
    last = later[-1]
    print(
        f"  {last.sent:,} bytes sent, headers included; the function layer, the configuration"
        f" and the manifest have {last.useful:,}"
    )
    kinds = Counter(f"{r.split()[0]} {r.split('/')[-2]}" for r in last.requests)
    shown = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    print(f"  {len(last.requests)} requests: {shown}")


if __name__ == "__main__":
    main()
