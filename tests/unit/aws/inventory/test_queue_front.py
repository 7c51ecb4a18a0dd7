"""Where a queued job stands, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scar.aws.inventory.queue_front import QueueFront, describe_place, read_queue_front


def front(
    places: int = 12, used: float | None = 2, most: int = 2, environments: int = 1
) -> QueueFront:
    by_job = {f"j{n}": n for n in range(1, places + 1)}
    return QueueFront(places=by_job, used=used, most=most, environments=environments)


def test_a_place_with_the_reason_of_a_full_environment() -> None:
    assert describe_place(front(), "j3", status="RUNNABLE") == (
        "3rd of 12 in the queue; the compute environment is at its max_v_cpus (2 of 2 used)"
    )


@pytest.mark.parametrize(
    ("place", "words"),
    [(1, "1st"), (2, "2nd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"), (22, "22nd")],
)
def test_ordinals(place: int, words: str) -> None:
    text = describe_place(front(30, used=None), f"j{place}", status="RUNNABLE")
    assert text == f"{words} of 30 in the queue"


@pytest.mark.parametrize(
    ("job", "status", "waiting", "words"),
    [
        ("j100", "RUNNABLE", None, "100th of 100 or more in the queue"),
        ("j5", "RUNNABLE", 2000, "5th of 2,000 or more in the queue"),
        ("other", "RUNNABLE", 2000, "behind the first 100 jobs of the queue"),
        ("other", "SUBMITTED", 2000, "SUBMITTED, not RUNNABLE yet"),
    ],
)
def test_what_is_known_of_a_long_queue(
    job: str, status: str, waiting: int | None, words: str
) -> None:
    assert describe_place(front(100, None), job, status=status, waiting=waiting) == words


def test_everything_that_batch_says() -> None:
    found = replace(front(1, 1, 4, 2), problems=("compute environment x is INVALID",))
    text = describe_place(found, "j1", status="RUNNABLE", reason="CAPACITY: none")
    assert text == (
        "1st of 1 in the queue; compute environment x is INVALID; the compute environments are"
        " below max_v_cpus (1 of 4 used);"
        " AWS Batch: CAPACITY: none"
    )


def test_room_without_a_reason_means_that_instances_start() -> None:
    text = describe_place(front(1, 1, 4), "j1", status="RUNNABLE")
    assert text.endswith("(1 of 4 used): instances start, or AWS has none to offer")


def test_a_job_waits_for_the_reason_of_the_first_job_of_its_queue() -> None:
    found = replace(front(2, 1, 4), first_reason="CAPACITY: none")
    assert describe_place(found, "j2", status="RUNNABLE") == (
        "2nd of 2 in the queue; the compute environment is below max_v_cpus (1 of 4 used);"
        " AWS Batch on the first job of the queue: CAPACITY: none"
    )
    # The first job's own description is newer than the snapshot.
    assert "first job" not in describe_place(found, "j1", status="RUNNABLE")


class FakeBatch:
    """Batch with one queue of two environments, one of them INVALID; counts requests."""

    def __init__(self) -> None:
        self.calls = 0

    def get_job_queue_snapshot(self, **_: str) -> dict[str, Any]:
        self.calls += 1
        return {
            "frontOfQueue": {"jobs": [{"jobArn": "arn:aws:batch:r:1:job/a"}, {"jobArn": "x/b"}]},
            "queueUtilization": {"totalCapacityUsage": [{"capacityUnit": "VCPU", "quantity": 3.0}]},
        }

    def describe_job_queues(self, **_: object) -> dict[str, Any]:
        self.calls += 1
        order = [{"order": n, "computeEnvironment": f"arn/e{n}"} for n in (1, 2)]
        return {"jobQueues": [{"computeEnvironmentOrder": order}]}

    def describe_compute_environments(self, **_: object) -> dict[str, Any]:
        self.calls += 1
        resources = {"maxvCpus": 8}
        states = [("e1", "VALID"), ("e2", "INVALID")]
        return {
            "computeEnvironments": [
                {
                    "computeEnvironmentName": name,
                    "status": status,
                    "statusReason": "no role",
                    "computeResources": resources,
                }
                for name, status in states
            ]
        }

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        self.calls += 1
        return {"jobs": [{"jobId": j, "status": "RUNNABLE", "statusReason": "why"} for j in jobs]}


def test_a_queue_is_read_in_four_requests() -> None:
    batch = FakeBatch()
    found = read_queue_front(batch, "q")  # type: ignore[arg-type]
    assert batch.calls == 4
    assert found == QueueFront(
        places={"a": 1, "b": 2},
        used=3.0,
        most=8,
        environments=1,
        problems=("compute environment e2 is INVALID: no role",),
        first_reason="why",
    )


def test_a_job_that_can_never_run_does_not_wait_for_instances() -> None:
    reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no instance has 8 GPUs"
    assert describe_place(front(), "j3", status="RUNNABLE", reason=reason) == (
        f"3rd of 12 in the queue; AWS Batch: {reason}"
    )
