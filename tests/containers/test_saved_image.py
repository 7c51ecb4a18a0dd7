"""A built image saved as a file: a real Docker loads it, and its supervisor starts."""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING

import docker
import pytest

from scar.cli.main import run
from scar.image.demo import write_demo_image
from scar.local.engines.docker import find_socket
from tests.conformance.engine_harness import unavailable
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker import DockerClient

pytestmark = pytest.mark.container


@pytest.fixture
def client() -> Iterator[DockerClient]:
    url, reason = find_socket(os.environ)
    client = docker.DockerClient(base_url=url or unavailable(reason))
    yield client
    client.close()


def test_docker_loads_the_file_and_the_supervisor_works_in_it(
    client: DockerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_demo_image(tmp_path / "image.tar")
    (tmp_path / "s.py").write_text("#!/usr/bin/python3\n")
    name, kept = f"scar-test/{uuid.uuid4().hex[:12]}:1", tmp_path / "out.tar"
    arguments = ["image", "compose", "-n", "kept", "-if", str(tmp_path / "image.tar")]
    arguments += ["-s", str(tmp_path / "s.py"), "--tag", name, "--output-file", str(kept), "-j"]
    assert run(arguments, FakeServices({"XDG_CACHE_HOME": str(tmp_path)})) == 0
    shown = json.loads(capsys.readouterr().out)
    with kept.open("rb") as file:
        (loaded,) = client.images.load(file)
    try:
        assert loaded.tags == [name]
        assert loaded.attrs["RootFS"]["Layers"] == [item["diff_id"] for item in shown["layers"]]
        report = client.containers.run(name, ["--self-test"], network_mode="none", remove=True)
        assert json.loads(report)["ok"]
    finally:
        client.images.remove(name)
