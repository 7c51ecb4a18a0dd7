"""Each kind of image runs as a Lambda function and as a Batch job, with one digest, unchanged."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, ClassVar

import pytest

from scar.image.compose.tree_images import write_docker_archive
from tests.fakes.image_variants import kinds
from tests.fakes.local_cloud import a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.fakes.local_cloud import LocalCloud

pytestmark = [
    pytest.mark.container,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="files of this machine are used"),
]
NAMES = (
    "busybox", "debian", "entrypoint", "no-shell", "user", "read-only", "own-opt", "variables",
    "layers",
)  # fmt: skip


class KindsOfImages:
    engine: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[LocalCloud]:
        for cloud in a_local_cloud(cls.engine):
            cloud.deploy(*(described(cloud, name) for name in NAMES))
            yield cloud

    @pytest.mark.parametrize("name", NAMES)
    def test_it_runs_in_lambda_and_in_batch_with_one_digest(
        self, site: LocalCloud, name: str
    ) -> None:
        kind = kinds()[name]
        found = site.client("lambda").get_function(FunctionName=name)
        image = found["Code"]["ImageUri"]
        job = submitted(site, name)
        answer = site.invoke(name, {})
        assert not answer.error, answer.log
        assert site.read(f"out/{name}/lambda").rstrip("\n") == kind.says.rstrip("\n")
        (ended,) = until(lambda: ended_job(site, job))
        assert ended["status"] == "SUCCEEDED", site.log(name)
        assert site.read(f"out/{name}/batch").rstrip("\n") == kind.says.rstrip("\n")
        assert ended["container"]["image"] == image


def described(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """Save the image and the script, and describe the function."""
    kind = kinds()[name]
    write_docker_archive(cloud.folder / f"{name}.tar", f"{name}:1", kind.layers, kind.run)
    script = f"{name}.sh" if kind.script else ""
    if script:
        (cloud.folder / script).write_text(kind.script_text())
    return function(
        name,
        image=f"{name}.tar",
        script=script,
        input=[],
        execution_mode="lambda-batch",
        batch=IN_BATCH,
    )


def submitted(site: LocalCloud, name: str) -> str:
    """Submit a job by hand: its run has an empty event."""
    batch = site.client("batch")
    (queue,) = batch.describe_job_queues()["jobQueues"]
    job: str = batch.submit_job(
        jobName=f"{name}-by-hand", jobQueue=queue["jobQueueName"], jobDefinition=name
    )["jobId"]
    return job


def ended_job(site: LocalCloud, job: str) -> list[dict[str, Any]]:
    found = site.client("batch").describe_jobs(jobs=[job])["jobs"]
    return [each for each in found if each["status"] in ("SUCCEEDED", "FAILED")]


class TestKindsOfImagesInDocker(KindsOfImages):
    engine = "docker"


class TestKindsOfImagesInSandboxes(KindsOfImages):
    engine = "sandbox"
