"""Several compute environments and queues: created, planned again as nothing, shared, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.inventory.function_resources import read_function_resources
from scar.fdl.model import BatchSpec
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import a_function, deploy, remove

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages

NOTHING = "Nothing to change."


def with_batch(name: str = "crop", **batch: object) -> Function:
    return changed(a_function("batch", name=name), batch=BatchSpec.model_validate(batch))


def dual(name: str = "crop", **compute: object) -> Function:
    return with_batch(name, compute_resources={"preset": "dual", **compute})


def queues(connection: AwsConnection) -> dict[int, Any]:
    """Return the job queues by priority."""
    found = connection.client("batch").describe_job_queues()["jobQueues"]
    return {queue["priority"]: queue for queue in found}


def types_of(connection: AwsConnection, queue: dict[str, Any]) -> list[str]:
    """Return the types of a queue's environments in its order."""
    batch = connection.client("batch")
    ordered = sorted(queue["computeEnvironmentOrder"], key=lambda e: e["order"])
    used = [e["computeEnvironment"] for e in ordered]
    found = batch.describe_compute_environments(computeEnvironments=used)["computeEnvironments"]
    by_name = {e["computeEnvironmentName"]: e["computeResources"]["type"] for e in found}
    return [by_name[name.rpartition("/")[2]] for name in used]


def test_dual_makes_two_environments_and_two_queues(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, dual(bid_percentage=60, wait_limit=7200))
    found = queues(connection)
    assert found.keys() == {1, 100}
    assert types_of(connection, found[1]) == ["SPOT"]
    assert types_of(connection, found[100]) == ["EC2", "SPOT"]
    config = images.composed["crop"].batch
    assert config is not None
    assert config.queue == found[1]["jobQueueName"]
    assert str(deploy(connection, images, dual(bid_percentage=60, wait_limit=7200))) == NOTHING


def test_functions_share_the_queues_of_a_preset(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, dual("crop"), dual("cut", queue="priority"))
    assert len(queues(connection)) == 2
    one, other = (images.composed[name].batch for name in ("crop", "cut"))
    assert one is not None
    assert other is not None
    assert {one.queue, other.queue} == {q["jobQueueName"] for q in queues(connection).values()}
    # The one that stays still needs both: its run may ask for the other queue.
    remove(connection, "cut")
    assert queues(connection).keys() == {1, 100}
    templates = connection.client("ec2").describe_launch_templates()["LaunchTemplates"]
    assert len(templates) == 2
    shown = read_function_resources("crop", connection)
    assert sum(r.kind == "job-queue" for r in shown) == 2
    assert sum(r.kind == "compute-environment" for r in shown) == 2
    remove(connection, "crop")
    batch = connection.client("batch")
    assert batch.describe_job_queues()["jobQueues"] == []
    assert batch.describe_compute_environments()["computeEnvironments"] == []


def test_an_environment_is_used_while_any_queue_uses_it(
    connection: AwsConnection, images: FakeImages
) -> None:
    spot = with_batch("cut", compute_resources={"preset": "spot"})
    deploy(connection, images, dual("crop"), spot)
    assert len(queues(connection)) == 2  # that of the preset spot is the default one of dual
    remove(connection, "crop")
    (queue,) = queues(connection).values()
    assert types_of(connection, queue) == ["SPOT"]
    found = connection.client("batch").describe_compute_environments()["computeEnvironments"]
    assert len(found) == 1
    assert str(deploy(connection, images, spot)) == NOTHING


def test_another_queue_of_the_preset_changes_no_environment(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, dual())
    changes = str(deploy(connection, images, dual(queue="priority")))
    assert "compute-environment" not in changes
    assert "+ job-queue" not in changes
    assert "- job-queue" not in changes
    config = images.composed["crop"].batch
    assert config is not None
    assert config.queue == queues(connection)[100]["jobQueueName"]


@pytest.mark.parametrize(
    "batch",
    [
        {"compute_environments": [{"max_v_cpus": 4}, {"type": "SPOT", "bid_percentage": 50}]},
        {"compute_environments": [{"type": "FARGATE_SPOT"}, {"type": "FARGATE"}]},
        {
            "compute_resources": {
                "allocation_strategy": "BEST_FIT_PROGRESSIVE_ORDERED",
                "instance_types": ["m6i", "c6i"],
                "scale_down_delay": 20,
                "wait_limit": 600,
                "bid_percentage": 100,
                "preset": "ondemand",
            }
        },
        {
            "scheduling": {"share": "labA", "priority": 9},
            "compute_resources": {"shares": {"labA": 0.5, "other*": 2}},
        },
        {"scheduling": {"share": "labA"}},
    ],
)
def test_a_second_init_changes_nothing(
    connection: AwsConnection, images: FakeImages, batch: dict[str, Any]
) -> None:
    deploy(connection, images, with_batch(**batch))
    assert str(deploy(connection, images, with_batch(**batch))) == NOTHING


def test_drift_of_the_order_of_environments_is_reverted(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, dual())
    queue = queues(connection)[100]
    order = queue["computeEnvironmentOrder"]
    swapped: list[Any] = [{**e, "order": 3 - e["order"]} for e in order]
    batch = connection.client("batch")
    batch.update_job_queue(jobQueue=queue["jobQueueName"], computeEnvironmentOrder=swapped)
    changes = str(deploy(connection, images, dual()))
    assert f"~ job-queue {queue['jobQueueName']}" in changes
    assert types_of(connection, queues(connection)[100]) == ["EC2", "SPOT"]
    assert str(deploy(connection, images, dual())) == NOTHING


def test_a_queue_with_shares_is_another_queue_with_a_policy_that_is_removed_with_it(
    connection: AwsConnection, images: FakeImages
) -> None:
    plain, shared = with_batch("cut"), with_batch(scheduling={"share": "labA", "priority": 5})
    deploy(connection, images, plain, shared)
    batch = connection.client("batch")
    found = batch.describe_job_queues()["jobQueues"]
    assert sorted("schedulingPolicyArn" in queue for queue in found) == [False, True]
    assert len(batch.describe_compute_environments()["computeEnvironments"]) == 1
    config = images.composed["crop"].batch
    assert config is not None
    assert (config.share, config.priority) == ("labA", 5)
    remove(connection, "crop")
    assert batch.list_scheduling_policies()["schedulingPolicies"] == []
    (queue,) = batch.describe_job_queues()["jobQueues"]
    assert "schedulingPolicyArn" not in queue


def test_drift_of_a_policy_is_reverted(connection: AwsConnection, images: FakeImages) -> None:
    function = with_batch(scheduling={"share": "labA"}, compute_resources={"shares": {"labA": 0.5}})
    deploy(connection, images, function)
    batch = connection.client("batch")
    (policy,) = batch.list_scheduling_policies()["schedulingPolicies"]
    batch.update_scheduling_policy(arn=policy["arn"], fairsharePolicy={"shareDecaySeconds": 60})
    assert "~ scheduling-policy" in str(deploy(connection, images, function))
    assert str(deploy(connection, images, function)) == NOTHING
