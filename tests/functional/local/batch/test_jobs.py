"""Jobs through boto3, run as real processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.local.batch.batch_server import IMAGE, BatchCloud, Customer, Killable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST_LOSS_ONLY = {
    "attempts": 3,
    "evaluateOnExit": [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ],
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    cloud = BatchCloud(tmp_path_factory.mktemp("cloud"))
    customer = Customer(cloud.endpoint)
    customer.set_up()
    yield customer
    cloud.stop()


@pytest.fixture
def customer(shared: Customer) -> Iterator[Customer]:
    """One cloud for all tests of a worker; each test ends its own jobs."""
    yield shared
    shared.end_all()


@pytest.fixture
def queue(customer: Customer) -> str:
    """Create a queue for this test, with two vCPUs."""
    return customer.make_queue()


def test_a_job_runs_with_the_variables_of_aws_and_its_log_is_kept(customer: Customer) -> None:
    job_id = customer.submit("env")
    job = customer.ended(job_id)
    assert (job["status"], job["container"]["exitCode"]) == ("SUCCEEDED", 0)
    assert job["statusReason"] == "Essential container in task exited"
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    stream = job["container"]["logStreamName"]
    assert stream.startswith("fun/default/")
    log = customer.log(stream)
    for line in (
        f"AWS_BATCH_JOB_ID={job_id}",
        "AWS_BATCH_JOB_ATTEMPT=1",
        "AWS_BATCH_CE_NAME=env-of-queue",
        "AWS_BATCH_JQ_NAME=queue",
        "AWS_REGION=us-east-1",
        "AWS_ENDPOINT_URL=http://127.0.0.1:1",
    ):
        assert line in log


def test_a_failing_job_is_tried_as_often_as_it_may(customer: Customer) -> None:
    job = customer.ended(customer.submit("exit 3", retryStrategy={"attempts": 2}))
    assert job["status"] == "FAILED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [3, 3]
    streams = {attempt["container"]["logStreamName"] for attempt in job["attempts"]}
    assert len(streams) == 2
    assert "attempt 2" in customer.log(job["container"]["logStreamName"])


def test_a_job_over_its_memory_is_killed_and_the_reason_reported(customer: Customer) -> None:
    job = customer.ended(customer.submit("hog"))
    assert job["status"] == "FAILED"
    assert job["container"]["exitCode"] == 137
    assert job["container"]["reason"].startswith("OutOfMemoryError: Container killed")


def test_memory_overrides_count(customer: Customer) -> None:
    more = {"resourceRequirements": [{"type": "MEMORY", "value": "512"}]}
    job_id = customer.submit("hog", containerOverrides=more)
    customer.running(job_id)
    needs = customer.job(job_id)["container"]["resourceRequirements"]
    assert {"type": "MEMORY", "value": "512"} in needs
    customer.batch.terminate_job(jobId=job_id, reason="enough")
    assert customer.ended(job_id)["statusReason"] == "enough"


def test_a_terminated_job_gets_term_and_fails_with_the_users_reason(customer: Customer) -> None:
    job_id = customer.submit("sleep", retryStrategy={"attempts": 5})
    customer.running(job_id)
    customer.batch.terminate_job(jobId=job_id, reason="changed my mind")
    job = customer.ended(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "changed my mind")
    assert job["container"]["exitCode"] == 7
    assert len(job["attempts"]) == 1


def test_a_job_without_its_image_fails_naming_it(customer: Customer) -> None:
    customer.define("lost", image=IMAGE + "0")
    job = customer.ended(customer.submit(jobDefinition="lost"))
    assert job["status"] == "FAILED"
    assert IMAGE in job["container"]["reason"]
    assert job["container"]["reason"].startswith("CannotPullContainerError")


def test_long_overrides_are_accepted_and_the_job_fails(customer: Customer) -> None:
    job = customer.ended(customer.submit("x" * 9_000))
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Container Overrides length must be at most 8192"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jobQueue": "none"}, "JobQueue none not found"),
        ({"jobDefinition": "none"}, "JobDefinition name none does not exist"),
        ({"jobName": "a b"}, "Exception : Job name should match valid pattern"),
        ({"arrayProperties": {"size": 1}}, "Array size must be between 2 and 10000"),
        ({"parameters": {"x": "y" * (47 << 10)}}, "Job size must be less than 30 KiB, got 48 KiB"),
    ],
)
def test_what_aws_refuses_is_refused(
    customer: Customer, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        customer.submit(**change)


def test_jobs_wait_for_capacity_and_a_job_too_large_reports_why(
    customer: Customer, queue: str
) -> None:
    sleepers = [customer.submit("sleep", jobQueue=queue) for _ in range(2)]
    for job_id in sleepers:
        customer.running(job_id)
    waiting = customer.submit(jobQueue=queue)
    large = customer.submit(
        jobQueue=queue,
        containerOverrides={"resourceRequirements": [{"type": "VCPU", "value": "8"}]},
    )
    reason = customer.until(large, lambda job: "statusReason" in job)["statusReason"]
    assert reason.startswith("MISCONFIGURATION:")
    assert customer.job(waiting)["status"] == "RUNNABLE"
    runnable = customer.batch.list_jobs(jobQueue=queue, jobStatus="RUNNABLE")
    assert {job["jobId"] for job in runnable["jobSummaryList"]} == {waiting, large}
    customer.batch.cancel_job(jobId=large, reason="too large")
    customer.batch.terminate_job(jobId=sleepers[0], reason="make room")
    assert customer.ended(waiting)["status"] == "SUCCEEDED"
    assert customer.job(large)["statusReason"] == "too large"


def test_jobs_are_listed_by_state_and_filter_page_by_page(customer: Customer, queue: str) -> None:
    names = [f"job-{number}" for number in range(5)]
    ids = [customer.submit(jobName=name, jobQueue=queue) for name in names]
    for job_id in ids:
        customer.ended(job_id)
    pages = customer.batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, jobStatus="SUCCEEDED", PaginationConfig={"PageSize": 2}
    )
    listed = [job["jobName"] for page in pages for job in page["jobSummaryList"]]
    assert listed == names[::-1]
    found = customer.batch.list_jobs(
        jobQueue=queue, filters=[{"name": "JOB_NAME", "values": ["JOB-3*"]}]
    )
    assert [job["jobName"] for job in found["jobSummaryList"]] == ["job-3"]
    assert found["jobSummaryList"][0]["container"] == {"exitCode": 0}
    times = {job_id: customer.job(job_id)["createdAt"] for job_id in ids}
    middle = times[ids[2]]
    expected = {
        "BEFORE_CREATED_AT": {job_id for job_id in ids if times[job_id] < middle},
        "AFTER_CREATED_AT": {job_id for job_id in ids if times[job_id] > middle},
    }
    for name, matching in expected.items():
        filters: Any = [{"name": name, "values": [str(middle)]}]
        found = customer.batch.list_jobs(jobQueue=queue, filters=filters)
        assert {job["jobId"] for job in found["jobSummaryList"]} == matching


@pytest.mark.parametrize("operation", ["terminate_job", "cancel_job", "terminate_jobs"])
def test_a_reason_has_at_most_1024_characters(
    customer: Customer, queue: str, operation: str
) -> None:
    job_id = customer.submit("sleep", jobQueue=queue)
    named: Any = {"jobs": [job_id]} if operation == "terminate_jobs" else {"jobId": job_id}
    end = getattr(customer.batch, operation)
    with pytest.raises(ClientError, match="at most 1024 characters"):
        end(**named, reason="x" * 1025)
    end(**named, reason="x" * 1024)


def test_queues_and_environments_in_use_are_not_deleted(customer: Customer, queue: str) -> None:
    batch = customer.batch
    with pytest.raises(ClientError, match="found existing JobQueue relationship"):
        batch.delete_compute_environment(computeEnvironment=f"env-of-{queue}")
    with pytest.raises(ClientError, match="DISABLED"):
        batch.delete_job_queue(jobQueue=queue)
    job_id = customer.submit("sleep", jobQueue=queue)
    customer.running(job_id)
    batch.update_job_queue(jobQueue=queue, state="DISABLED")
    with pytest.raises(ClientError, match="DISABLED"):
        customer.submit(jobQueue=queue)
    batch.delete_job_queue(jobQueue=queue)
    assert customer.ended(job_id)["statusReason"] == "Job queue was deleted"


def test_after_kill_9_waiting_jobs_go_on_and_running_ones_lost_their_host(tmp_path: Path) -> None:
    first = Killable(tmp_path)
    first.customer.set_up(retry=HOST_LOSS_ONLY)
    first.customer.define("once", retry={"attempts": 1})
    retried = first.customer.submit("sleep")
    lost = first.customer.submit("sleep", jobDefinition="once")
    more = {"resourceRequirements": [{"type": "VCPU", "value": "3"}]}
    waiting = [first.customer.submit(containerOverrides=more) for _ in range(2)]
    first.customer.running(retried)
    first.customer.running(lost)
    first.kill()

    second = Killable(tmp_path)
    job = second.customer.running(retried)
    assert job["attempts"][0]["statusReason"].startswith("Host EC2")
    assert "attempt 2" in second.customer.log(job["container"]["logStreamName"])
    assert second.customer.job(lost)["status"] == "FAILED"
    assert second.customer.job(lost)["statusReason"].startswith("Host EC2")
    for job_id in waiting:
        assert second.customer.ended(job_id)["status"] == "SUCCEEDED"
    second.customer.batch.terminate_job(jobId=retried, reason="end")
    assert second.customer.ended(retried)["statusReason"] == "end"
    second.stop()


TIME_LIMIT = {
    "reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    "state": "RUNNABLE",
    "maxTimeSeconds": 600,
    "action": "CANCEL",
}


def time_limits(customer: Customer, queue: str) -> list[dict[str, Any]]:
    (found,) = customer.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
    limits: list[dict[str, Any]] = found["jobStateTimeLimitActions"]
    return limits


def test_time_limits_of_a_queue_are_stored_and_updated(customer: Customer, queue: str) -> None:
    assert time_limits(customer, queue) == []
    customer.batch.update_job_queue(jobQueue=queue, jobStateTimeLimitActions=[TIME_LIMIT])
    customer.batch.update_job_queue(jobQueue=queue, priority=7)
    assert time_limits(customer, queue) == [TIME_LIMIT]
    customer.batch.update_job_queue(jobQueue=queue, jobStateTimeLimitActions=[])
    assert time_limits(customer, queue) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maxTimeSeconds": 599}, "between 600 and 86400"),
        ({"maxTimeSeconds": 86401}, "between 600 and 86400"),
        ({"reason": "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS"}, "must be one of"),
        ({"action": "TERMINATE"}, "action CANCEL"),
    ],
)
def test_time_limits_that_aws_refuses_are_refused(
    customer: Customer, queue: str, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        customer.batch.update_job_queue(
            jobQueue=queue, jobStateTimeLimitActions=[{**TIME_LIMIT, **change}]
        )


def test_a_job_that_no_instance_can_hold_reports_why(customer: Customer, queue: str) -> None:
    needs = [{"type": "MEMORY", "value": str(2_000_000)}]
    large = customer.submit(jobQueue=queue, containerOverrides={"resourceRequirements": needs})
    job = customer.until(large, lambda job: "statusReason" in job)
    assert job["statusReason"].startswith("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")


def test_an_image_that_cannot_be_pulled_is_tried_again_but_not_for_ever(
    customer: Customer,
) -> None:
    rules = [
        {"onStatusReason": "Task failed to start*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ]
    retry = {"attempts": 3, "evaluateOnExit": rules}
    customer.define("gone", image=IMAGE + "0", retry=retry)
    job = customer.ended(customer.submit(jobDefinition="gone"))
    assert job["status"] == "FAILED"
    assert [a["statusReason"] for a in job["attempts"]] == ["Task failed to start"] * 3
