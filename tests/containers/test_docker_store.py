"""Images of a real Docker image store, by the names that Docker users give."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import docker
import pytest

from scar.image.errors import ImageNotFoundError
from scar.image.formats.blobs import BlobCache
from scar.image.formats.docker_source import DockerImageSource
from scar.image.formats.resolver import find_base_image
from scar.local.engines.docker import find_socket
from tests.conformance.engine_harness import unavailable
from tests.unit.local.engines.test_unpack import file, layer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.container


@pytest.fixture
def url() -> str:
    found, reason = find_socket(os.environ)
    return found or unavailable(reason)


@pytest.fixture
def name(url: str, tmp_path: Path) -> Iterator[str]:
    name = f"scar-test-{uuid.uuid4().hex[:12]}"
    client = docker.DockerClient(base_url=url)
    archive = layer(tmp_path / "root.tar", file("etc/issue", b"test"))
    client.api.import_image(src=str(archive), repository=name, tag="latest")
    client.api.tag(name, name, "1.0")
    yield name
    client.api.remove_image(f"{name}:latest")
    client.api.remove_image(f"{name}:1.0")
    client.close()


@pytest.mark.parametrize("tag", ["", ":latest", ":1.0"])
def test_an_image_is_found_by_any_of_its_names(
    url: str, name: str, tag: str, tmp_path: Path
) -> None:
    image = find_base_image(
        name + tag,
        None,
        architecture="x86_64",
        cache=BlobCache(tmp_path / "cache"),
        sources=[DockerImageSource(url)],
    )
    assert len(image.layers) == 1


def test_an_unknown_image_is_named_with_what_was_tried(url: str, tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError, match="no-such-image:7") as caught:
        find_base_image(
            "no-such-image:7",
            None,
            architecture="x86_64",
            cache=BlobCache(tmp_path / "cache"),
            sources=[DockerImageSource(url)],
        )
    assert url in caught.value.problem
