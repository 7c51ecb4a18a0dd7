"""Jobs with GPUs through boto3, on a machine that is said to have two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.local.engines.port import GpuDevice
from tests.functional.local.batch.batch_server import BatchCloud, Customer

if TYPE_CHECKING:
    from collections.abc import Iterator

GPUS = tuple(GpuDevice(index=n, id=f"GPU-{n}") for n in range(2))


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    cloud = BatchCloud(tmp_path_factory.mktemp("cloud"), gpus=GPUS)
    customer = Customer(cloud.endpoint)
    customer.set_up()
    customer.make_queue("gpus", max_vcpus=8, types="g5")
    yield customer
    customer.end_all()
    cloud.stop()


def needing(gpus: int) -> dict[str, Any]:
    requirements = [{"type": "GPU", "value": str(gpus)}]
    return {"jobQueue": "gpus", "containerOverrides": {"resourceRequirements": requirements}}


def visible(customer: Customer, job: dict[str, Any]) -> set[str]:
    lines = customer.log(job["container"]["logStreamName"]).splitlines()
    found = {line.partition("=")[2] for line in lines if line.startswith("NVIDIA_VISIBLE")}
    assert found == {line.partition("=")[2] for line in lines if line.startswith("CUDA_VISIBLE")}
    return {gpu for text in found for gpu in text.split(",")}


def test_a_job_gets_as_many_gpus_as_it_asks_for(customer: Customer) -> None:
    both = customer.ended(customer.submit("env", **needing(2)))
    assert both["status"] == "SUCCEEDED"
    assert visible(customer, both) == {"GPU-0", "GPU-1"}
    assert {"type": "GPU", "value": "2"} in both["container"]["resourceRequirements"]
    none = customer.ended(customer.submit("env"))
    assert visible(customer, none) == set()


def test_a_gpu_is_used_by_one_job_at_a_time(customer: Customer) -> None:
    first = customer.submit("sleep", **needing(1))
    customer.running(first)
    second = customer.ended(customer.submit("env", **needing(1)))
    assert visible(customer, second) == {"GPU-1"}
    waiting = customer.submit("env", **needing(2))
    assert customer.job(waiting)["status"] != "SUCCEEDED"
    customer.batch.terminate_job(jobId=first, reason="enough")
    assert visible(customer, customer.ended(waiting)) == {"GPU-0", "GPU-1"}


def test_a_job_with_more_gpus_stays_runnable_with_the_reason(customer: Customer) -> None:
    job = customer.submit("env", **needing(3))
    found = customer.until(job, lambda job: bool(job.get("statusReason")))
    assert found["status"] == "RUNNABLE"
    assert found["statusReason"].startswith("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - ")
    assert found["statusReason"].endswith("the job needs GPUs: 3; this machine has 2")
    customer.batch.terminate_job(jobId=job, reason="enough")
