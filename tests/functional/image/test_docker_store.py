"""Images are read from a Docker API, here a small fake one on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from scar.image.compose.tree_images import write_docker_archive
from scar.image.errors import ImageError, ImageNotFoundError
from scar.image.formats.blobs import BlobCache
from scar.image.formats.docker_source import DockerImageSource, find_docker_sources
from scar.image.formats.layer import LayerFile
from scar.image.formats.resolver import find_base_image
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("docker")
RUN = ImageDefaults(command=("/bin/tool",))


class FakeDockerApi:
    """A fake Docker API with the image ``a:1``; counts how often it is saved."""

    def __init__(self, archive: Path) -> None:
        self.saves = 0
        engine = self

        class DockerApiHandler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0].removeprefix("/v1.41")
                if path == "/version":
                    self.reply(200, json.dumps({"ApiVersion": "1.41"}).encode())
                elif path == "/images/a:1/json":
                    self.reply(200, json.dumps({"Id": "sha256:1", "RepoTags": ["a:1"]}).encode())
                elif path in {"/images/a:1/get", "/images/sha256:1/get"}:
                    engine.saves += 1
                    self.reply(200, archive.read_bytes())
                else:
                    self.reply(404, b'{"message": "No such image"}')

            def reply(self, status: int, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), DockerApiHandler)
        self.store = DockerImageSource(f"tcp://127.0.0.1:{self.server.server_port}")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeDockerApi]:
    tree = {"bin/tool": LayerFile(bytes(range(256)) * 9000)}
    write_docker_archive(tmp_path / "i.tar", "a:1", [tree], RUN)
    engine = FakeDockerApi(tmp_path / "i.tar")
    with engine.server:
        thread = threading.Thread(target=engine.server.serve_forever, args=(0.01,))
        thread.start()
        yield engine
        engine.server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path) -> BlobCache:
    return BlobCache(tmp_path / "cache")


def test_an_image_is_saved_once_and_then_cached(engine: FakeDockerApi, cache: BlobCache) -> None:
    first = find_base_image("a:1", None, architecture="amd64", cache=cache, sources=[engine.store])
    again = find_base_image("a:1", None, architecture="amd64", cache=cache, sources=[engine.store])
    assert first == again
    assert first.defaults == RUN
    assert engine.saves == 1


def test_an_image_of_another_architecture_is_an_error(
    engine: FakeDockerApi, cache: BlobCache
) -> None:
    with pytest.raises(ImageError, match=r"is for linux/amd64; the function runs on linux/arm64"):
        find_base_image("a:1", None, architecture="arm64", cache=cache, sources=[engine.store])


def test_the_error_lists_every_store_that_was_tried(
    engine: FakeDockerApi, cache: BlobCache
) -> None:
    dead = DockerImageSource("unix:///nonexistent/docker.sock")
    with pytest.raises(ImageNotFoundError) as caught:
        find_base_image(
            "b:2", None, architecture="amd64", cache=cache, sources=[engine.store, dead]
        )
    assert f"{engine.store.endpoint}: no such image" in caught.value.problem
    assert "unix:///nonexistent/docker.sock" in caught.value.problem


def test_only_sockets_that_exist_are_used(tmp_path: Path) -> None:
    found = find_docker_sources({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert str(tmp_path) not in "".join(store.endpoint for store in found)
    only = find_docker_sources({"DOCKER_HOST": "tcp://127.0.0.1:2375"})
    assert [store.endpoint for store in only] == ["tcp://127.0.0.1:2375"]
