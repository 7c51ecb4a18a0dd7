"""Job queues with shares, and snapshots of queues, through boto3: refusals, and who starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.local.batch.batch_server import BatchCloud, Customer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WEIGHTS = {"shareDistribution": [{"shareIdentifier": "labA", "weightFactor": 0.5}]}


@pytest.fixture
def customer(tmp_path: Path) -> Iterator[Customer]:
    """Two queues of the same two vCPUs: ``queue`` with a scheduling policy, ``fifo`` without."""
    cloud = BatchCloud(tmp_path / "cloud")
    customer = Customer(cloud.endpoint)
    customer.make_queue("fifo")
    customer.define()
    arn = customer.batch.create_scheduling_policy(name="policy", fairsharePolicy=WEIGHTS)["arn"]
    customer.batch.create_job_queue(
        jobQueueName="queue",
        priority=1,
        schedulingPolicyArn=arn,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "env-of-fifo"}],
    )
    yield customer
    customer.end_all()
    cloud.stop()


def policy_of(customer: Customer) -> dict[str, Any]:
    (listed,) = customer.batch.list_scheduling_policies()["schedulingPolicies"]
    found = customer.batch.describe_scheduling_policies(arns=[listed["arn"]])
    policy: dict[str, Any] = found["schedulingPolicies"][0]
    return policy


def refused(call: Callable[..., object], words: str, **request: object) -> None:
    with pytest.raises(ClientError, match=words) as error:
        call(**request)
    assert error.value.response["Error"]["Code"] == "ClientException"


def test_a_job_needs_a_share_on_a_queue_with_a_policy_only(customer: Customer) -> None:
    refused(customer.submit, "shareIdentifier is required")
    refused(customer.submit, "must be omitted", jobQueue="fifo", shareIdentifier="a")
    refused(customer.submit, "alphanumeric", shareIdentifier="lab-a")
    refused(customer.submit, "9999", shareIdentifier="a", schedulingPriorityOverride=10_000)
    job = customer.submit(shareIdentifier="labA", schedulingPriorityOverride=7)
    found = customer.ended(job)
    assert (found["shareIdentifier"], found["schedulingPriority"]) == ("labA", 7)
    assert found["status"] == "SUCCEEDED"
    assert "shareIdentifier" not in customer.ended(customer.submit(jobQueue="fifo"))


def test_jobs_are_listed_by_share_and_state(customer: Customer) -> None:
    ids = {share: customer.submit(shareIdentifier=share) for share in ("labA", "labB")}
    for job_id in ids.values():
        customer.ended(job_id)

    def find(share: str, **state: str) -> list[dict[str, Any]]:
        filters: Any = [{"name": "SHARE_IDENTIFIER", "values": [share]}]
        found: list[dict[str, Any]] = customer.batch.list_jobs(
            jobQueue="queue", filters=filters, **state
        )["jobSummaryList"]
        return found

    (job,) = find("labA")
    assert (job["jobId"], job["shareIdentifier"]) == (ids["labA"], "labA")
    # The only filter that is combined with a state.
    assert [job["jobId"] for job in find("labB", jobStatus="SUCCEEDED")] == [ids["labB"]]
    assert find("labB", jobStatus="FAILED") == find("lab") == []


def test_a_policy_belongs_to_a_queue_from_its_creation_on(customer: Customer) -> None:
    batch, arn = customer.batch, policy_of(customer)["arn"]
    refused(batch.delete_scheduling_policy, "used by the job queue", arn=arn)
    refused(batch.create_scheduling_policy, "already exists", name="policy")
    refused(batch.update_job_queue, "FIFO", jobQueue="fifo", schedulingPolicyArn=arn)
    refused(batch.update_job_queue, "exist", jobQueue="queue", schedulingPolicyArn=f"{arn}x")
    refused(batch.update_scheduling_policy, "exist", arn=f"{arn}x", fairsharePolicy=WEIGHTS)
    batch.update_job_queue(jobQueue="queue", state="DISABLED")
    batch.delete_job_queue(jobQueue="queue")
    batch.delete_scheduling_policy(arn=arn)
    assert batch.list_scheduling_policies()["schedulingPolicies"] == []


def test_fargate_and_instances_do_not_mix_in_a_queue(customer: Customer) -> None:
    resources = {"type": "FARGATE", "maxvCpus": 2, "subnets": ["s"], "securityGroupIds": ["g"]}
    ec2 = customer.client("ec2")
    resources["subnets"] = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]]
    resources["securityGroupIds"] = [
        g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]
    ]
    customer.batch.create_compute_environment(
        computeEnvironmentName="fargate", type="MANAGED", computeResources=resources
    )
    order = [
        {"order": number, "computeEnvironment": name}
        for number, name in enumerate(("env-of-fifo", "fargate"))
    ]
    create = customer.batch.create_job_queue
    refused(create, "mixed", jobQueueName="both", priority=1, computeEnvironmentOrder=order)


def test_jobs_of_a_waiting_share_start_before_older_ones_of_a_share_that_runs(
    customer: Customer,
) -> None:
    first = [customer.submit("sleep", shareIdentifier="labB") for _ in range(2)]
    for job in first:
        customer.running(job)
    waiting = [customer.submit("sleep", shareIdentifier="labB") for _ in range(2)]
    other = customer.submit("sleep", shareIdentifier="labA")
    for job in (*waiting, other):
        customer.until(job, lambda found: found["status"] == "RUNNABLE")
    snapshot = customer.batch.get_job_queue_snapshot(jobQueue="queue")
    front = [job["jobArn"].rpartition("/")[2] for job in snapshot["frontOfQueue"]["jobs"]]
    assert front == [other, *waiting]
    use = snapshot["queueUtilization"]
    assert use["totalCapacityUsage"] == [{"capacityUnit": "VCPU", "quantity": 2.0}]
    (top,) = use["fairshareUtilization"]["topCapacityUtilization"]
    assert top["shareIdentifier"] == "labB"
    customer.batch.terminate_job(jobId=first[0], reason="the test goes on")
    customer.running(other)
    assert [customer.job(job)["status"] for job in waiting] == ["RUNNABLE", "RUNNABLE"]


def test_a_snapshot_has_a_hundred_jobs_in_the_order_of_their_submission(customer: Customer) -> None:
    for job in [customer.submit("sleep", jobQueue="fifo") for _ in range(2)]:
        customer.until(job, lambda found: found["status"] in ("STARTING", "RUNNING"))
    waiting = [customer.submit("sleep", jobQueue="fifo") for _ in range(103)]
    customer.until(waiting[-1], lambda found: found["status"] == "RUNNABLE")
    snapshot = customer.batch.get_job_queue_snapshot(jobQueue="fifo")
    front = [job["jobArn"].rpartition("/")[2] for job in snapshot["frontOfQueue"]["jobs"]]
    assert front == waiting[:100]
    assert "fairshareUtilization" not in snapshot["queueUtilization"]
    refused(customer.batch.get_job_queue_snapshot, "not found", jobQueue="none")


def test_policies_survive_a_restart(tmp_path: Path) -> None:
    cloud = BatchCloud(tmp_path / "cloud")
    batch = Customer(cloud.endpoint).batch
    kept = batch.create_scheduling_policy(name="kept", fairsharePolicy=WEIGHTS)["arn"]
    batch.update_scheduling_policy(arn=kept, fairsharePolicy={"shareDecaySeconds": 60})
    gone = batch.create_scheduling_policy(name="gone")["arn"]
    batch.delete_scheduling_policy(arn=gone)
    cloud.stop()
    again = BatchCloud(tmp_path / "cloud")
    policy = policy_of(Customer(again.endpoint))
    again.stop()
    assert policy["name"] == "kept"
    assert policy["fairsharePolicy"]["shareDecaySeconds"] == 60
