"""Each image variant runs unchanged as a Lambda function and as a Batch job, with one digest."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, ClassVar

import pytest

from scar.image.compose.tree_images import write_docker_archive
from tests.fakes.image_variants import image_variants
from tests.fakes.local_cloud import a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.fakes.local_cloud import LocalCloudProcess

pytestmark = [
    pytest.mark.container,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="files of this machine are used"),
]
NAMES = (
    "busybox", "debian", "entrypoint", "no-shell", "user", "read-only", "own-opt", "variables",
    "layers", "workdir", "closed-workdir",
)  # fmt: skip


class ImageVariants:
    engine: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def cloud(cls) -> Iterator[LocalCloudProcess]:
        for cloud in a_local_cloud(cls.engine):
            cloud.deploy(*(function_of(cloud, name) for name in NAMES))
            yield cloud

    @pytest.mark.parametrize("name", NAMES)
    def test_it_runs_in_lambda_and_in_batch_with_one_digest(
        self, cloud: LocalCloudProcess, name: str
    ) -> None:
        variant = image_variants()[name]
        found = cloud.client("lambda").get_function(FunctionName=name)
        image = found["Code"]["ImageUri"]
        job = submitted(cloud, name)
        result = cloud.invoke(name, {})
        assert not result.error, result.log
        assert cloud.read(f"out/{name}/lambda").rstrip("\n") == variant.output.rstrip("\n")
        (ended,) = until(lambda: ended_job(cloud, job))
        assert ended["status"] == "SUCCEEDED", cloud.log(name)
        assert cloud.read(f"out/{name}/batch").rstrip("\n") == variant.output.rstrip("\n")
        assert ended["container"]["image"] == image


def function_of(cloud: LocalCloudProcess, name: str) -> dict[str, Any]:
    """Save the image and the script; return the function for the FDL."""
    variant = image_variants()[name]
    write_docker_archive(cloud.folder / f"{name}.tar", f"{name}:1", variant.layers, variant.run)
    script = f"{name}.sh" if variant.script else ""
    if script:
        (cloud.folder / script).write_text(variant.script_text())
    return function(
        name,
        image=f"{name}.tar",
        script=script,
        input=[],
        execution_mode="lambda-batch",
        batch=IN_BATCH,
    )


def submitted(cloud: LocalCloudProcess, name: str) -> str:
    """Submit a job without an event."""
    batch = cloud.client("batch")
    (queue,) = batch.describe_job_queues()["jobQueues"]
    job: str = batch.submit_job(
        jobName=f"{name}-manual", jobQueue=queue["jobQueueName"], jobDefinition=name
    )["jobId"]
    return job


def ended_job(cloud: LocalCloudProcess, job: str) -> list[dict[str, Any]]:
    found = cloud.client("batch").describe_jobs(jobs=[job])["jobs"]
    return [each for each in found if each["status"] in ("SUCCEEDED", "FAILED")]


class TestImageVariantsInDocker(ImageVariants):
    engine = "docker"


class TestImageVariantsInSandboxes(ImageVariants):
    engine = "sandbox"
