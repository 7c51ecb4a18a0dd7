"""Crash tests for every engine: the local cloud finishes its work after kill -9 and a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.fakes.local_cloud import BUCKET, a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH, processes_with, unique_sleep_seconds
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess


class ServerCrashes:
    """Each test has its own local cloud."""

    engine: ClassVar[str]

    @pytest.fixture
    def cloud(self) -> Iterator[LocalCloudProcess]:
        here = function("here", concurrency=1)
        jobs = function("jobs", execution_mode="batch", batch=IN_BATCH)
        yield from a_local_cloud(self.engine, here, jobs)

    def test_every_upload_gets_its_output_after_kill_9_and_start(
        self, cloud: LocalCloudProcess
    ) -> None:
        """One invocation and one job are running; more events are queued behind the invocation."""
        first, second = unique_sleep_seconds(), unique_sleep_seconds()
        write = 'echo 1 >"$TMP_OUTPUT_DIR/$(basename "$STORAGE_OBJECT_KEY")"'
        names = {"here": ["call"], "jobs": ["job"]}
        # The script sees from the function's environment that this is the second time.
        cloud.put("here", f'[ "$SECOND_TIME" ] || sleep {first}; {write}', "call")
        half = f'echo 1 >"$TMP_OUTPUT_DIR/half"; touch here; sleep {second}'
        cloud.put(
            "jobs", f'[ "$SCAR_ATTEMPT" = 2 ] || {{ {half}; }}; [ -e here ] || {write}', "job"
        )
        until(lambda: processes_with(first) and processes_with(second))
        for number in range(5):
            name = f"waiting {number}"
            cloud.put("here", write, name)
            names["here"].append(name)
        functions = [
            f["FunctionName"] for f in cloud.client("lambda").list_functions()["Functions"]
        ]
        # Only sandboxes that start from now on see the variable.
        cloud.client("lambda").update_function_configuration(
            FunctionName="here", Environment={"Variables": {"SECOND_TIME": "1"}}
        )
        cloud.kill()
        cloud.start_again()
        until(lambda: not processes_with(first) and not processes_with(second))
        for name, keys in names.items():
            expected = sorted(f"out/{name}/{key}" for key in keys)
            for key in expected:
                assert cloud.read(key) == "1\n"
            assert sorted(cloud.keys(f"out/{name}/")) == expected
        listed = cloud.client("lambda").list_functions()["Functions"]
        assert sorted(f["FunctionName"] for f in listed) == sorted(functions)
        assert BUCKET in [b["Name"] for b in cloud.client("s3").list_buckets()["Buckets"]]
        (queue,) = cloud.client("batch").describe_job_queues()["jobQueues"]
        assert (queue["state"], queue["status"]) == ("ENABLED", "VALID")
        job = cloud.job_ended("jobs", "in/jobs/job")
        assert job["status"] == "SUCCEEDED"
        assert job["attempts"][0]["statusReason"].startswith("Host EC2")
        records = cloud.ended("jobs", "in/jobs/job")
        assert {"attempt-1.json", "attempt-2.json", "done.json"} <= records.keys()
        assert len(cloud.runs("jobs", "in/jobs/job")) == 1
        cloud.put("here", write, "later")
        assert cloud.read("out/here/later") == "1\n"
