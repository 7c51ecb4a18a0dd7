"""Compute environments and job queues that Batch cannot use are repaired or replaced."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.client.waiter import Waiter
from scar.aws.handlers.batch.compute_environments import ComputeEnvironmentHandler
from scar.aws.handlers.batch.job_queues import JobQueueHandler
from scar.aws.handlers.batch.repair import passes, repair_request
from scar.aws.model.resources import ComputeEnvironment, JobQueue
from scar.errors import OperationRefusedError
from tests.unit.aws.handlers.batch_account import NO_ROLE, NO_SUBNET, BatchAccount, used_by

NAME, OTHER = "scar-0123456789ab", "scar-0123456789ab-2"
DESIRED = ComputeEnvironment(
    name=NAME,
    type="EC2",
    max_vcpus=2,
    subnets=("subnet-1",),
    instance_profile="arn:aws:iam::1:instance-profile/x",
    launch_template=f"{NAME}:1",
)
QUEUE = JobQueue(name=NAME, environments=(NAME,))


def environments(
    account: BatchAccount, reported: list[str] | None = None
) -> ComputeEnvironmentHandler:
    lines = [] if reported is None else reported
    return ComputeEnvironmentHandler(account, a_waiter(account, lines))  # type: ignore[arg-type]


def queues(account: BatchAccount) -> JobQueueHandler:
    return JobQueueHandler(account, a_waiter(account, []))  # type: ignore[arg-type]


def a_waiter(account: BatchAccount, reported: list[str]) -> Waiter:
    clock = account.clock
    return Waiter(sleep=clock.sleep, clock=clock.now, report=reported.append)


def observed(account: BatchAccount) -> ComputeEnvironment:
    found = environments(account).read(DESIRED)
    assert found is not None
    return found


def test_the_reason_is_part_of_what_is_compared() -> None:
    account = BatchAccount()
    account.add(NAME, "INVALID", NO_ROLE)
    account.add_queue(NAME, NAME, "INVALID")
    assert observed(account).status == f"INVALID: {NO_ROLE}"
    queue = queues(account).read(QUEUE)
    assert queue is not None
    assert queue.status == "INVALID: ERROR - queue"


@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "VALID"])
def test_states_that_pass_are_no_difference(status: str) -> None:
    account = BatchAccount()
    account.add(NAME, status)
    account.add_queue(NAME, NAME, status)
    queue = queues(account).read(QUEUE)
    assert queue is not None
    assert (observed(account).status, queue.status) == ("VALID", "VALID")


def test_an_invalid_environment_is_repaired_by_an_update() -> None:
    account = BatchAccount()
    account.add(NAME, "INVALID", NO_SUBNET)
    account.add_queue(NAME, NAME)
    environments(account).update(observed(account), DESIRED)
    assert account.calls == [f"UpdateComputeEnvironment {NAME}"]
    assert account.environments.keys() == {NAME}
    assert observed(account).status == "VALID"


def test_what_cannot_be_repaired_is_replaced_and_the_queue_is_switched() -> None:
    account, reported = BatchAccount(broken={NAME}), list[str]()
    account.add(NAME, "INVALID")
    account.add_queue(NAME, NAME)
    environments(account, reported).update(observed(account), DESIRED)
    assert account.environments.keys() == {OTHER}
    assert used_by(account.queues[NAME]) == [OTHER]
    assert any(NO_SUBNET in line and OTHER in line for line in reported)
    # The name of the resource, and of its queue, is the same for the plan.
    assert observed(account).name == NAME
    queue = queues(account).read(QUEUE)
    assert queue is not None
    assert queue.environments == (NAME,)
    # The next replacement has the first name again.
    account.broken = {OTHER}
    account.environments[OTHER] |= {"status": "INVALID", "statusReason": NO_SUBNET}
    environments(account).update(observed(account), DESIRED)
    assert account.environments.keys() == {NAME}


def test_a_replacement_that_is_invalid_too_is_deleted_and_the_reason_raised() -> None:
    account = BatchAccount(broken=None)
    account.add(NAME, "INVALID")
    account.add_queue(NAME, NAME)
    with pytest.raises(OperationRefusedError, match="does not exist") as error:
        environments(account).update(observed(account), DESIRED)
    assert "subnets" in error.value.remedy
    assert account.environments.keys() == {NAME}
    assert used_by(account.queues[NAME]) == [NAME]


def test_an_environment_being_deleted_is_created_again() -> None:
    account = BatchAccount()
    account.add(NAME, "DELETING")
    assert observed(account).status == "DELETING"
    account.add(NAME, "DELETING")
    environments(account).update(DESIRED, DESIRED)
    assert account.environments[NAME]["status"] == "VALID"


def test_both_names_are_deleted() -> None:
    account = BatchAccount()
    account.add(NAME, "INVALID")
    account.add(OTHER)
    environments(account).delete(DESIRED)
    assert account.environments == {}


def test_undoing_a_repair_waits_for_nothing() -> None:
    account = BatchAccount(broken=None)
    account.add(NAME, "INVALID")
    environments(account).update(DESIRED, replace(DESIRED, status="INVALID: x"))
    assert account.calls == []


STATUSES = st.sampled_from([None, "VALID", "INVALID", "DELETING"])


@given(first=STATUSES, second=STATUSES, uses_second=st.booleans(), broken=STATUSES)
def test_any_interrupted_replacement_is_completed(
    *, first: str | None, second: str | None, uses_second: bool, broken: str | None
) -> None:
    account = BatchAccount(broken={NAME} if broken == "INVALID" else set())
    for name, status in ((NAME, first), (OTHER, second)):
        if status:
            account.add(name, status)
    used = OTHER if uses_second else NAME
    if account.environments.get(used, {}).get("status") in ("VALID", "INVALID"):
        account.add_queue(NAME, used)
    if not {first, second} & {"VALID", "INVALID"}:  # a creation has no other name to try
        account.broken = set()
    handler = environments(account)
    if (found := handler.read(DESIRED)) is None:
        handler.create(DESIRED)
    else:
        handler.update(found, DESIRED)
    (name,) = account.environments
    assert account.environments[name]["status"] == "VALID"
    assert all(used_by(queue) == [name] for queue in account.queues.values())
    left = observed(account)
    assert (left.status, left.superseded) == ("VALID", ())


def test_a_new_environment_that_is_invalid_for_its_new_role_is_waited_for_and_repaired() -> None:
    account, reported = BatchAccount(reason=NO_ROLE, broken=None, valid_at=100), list[str]()
    environments(account, reported).create(DESIRED)
    assert account.environments[NAME]["status"] == "VALID"
    assert 100 <= account.clock.now() < 120
    assert any(NO_ROLE in line for line in reported)
    assert account.calls.count(f"UpdateComputeEnvironment {NAME}") <= 8


def test_waiting_for_a_new_role_ends_after_five_minutes_with_the_reason() -> None:
    account = BatchAccount(reason=NO_ROLE, broken=None)
    with pytest.raises(OperationRefusedError, match="Unable to assume") as error:
        environments(account).create(DESIRED)
    assert 300 <= account.clock.now() < 320
    assert "service_role" in error.value.remedy


def test_a_reason_that_does_not_pass_is_raised_at_once() -> None:
    account = BatchAccount(broken=None)
    with pytest.raises(OperationRefusedError, match="does not exist"):
        environments(account).create(DESIRED)
    assert account.clock.now() < 5


@pytest.mark.parametrize(
    "reason",
    [
        "CLIENT_ERROR - Unable to assume the service linked role. Please verify that it exists.",
        "CLIENT_ERROR - User: arn:aws:sts::1:x is not authorized to perform: ecs:ListClusters",
        "CLIENT_ERROR - Invalid IamInstanceProfile: scar-instances-eu-west-1",
        "CLIENT_ERROR - Not authorized to perform sts:AssumeRole: service-linked role",
        "INTERNAL_ERROR - Failed compute environment",
        "CLIENT_ERROR - Rate exceeded",
    ],
)
def test_reasons_of_new_accounts_pass(reason: str) -> None:
    assert passes(reason)


@pytest.mark.parametrize(
    "reason",
    [NO_SUBNET, "CLIENT_ERROR - You are not using a valid launch template", "", "INVALID"],
)
def test_other_reasons_do_not_pass(reason: str) -> None:
    assert not passes(reason)


@pytest.mark.parametrize(
    ("reason", "setting"),
    [
        ("CLIENT_ERROR - Invalid IamInstanceProfile: x", "instanceRole"),
        ("CLIENT_ERROR - The specified launch template does not exist", "launchTemplate"),
        (NO_SUBNET, "subnets"),
        ("CLIENT_ERROR - The security group 'sg-1' does not exist", "securityGroupIds"),
    ],
)
def test_the_setting_that_the_reason_names_is_sent_again(reason: str, setting: str) -> None:
    compute = repair_request(DESIRED, NAME, reason)["computeResources"]
    assert compute.keys() == {"maxvCpus", setting}
    fargate = replace(DESIRED, type="FARGATE", instance_profile="", launch_template="")
    if setting in ("instanceRole", "launchTemplate"):
        request = repair_request(fargate, NAME, reason)
        assert request["computeResources"].keys() == {"maxvCpus"}


def test_a_custom_service_role_is_sent_again_without_settings_that_need_the_linked_role() -> None:
    role = "arn:aws:iam::1:role/batch"
    request = repair_request(replace(DESIRED, service_role=role), NAME, NO_SUBNET)
    assert request["serviceRole"] == role
    assert request["computeResources"].keys() == {"maxvCpus"}


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("CreateComputeEnvironment", "Invalid instance profile"),
        ("CreateComputeEnvironment", "Invalid IamInstanceProfile: scar-instances"),
        ("CreateComputeEnvironment", "Unable to assume the service linked role"),
        ("CreateComputeEnvironment", "x is not authorized to perform: ecs:CreateCluster"),
    ],
)
def test_errors_of_a_new_account_are_repeated_for_environments(
    operation: str, message: str
) -> None:
    account = BatchAccount(refusals=[(operation, message)] * 3)
    environments(account).create(DESIRED)
    assert account.environments[NAME]["status"] == "VALID"


def test_a_queue_waits_until_its_environment_is_valid() -> None:
    account = BatchAccount(refusals=[("CreateJobQueue", f"{NAME} is not VALID")] * 3)
    account.add(NAME)
    queues(account).create(QUEUE)
    assert used_by(account.queues[NAME]) == [NAME]


@pytest.mark.parametrize(
    "message",
    [
        "Object already exists",
        "User: arn:aws:iam::1:user/x is not authorized to perform: iam:PassRole on resource: y",
        "At least one instance type must be provided.",
    ],
)
def test_other_errors_are_not_repeated(message: str) -> None:
    account = BatchAccount(refusals=[("CreateComputeEnvironment", message)] * 9)
    with pytest.raises(ClientError, match=message):
        environments(account).create(DESIRED)
    assert len(account.calls) == 1


def test_repeating_ends_after_five_minutes_with_aws_s_error() -> None:
    account = BatchAccount(
        refusals=[("CreateComputeEnvironment", "Invalid instance profile")] * 999
    )
    with pytest.raises(ClientError, match="Invalid instance profile"):
        environments(account).create(DESIRED)
    assert 300 <= account.clock.now() < 320


def test_a_new_queue_uses_the_replacement() -> None:
    account = BatchAccount()
    account.add(OTHER)
    queues(account).create(QUEUE)
    assert used_by(account.queues[NAME]) == [OTHER]


def test_an_invalid_queue_is_repaired_by_an_update() -> None:
    account = BatchAccount()
    account.add(NAME)
    account.add_queue(NAME, NAME, "INVALID")
    queues(account).update(replace(QUEUE, status="INVALID: x"), QUEUE)
    assert account.queues[NAME]["status"] == "VALID"
    assert account.calls == [f"UpdateJobQueue {NAME}"]


def test_an_invalid_queue_without_jobs_is_created_again() -> None:
    account = BatchAccount(broken={NAME})
    account.add(NAME)
    account.add_queue(NAME, NAME, "INVALID")
    queues(account).update(replace(QUEUE, status="INVALID: x"), QUEUE)
    assert account.queues[NAME]["status"] == "VALID"
    assert f"CreateJobQueue {NAME}" in account.calls


def test_an_invalid_queue_with_jobs_is_kept_and_named() -> None:
    account = BatchAccount(broken={NAME})
    account.add(NAME)
    account.add_queue(NAME, NAME, "INVALID")
    account.jobs[NAME] = [{"jobId": "j", "jobName": "f-1", "jobDefinition": "a/f:1"}]
    with pytest.raises(OperationRefusedError, match="1 of its jobs"):
        queues(account).update(replace(QUEUE, status="INVALID: x"), QUEUE)
    assert account.queues.keys() == {NAME}


def test_a_replacement_takes_the_place_of_the_old_one_in_every_queue() -> None:
    account = BatchAccount(broken={NAME})
    account.add(NAME, "INVALID")
    for name in ("scar-aaaaaaaaaaaa", "scar-bbbbbbbbbbbb"):
        account.add(name, "VALID")
    orders = {
        "scar-111111111111": ["scar-aaaaaaaaaaaa", NAME, "scar-bbbbbbbbbbbb"],
        "scar-222222222222": [NAME, "scar-aaaaaaaaaaaa"],
        "scar-333333333333": ["scar-aaaaaaaaaaaa"],
    }
    for queue, order in orders.items():
        account.add_queue(queue, order[0])
        account.queues[queue]["computeEnvironmentOrder"] = [
            {"order": number, "computeEnvironment": name} for number, name in enumerate(order)
        ]
    environments(account).update(observed(account), DESIRED)
    assert NAME not in account.environments
    assert {queue: used_by(account.queues[queue]) for queue in orders} == {
        queue: [OTHER if name == NAME else name for name in order]
        for queue, order in orders.items()
    }
    assert account.calls.count("UpdateJobQueue scar-333333333333") == 0


def test_the_order_of_environments_is_that_of_their_numbers() -> None:
    account = BatchAccount()
    account.add_queue(NAME, "scar-aaaaaaaaaaaa")
    account.queues[NAME]["computeEnvironmentOrder"] = [
        {"order": 2, "computeEnvironment": "scar-aaaaaaaaaaaa"},
        {"order": 1, "computeEnvironment": f"arn:aws:batch:r:1:compute-environment/{OTHER}"},
    ]
    queue = queues(account).read(QUEUE)
    assert queue is not None
    assert queue.environments == (NAME, "scar-aaaaaaaaaaaa")


def test_a_queue_is_created_with_the_present_names_of_its_environments() -> None:
    account = BatchAccount()
    for name in (OTHER, "scar-aaaaaaaaaaaa"):
        account.add(name, "VALID")
    desired = JobQueue(name="scar-111111111111", environments=("scar-aaaaaaaaaaaa", NAME))
    queues(account).create(desired)
    assert used_by(account.queues["scar-111111111111"]) == ["scar-aaaaaaaaaaaa", OTHER]
    queue = queues(account).read(desired)
    assert queue is not None
    assert queue.environments == desired.environments
