"""Array jobs, dependencies between jobs, and ends of many jobs at once, through boto3."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.local.batch.batch_server import BatchCloud, Customer, Killable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def array(customer: Customer, what: str = "exit 0", size: int = 3, **more: Any) -> str:  # noqa: ANN401 - as boto3
    return customer.submit(what, arrayProperties={"size": size}, **more)


def summary(customer: Customer, job_id: str) -> dict[str, int]:
    counts: dict[str, int] = customer.job(job_id)["arrayProperties"]["statusSummary"]
    assert len(counts) == 7
    return {status: count for status, count in counts.items() if count}


def children(customer: Customer, job_id: str, status: str) -> list[int]:
    pages = customer.batch.get_paginator("list_jobs").paginate(arrayJobId=job_id, jobStatus=status)
    return [job["arrayProperties"]["index"] for page in pages for job in page["jobSummaryList"]]


def test_each_child_has_its_index_and_the_parent_succeeds_with_the_last(
    customer: Customer,
) -> None:
    job_id = array(customer, "env", 3)
    parent = customer.ended(job_id)
    assert (parent["status"], parent.get("statusReason")) == ("SUCCEEDED", None)
    assert parent["arrayProperties"]["size"] == 3
    assert summary(customer, job_id) == {"SUCCEEDED": 3}
    for index in range(3):
        child = customer.job(f"{job_id}:{index}")
        assert child["jobArn"] == f"{parent['jobArn']}:{index}"
        assert child["arrayProperties"] == {"index": index}
        assert (child["status"], child["container"]["exitCode"]) == ("SUCCEEDED", 0)
        assert parent["createdAt"] <= child["createdAt"] <= child["startedAt"]
        log = customer.log(child["container"]["logStreamName"])
        for line in (
            f"AWS_BATCH_JOB_ID={job_id}:{index}\n",
            f"AWS_BATCH_JOB_ARRAY_INDEX={index}\n",
            "AWS_BATCH_JOB_ARRAY_SIZE=3\n",
        ):
            assert line in log


def test_an_array_fails_once_all_children_have_ended_each_after_its_own_attempts(
    customer: Customer,
) -> None:
    job_id = array(customer, "exit index", 3, retryStrategy={"attempts": 2})
    parent = customer.ended(job_id)
    assert (parent["status"], parent["statusReason"]) == ("FAILED", "Array Child Job failed")
    assert summary(customer, job_id) == {"SUCCEEDED": 1, "FAILED": 2}
    attempts = [len(customer.job(f"{job_id}:{index}")["attempts"]) for index in range(3)]
    assert attempts == [1, 2, 2]
    assert children(customer, job_id, "FAILED") == [1, 2]


def test_a_queue_lists_arrays_and_an_array_lists_its_children_page_by_page(
    customer: Customer, queue: str
) -> None:
    job_id = array(customer, "sleep", 5, jobQueue=queue)
    customer.until(job_id, lambda job: job["arrayProperties"]["statusSummary"]["RUNNING"] == 2)
    listed = customer.batch.list_jobs(jobQueue=queue, jobStatus="PENDING")["jobSummaryList"]
    assert [job["jobId"] for job in listed] == [job_id]
    assert listed[0]["arrayProperties"]["size"] == 5
    assert customer.batch.list_jobs(jobQueue=queue)["jobSummaryList"] == []
    assert children(customer, job_id, "RUNNING") == [0, 1]
    first = customer.batch.list_jobs(arrayJobId=job_id, jobStatus="RUNNABLE", maxResults=2)
    assert [job["jobId"] for job in first["jobSummaryList"]] == [f"{job_id}:2", f"{job_id}:3"]
    rest = customer.batch.list_jobs(
        arrayJobId=job_id, jobStatus="RUNNABLE", maxResults=2, nextToken=first["nextToken"]
    )
    assert [job["jobId"] for job in rest["jobSummaryList"]] == [f"{job_id}:4"]
    assert "nextToken" not in rest


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "Specify one of"),
        ({"jobQueue": "queue", "arrayJobId": "x"}, "Specify one of"),
        ({"arrayJobId": "x"}, "Array job x not found"),
        ({"arrayJobId": "x", "filters": [{"name": "JOB_NAME", "values": ["*"]}]}, "do not apply"),
        ({"jobQueue": "queue", "filters": [{"name": "JOB_NAME"}] * 2}, "Only one filter"),
        (
            {"jobQueue": "queue", "filters": [{"name": "TAG", "values": ["a"]}]},
            "not a ListJobs filter",
        ),
        (
            {"jobQueue": "queue", "filters": [{"name": "BEFORE_CREATED_AT", "values": ["now"]}]},
            "milliseconds since 1970",
        ),
        ({"jobQueue": "queue", "nextToken": "x"}, "nextToken is invalid"),
        ({"jobQueue": "queue", "nextToken": "LTE="}, "nextToken is invalid"),  # -1
    ],
)
def test_lists_that_aws_does_not_have_are_refused(
    customer: Customer, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        customer.batch.list_jobs(**parameters)


def test_jobs_are_found_by_definition_and_page_of_at_most_one_hundred(
    customer: Customer, queue: str
) -> None:
    customer.define("fun-2")
    customer.define("fun-2")
    ids = [customer.submit(jobQueue=queue, jobDefinition=f"fun-2:{n}") for n in (1, 2)]
    first = customer.ended(ids[0])
    customer.ended(ids[1])

    def find(value: str) -> set[str]:
        filters = [{"name": "JOB_DEFINITION", "values": [value]}]
        jobs = customer.batch.list_jobs(jobQueue=queue, filters=filters)["jobSummaryList"]
        return {job["jobId"] for job in jobs}

    assert find("fun-2") == find("fun*") == {*ids}
    assert find(first["jobDefinition"]) == {ids[0]}
    assert find("FUN-2") == find("fun") == set()


def test_a_terminated_array_ends_its_running_children_and_cancels_the_others(
    customer: Customer, queue: str
) -> None:
    job_id = array(customer, "sleep", 5, jobQueue=queue)
    for index in (0, 1):
        customer.running(f"{job_id}:{index}")
    customer.batch.terminate_job(jobId=job_id, reason="enough")
    parent = customer.ended(job_id)
    assert (parent["status"], parent["statusReason"]) == ("FAILED", "enough")
    assert parent["isTerminated"]
    assert summary(customer, job_id) == {"FAILED": 5}
    ends = [customer.job(f"{job_id}:{index}") for index in range(5)]
    assert {job["statusReason"] for job in ends} == {"enough"}
    assert [job["container"].get("exitCode") for job in ends] == [7, 7, None, None, None]


def test_a_cancelled_array_waits_for_its_running_children(customer: Customer, queue: str) -> None:
    job_id = array(customer, "sleep", 4, jobQueue=queue)
    for index in (0, 1):
        customer.running(f"{job_id}:{index}")
    customer.batch.cancel_job(jobId=job_id, reason="too many")
    assert summary(customer, job_id) == {"RUNNING": 2, "FAILED": 2}
    assert customer.job(job_id)["status"] == "PENDING"
    assert customer.job(f"{job_id}:3")["isCancelled"]
    for index in (0, 1):
        customer.batch.terminate_job(jobId=f"{job_id}:{index}", reason="alone")
    parent = customer.ended(job_id)
    assert (parent["status"], parent["statusReason"]) == ("FAILED", "too many")
    assert customer.job(f"{job_id}:0")["statusReason"] == "alone"
    assert parent["isCancelled"]


def test_many_jobs_end_in_one_call_and_each_has_its_own_result(
    customer: Customer, queue: str
) -> None:
    job_id = array(customer, "sleep", 3, jobQueue=queue)
    for index in (0, 1):
        customer.running(f"{job_id}:{index}")
    unknown = f"{job_id[:-1]}{'0' if job_id[-1] != '0' else '1'}"
    ids = [f"{job_id}:0", unknown, "not an id"]
    for operation in (customer.batch.cancel_jobs, customer.batch.terminate_jobs):
        result = operation(jobs=ids, reason="x")
        assert result["successful"] == ids[:2]
        ((code, job),) = [(error["code"], error["job"]) for error in result["errors"]]
        assert (code, job) == ("ValidationException", "not an id")
    assert customer.ended(f"{job_id}:0")["statusReason"] == "x"
    assert customer.job(f"{job_id}:1")["status"] == "RUNNING"
    with pytest.raises(ClientError, match="1 to 50"):
        customer.batch.terminate_jobs(jobs=[job_id] * 51, reason="x")


def test_a_job_starts_after_those_it_depends_on(customer: Customer, queue: str) -> None:
    first = array(customer, "exit 0", 2, jobQueue=queue)
    second = customer.submit("exit 0", jobQueue=queue, dependsOn=[{"jobId": first}])
    job = customer.ended(second)
    assert job["status"] == "SUCCEEDED"
    assert job["dependsOn"] == [{"jobId": first}]
    assert job["startedAt"] >= customer.job(first)["stoppedAt"]


def test_a_failed_dependency_fails_all_that_depend_on_it(customer: Customer, queue: str) -> None:
    first = customer.submit("sleep", jobQueue=queue)
    customer.running(first)
    chain = [first]
    for _ in range(3):
        depends = [{"jobId": chain[-1]}]
        chain.append(customer.submit(jobQueue=queue, dependsOn=depends))
    chain.append(array(customer, jobQueue=queue, dependsOn=[{"jobId": chain[-1]}]))
    customer.until(chain[-1], lambda job: job["status"] == "PENDING")
    customer.batch.terminate_job(jobId=first, reason="no")
    for job_id in chain[1:]:
        job = customer.ended(job_id)
        assert (job["status"], job["statusReason"]) == ("FAILED", "Dependent Job failed")
        assert job["attempts"] == []


def test_the_children_of_a_sequential_array_run_one_after_another(customer: Customer) -> None:
    job_id = array(customer, "exit 0", 4, dependsOn=[{"type": "SEQUENTIAL"}])
    assert customer.ended(job_id)["status"] == "SUCCEEDED"
    times = [customer.job(f"{job_id}:{index}") for index in range(4)]
    for before, after in itertools.pairwise(times):
        assert before["stoppedAt"] <= after["startedAt"]
    failing = array(customer, "exit index", 4, dependsOn=[{"type": "SEQUENTIAL"}])
    assert customer.ended(failing)["status"] == "FAILED"
    assert summary(customer, failing) == {"SUCCEEDED": 1, "FAILED": 3}
    assert customer.job(f"{failing}:3")["statusReason"] == "Dependent Job failed"


def test_a_child_waits_for_the_child_of_the_same_index(customer: Customer) -> None:
    first = array(customer, "exit index", 3)
    second = array(customer, "exit 0", 3, dependsOn=[{"jobId": first, "type": "N_TO_N"}])
    assert customer.ended(second)["status"] == "FAILED"
    assert children(customer, second, "SUCCEEDED") == [0]
    assert children(customer, second, "FAILED") == [1, 2]
    assert customer.job(f"{second}:2")["statusReason"] == "Dependent Job failed"


def test_a_cancelled_job_that_waits_for_another_ends_after_it(
    customer: Customer, queue: str
) -> None:
    first = customer.submit("sleep", jobQueue=queue)
    second = customer.submit(jobQueue=queue, dependsOn=[{"jobId": first}])
    customer.until(second, lambda job: job["status"] == "PENDING")
    customer.batch.cancel_job(jobId=second, reason="no more")
    assert customer.job(second)["status"] == "PENDING"
    customer.batch.terminate_job(jobId=first, reason="x")
    job = customer.ended(second)
    assert (job["statusReason"], job["isCancelled"]) == ("no more", True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arrayProperties": {"size": 10_001}}, "Array size must be between 2 and 10000"),
        ({"dependsOn": [{"type": "SEQUENTIAL"}]}, "for array jobs only"),
        ({"dependsOn": [{"jobId": "x"}]}, "the job x does not exist"),
        ({"dependsOn": [{"jobId": "x"}] * 21}, "at most 20 jobs"),
    ],
)
def test_arrays_and_dependencies_that_aws_refuses_are_refused(
    customer: Customer, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        customer.submit(**change)


def test_pairs_need_arrays_of_one_size(customer: Customer) -> None:
    single, small = customer.submit(), array(customer, size=2)
    for job_id, message in ((single, "is an array job"), (small, "of the same size")):
        with pytest.raises(ClientError, match=message):
            array(customer, size=3, dependsOn=[{"jobId": job_id, "type": "N_TO_N"}])


@pytest.mark.parametrize("index", ["3", "00", "-1", "", "x", "9" * 30])
def test_an_array_has_no_other_children(customer: Customer, index: str) -> None:
    job_id = array(customer, size=3)
    customer.ended(job_id)
    assert customer.batch.describe_jobs(jobs=[f"{job_id}:{index}"])["jobs"] == []
    customer.batch.terminate_job(jobId=f"{job_id}:{index}", reason="x")


def test_an_array_with_long_overrides_is_accepted_and_fails_without_children(
    customer: Customer,
) -> None:
    parent = customer.ended(array(customer, "x" * 9_000))
    assert parent["statusReason"] == "Container Overrides length must be at most 8192"
    assert {*parent["arrayProperties"]["statusSummary"].values()} == {0}


def test_children_that_no_environment_can_hold_report_why(customer: Customer, queue: str) -> None:
    needs = [{"type": "VCPU", "value": "8"}]
    large = array(customer, jobQueue=queue, containerOverrides={"resourceRequirements": needs})
    child = customer.until(f"{large}:2", lambda job: "statusReason" in job)
    assert child["statusReason"].startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE")
    assert child["status"] == "RUNNABLE"


def test_the_arrays_of_a_deleted_queue_end(customer: Customer, queue: str) -> None:
    job_id = array(customer, "sleep", 4, jobQueue=queue)
    customer.running(f"{job_id}:0")
    customer.batch.update_job_queue(jobQueue=queue, state="DISABLED")
    customer.batch.delete_job_queue(jobQueue=queue)
    parent = customer.ended(job_id)
    assert parent["statusReason"] == "Job queue was deleted"
    assert summary(customer, job_id) == {"FAILED": 4}


def test_after_kill_9_children_that_ran_lost_their_host_and_the_others_run(tmp_path: Path) -> None:
    first = Killable(tmp_path)
    first.customer.set_up(retry={"attempts": 2})
    job_id = array(first.customer, "sleep once", 6)
    for index in range(4):
        first.customer.running(f"{job_id}:{index}")
    after = first.customer.submit(dependsOn=[{"jobId": job_id}])
    first.kill()

    second = Killable(tmp_path)
    # Children 4 and 5 sleep in their first attempt.
    for index in (4, 5):
        second.customer.running(f"{job_id}:{index}")
        second.customer.batch.terminate_job(jobId=f"{job_id}:{index}", reason="end")
    parent = second.customer.ended(job_id)
    assert parent["status"] == "FAILED"
    assert summary(second.customer, job_id) == {"SUCCEEDED": 4, "FAILED": 2}
    child = second.customer.job(f"{job_id}:0")
    assert child["attempts"][0]["statusReason"].startswith("Host EC2")
    assert child["attempts"][1]["container"]["exitCode"] == 0
    assert second.customer.ended(after)["statusReason"] == "Dependent Job failed"
    second.stop()
