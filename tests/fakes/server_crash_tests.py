"""What a local cloud makes of its work after kill -9, on every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.fakes.local_cloud import BUCKET, a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH, processes_with, seconds_nobody_else_sleeps
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloud


class KilledClouds:
    """Each test has a cloud of its own."""

    engine: ClassVar[str]

    @pytest.fixture
    def fresh(self) -> Iterator[LocalCloud]:
        here = function("here", concurrency=1)
        jobs = function("jobs", execution_mode="batch", batch=IN_BATCH)
        yield from a_local_cloud(self.engine, here, jobs)

    def test_every_upload_gets_its_output_after_kill_9_and_start(self, fresh: LocalCloud) -> None:
        """One call and one job are under way, more events wait for the call to end."""
        first, second = seconds_nobody_else_sleeps(), seconds_nobody_else_sleeps()
        write = 'echo 1 >"$TMP_OUTPUT_DIR/$(basename "$STORAGE_OBJECT_KEY")"'
        names = {"here": ["call"], "jobs": ["job"]}
        # Variables of Lambda's configuration say what is different the second time.
        fresh.put("here", f'[ "$CALM" ] || sleep {first}; {write}', "call")
        half = f'echo 1 >"$TMP_OUTPUT_DIR/half"; touch here; sleep {second}'
        fresh.put(
            "jobs", f'[ "$SCAR_ATTEMPT" = 2 ] || {{ {half}; }}; [ -e here ] || {write}', "job"
        )
        until(lambda: processes_with(first) and processes_with(second))
        for number in range(5):
            name = f"waiting {number}"
            fresh.put("here", write, name)
            names["here"].append(name)
        functions = [
            f["FunctionName"] for f in fresh.client("lambda").list_functions()["Functions"]
        ]
        # Seen by sandboxes that start from now on.
        fresh.client("lambda").update_function_configuration(
            FunctionName="here", Environment={"Variables": {"CALM": "1"}}
        )
        fresh.kill()
        fresh.start_again()
        until(lambda: not processes_with(first) and not processes_with(second))
        for name, wanted in names.items():
            expected = sorted(f"out/{name}/{key}" for key in wanted)
            for key in expected:
                assert fresh.read(key) == "1\n"
            assert sorted(fresh.keys(f"out/{name}/")) == expected
        listed = fresh.client("lambda").list_functions()["Functions"]
        assert sorted(f["FunctionName"] for f in listed) == sorted(functions)
        assert BUCKET in [b["Name"] for b in fresh.client("s3").list_buckets()["Buckets"]]
        (queue,) = fresh.client("batch").describe_job_queues()["jobQueues"]
        assert (queue["state"], queue["status"]) == ("ENABLED", "VALID")
        job = fresh.job_ended("jobs", "in/jobs/job")
        assert job["status"] == "SUCCEEDED"
        assert job["attempts"][0]["statusReason"].startswith("Host EC2")
        records = fresh.ended("jobs", "in/jobs/job")
        assert {"attempt-1.json", "attempt-2.json", "done.json"} <= records.keys()
        assert len(fresh.runs("jobs", "in/jobs/job")) == 1
        fresh.put("here", write, "later")
        assert fresh.read("out/here/later") == "1\n"
