"""Attempts of children that are lost by chance.

In a module of its own: moto has one state per process, so a second cloud empties the first.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.functional.local.batch.batch_server import BatchCloud, Customer

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 40


def test_children_that_do_not_start_or_lose_their_host_are_tried_again(tmp_path: Path) -> None:
    cloud = BatchCloud(tmp_path, chaos="arrays")
    customer = Customer(cloud.endpoint)
    customer.set_up(retry={"attempts": 10})
    job_id = customer.submit("exit 0", arrayProperties={"size": SIZE})
    parent = customer.ended(job_id)
    ids = [f"{job_id}:{index}" for index in range(SIZE)]
    children = customer.batch.describe_jobs(jobs=ids)["jobs"]
    cloud.stop()
    assert parent["arrayProperties"]["statusSummary"]["SUCCEEDED"] == SIZE
    attempts = Counter(
        attempt["statusReason"].partition(" (")[0] for c in children for attempt in c["attempts"]
    )
    assert attempts["Essential container in task exited"] == SIZE
    assert attempts["Task failed to start"] > 0
    assert {*attempts} <= {
        "Essential container in task exited", "Task failed to start", "Host EC2",
    }  # fmt: skip
