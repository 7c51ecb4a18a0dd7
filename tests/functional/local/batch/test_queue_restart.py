"""Settings of queues that moto drops survive a restart.

In a module of its own: moto has one state per process, so a second cloud empties the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.functional.local.batch.batch_server import BatchCloud, Customer

if TYPE_CHECKING:
    from pathlib import Path

TIME_LIMIT = {
    "reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    "state": "RUNNABLE",
    "maxTimeSeconds": 600,
    "action": "CANCEL",
}


def test_time_limits_survive_a_restart(tmp_path: Path) -> None:
    cloud = BatchCloud(tmp_path)
    customer = Customer(cloud.endpoint)
    queue = customer.make_queue()
    customer.batch.update_job_queue(jobQueue=queue, jobStateTimeLimitActions=[TIME_LIMIT])
    cloud.stop()
    cloud = BatchCloud(tmp_path)
    (found,) = Customer(cloud.endpoint).batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
    cloud.stop()
    assert found["jobStateTimeLimitActions"] == [TIME_LIMIT]
