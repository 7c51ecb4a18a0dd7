"""Images of former deployments in a whole local cloud: deleted when nothing needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy import deploy
from scar.aws.deploy.remove import RemovalOptions
from tests.fakes.local_cloud import a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

WAITS = '#!/bin/sh\ncp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/one"\nwhile :; do sleep 0.1; done\n'
JOBS = function("jobs", execution_mode="batch", batch=IN_BATCH)


@pytest.fixture
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process")


def digests(cloud: LocalCloudProcess) -> set[str]:
    found = cloud.client("ecr").describe_images(repositoryName="scar/jobs")
    return {image["imageDigest"] for image in found["imageDetails"]}


def in_use(cloud: LocalCloudProcess) -> str:
    found = cloud.client("lambda").get_function(FunctionName="jobs")
    digest: str = found["Code"]["ImageUri"].partition("@")[2]
    return digest


def test_an_image_goes_with_its_successor_unless_a_job_still_runs_it(
    cloud: LocalCloudProcess,
) -> None:
    cloud.deploy(JOBS)
    first = in_use(cloud)
    assert digests(cloud) == {first}

    (cloud.folder / "run_input.sh").write_text(WAITS)
    assert f"- old-image scar/jobs@{first}" in str(cloud.deploy(JOBS))
    second = in_use(cloud)
    assert digests(cloud) == {second}
    assert str(cloud.deploy(JOBS)) == "Nothing to change."

    key = cloud.put("jobs", "text")
    until(lambda: [job for job in cloud.jobs("jobs", key) if job["status"] == "RUNNING"])
    (cloud.folder / "run_input.sh").write_text("#!/bin/sh\n")
    assert "old-image" not in str(cloud.deploy(JOBS))
    assert digests(cloud) == {second, in_use(cloud)}

    deploy.remove(["jobs"], cloud.connection, lambda _: None, RemovalOptions(force=True))
    # The repository went too; AWS has no empty list for one that does not exist.
    with pytest.raises(cloud.client("ecr").exceptions.RepositoryNotFoundException):
        digests(cloud)
