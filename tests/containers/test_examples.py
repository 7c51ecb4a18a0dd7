"""Each example does what its README says, in sandboxes, with the software of its Dockerfile.

One image serves all of them: Debian with the packages of all Dockerfiles, which is cheaper than one
image for each, and proves that all can be installed.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from examples.runner.dockerfile import Dockerfile, UnsupportedDockerfileError, parse_dockerfile
from examples.runner.images import build_from_packages
from tests.conformance.engine_harness import unavailable
from tests.containers.example_runs import EXAMPLES, example_names, needs_tools, run_in
from tests.fakes.local_cloud import a_local_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.local_cloud import LocalCloudProcess

# The first test builds the image.
pytestmark = [pytest.mark.container, pytest.mark.long, pytest.mark.timeout(1800)]

ELSEWHERE = {
    "cluster": "tests/functional/cluster/test_example.py: its image needs PyPI",
    "mpi": "tests/containers/test_mpi.py",
    "minio": "tests/functional/local_cloud/test_other_stores.py: it needs MinIO and its client",
}
HERE = [name for name in example_names() if name not in ELSEWHERE]


def shared_dockerfile() -> Dockerfile:
    """Return the packages of the Dockerfiles of all examples that run here."""
    found = [
        parse_dockerfile(path) for name in HERE for path in EXAMPLES.glob(f"{name}/Dockerfile")
    ]
    packages = {package for each in found for package in each.packages}
    if any(each.hooks or each.variables for each in found):
        raise UnsupportedDockerfileError("the shared image has packages only")
    return Dockerfile("bookworm", tuple(sorted(packages)), (), ())


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_tools("mmdebstrap")
    folder = tmp_path_factory.mktemp("image")
    folder.chmod(0o711)
    try:
        build_from_packages(shared_dockerfile(), folder)
    except subprocess.CalledProcessError as error:
        if "Could not resolve" in error.stderr or "Could not connect" in error.stderr:
            unavailable("no mirror of Debian can be reached")
        raise AssertionError(error.stderr) from error
    return folder / "image.tar"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("sandbox")


@pytest.mark.parametrize("name", HERE)
def test_an_example_does_what_its_readme_says(
    name: str, image: Path, cloud: LocalCloudProcess
) -> None:
    assert run_in(cloud, name, image) == []
