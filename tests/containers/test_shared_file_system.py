"""A Lambda function and a job share the file system of one access point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from tests.fakes.local_cloud import a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

pytestmark = pytest.mark.container
EFS = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
S3 = (
    "arn:aws:s3files:us-east-1:123456789012:file-system/fs-0123456789abcdef0"
    "/access-point/fsap-0123456789abcdef1"
)


def functions(cloud: LocalCloudProcess) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a Lambda function in the default VPC, and one with jobs."""
    ec2 = cloud.client("ec2")
    network = {
        "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
        "security_group_ids": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
    }
    batch = {
        **IN_BATCH,
        "file_system": [
            {"arn": EFS, "path": "/mnt/reference", "read_only": True},
            {"arn": S3, "path": "/mnt/results"},
        ],
        "shared_memory": 5,
        "tmpfs": {"path": "/scratch", "size": 3},
        "ulimits": {"nofile": 100},
    }
    return (
        function("here", vpc=network, file_system={"arn": EFS, "path": "/mnt/data"}),
        function("jobs", execution_mode="batch", batch=batch),
    )


class SharedFileSystem:
    engine: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def cloud(cls) -> Iterator[LocalCloudProcess]:
        for cloud in a_local_cloud(cls.engine):
            cloud.deploy(*functions(cloud))
            yield cloud

    def test_a_second_plan_is_empty_also_after_a_restart(self, cloud: LocalCloudProcess) -> None:
        assert not cloud.deploy(*functions(cloud)).changes
        cloud.control.stop()
        cloud.start_again()
        assert not cloud.deploy(*functions(cloud)).changes

    def test_a_job_reads_what_a_function_writes_and_cannot_change_it(
        self, cloud: LocalCloudProcess
    ) -> None:
        folder = cloud.control.home.file_systems
        cloud.put("here", 'echo shared >/mnt/data/made; echo >"$TMP_OUTPUT_DIR/written"')
        cloud.read("out/here/written")
        assert (folder / "fsap-0123456789abcdef0" / "made").read_text() == "shared\n"
        cloud.put(
            "jobs",
            "cp /mnt/reference/made /mnt/results/copy;"
            'touch /mnt/reference/other 2>/dev/null || echo refused >"$TMP_OUTPUT_DIR/touched"',
        )
        assert cloud.read("out/jobs/touched") == "refused\n"
        assert (folder / "fsap-0123456789abcdef1" / "copy").read_text() == "shared\n"

    def test_a_job_has_its_memory_file_systems_and_limits(self, cloud: LocalCloudProcess) -> None:
        cloud.put(
            "jobs",
            "{ df -m /dev/shm /scratch | tail -n 2 | awk '{print $2}'; ulimit -n; }"
            ' >"$TMP_OUTPUT_DIR/sizes"',
        )
        assert cloud.read("out/jobs/sizes").split() == ["5", "3", "100"]

    def test_describe_jobs_shows_the_mounts(self, cloud: LocalCloudProcess) -> None:
        batch = cloud.client("batch")
        queue = batch.describe_job_queues()["jobQueues"][0]["jobQueueName"]
        job = batch.submit_job(jobName="j", jobQueue=queue, jobDefinition="jobs")["jobId"]
        (found,) = batch.describe_jobs(jobs=[job])["jobs"]
        paths = [point["containerPath"] for point in found["container"]["mountPoints"]]
        assert paths == ["/mnt/reference", "/mnt/results"]
        batch.terminate_job(jobId=job, reason="test")


class TestInDocker(SharedFileSystem):
    engine = "docker"


class TestInSandboxes(SharedFileSystem):
    engine = "sandbox"
