"""Changes that take effect later: AWS's error for what needs them, until a bounded time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.conditions.api_call import ApiCall
from scar.local.conditions.draws import Draws
from scar.local.conditions.pending_states import PendingStates
from scar.local.conditions.propagation import Propagation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.conditions.faults import Refusal

ROLE = {"Role": "arn:aws:iam::123456789012:role/scar/r"}
SUBNETS = {"VpcConfig": {"SubnetIds": ["subnet-1"]}}
IMAGE = {"Code": {"ImageUri": "123.dkr.ecr.eu-west-1.amazonaws.com/scar/f@sha256:1"}}
HANDLER = "arn:aws:lambda:eu-west-1:123456789012:function:handler"
SOURCE = {"EventSourceArn": "arn:aws:sqs:eu-west-1:123456789012:q"}
LONGEST = 10.0


def call(
    service: str, operation: str, resource: str = "", /, *, bucket: str = "", **parameters: object
) -> ApiCall:
    return ApiCall(
        service=service,
        operation=operation,
        resource=resource or bucket,
        bucket=bucket,
        parameters=parameters,
    )


def queue(operation: str, **parameters: object) -> ApiCall:
    return ApiCall(service="sqs", operation=operation, resource="q", parameters=parameters)


def iam(operation: str, **names: str) -> ApiCall:
    return call("iam", operation, next(iter(names.values())), **names)


def function(operation: str, name: str = "f", /, **parameters: object) -> ApiCall:
    return ApiCall(
        service="lambda",
        operation=operation,
        resource=name,
        parameters={"FunctionName": name, **parameters},
    )


def destination(name: str = "f") -> ApiCall:
    config = {"OnFailure": {"Destination": HANDLER}}
    return function("PutFunctionEventInvokeConfig", name, DestinationConfig=config)


def refusal_after(change: ApiCall, attempt: ApiCall, *earlier: ApiCall) -> Refusal:
    """Return the first refusal of ``attempt`` just after ``change``, over several seeds."""
    for seed in range(60):
        propagation = Propagation(Draws(str(seed)))
        for each in (*earlier, change):
            propagation.record(each, 0.0 if each is change else -100.0)
        if refusal := propagation.check(attempt, 0.1):
            return refusal
    raise AssertionError("never refused")


CASES: list[tuple[str, tuple[ApiCall, ...], ApiCall, str, str]] = [
    (
        "a new role cannot be assumed",
        (iam("CreateRole", RoleName="r"),),
        function("CreateFunction", **ROLE, **IMAGE),
        "InvalidParameterValueException",
        "cannot be assumed by Lambda",
    ),
    (
        "a role whose trust policy was changed cannot be assumed",
        (iam("UpdateAssumeRolePolicy", RoleName="r"),),
        function("UpdateFunctionConfiguration", **ROLE),
        "InvalidParameterValueException",
        "cannot be assumed by Lambda",
    ),
    (
        "a network needs the policy",
        (iam("PutRolePolicy", RoleName="r", PolicyName="p"),),
        function("CreateFunction", **ROLE, **IMAGE, **SUBNETS),
        "InvalidParameterValueException",
        "permissions to call CreateNetworkInterface on EC2",
    ),
    (
        "the image needs the repository policy",
        (call("ecr", "SetRepositoryPolicy", repositoryName="scar/f"),),
        function("CreateFunction", **ROLE, **IMAGE),
        "AccessDeniedException",
        "access the ECR image",
    ),
    (
        "a destination needs the policy",
        (function("CreateFunction", **ROLE), iam("PutRolePolicy", RoleName="r")),
        destination(),
        "InvalidParameterValueException",
        "permissions to call InvokeFunction on " + HANDLER,
    ),
    (
        "a destination must be known",
        (function("CreateFunction", "handler", **ROLE),),
        destination(),
        "InvalidParameterValueException",
        f"The destination ARN {HANDLER} is invalid.",
    ),
    (
        "a notification needs the permission",
        (function("AddPermission"),),
        call("s3", "PutBucketNotificationConfiguration", bucket="b"),
        "InvalidArgument",
        "Unable to validate the following destination configurations",
    ),
    (
        "a new role is not found",
        (iam("CreateRole", RoleName="r"),),
        iam("PutRolePolicy", RoleName="r", PolicyName="p"),
        "NoSuchEntity",
        "r cannot be found",
    ),
    (
        "a new instance profile is not found",
        (iam("CreateInstanceProfile", InstanceProfileName="i"),),
        iam("AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="r"),
        "NoSuchEntity",
        "i cannot be found",
    ),
    (
        "a new role is not found for a profile",
        (iam("CreateRole", RoleName="r"),),
        iam("AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="r"),
        "NoSuchEntity",
        "r cannot be found",
    ),
    (
        "a new bucket is not found",
        (call("s3", "CreateBucket", bucket="b"),),
        call("s3", "PutBucketTagging", bucket="b"),
        "NoSuchBucket",
        "does not exist",
    ),
    (
        "a deleted bucket's name is not free",
        (call("s3", "DeleteBucket", bucket="b"),),
        call("s3", "CreateBucket", bucket="b"),
        "OperationAborted",
        "conflicting conditional operation",
    ),
    (
        "a bucket is busy after a change",
        (call("s3", "PutBucketPolicy", bucket="b"),),
        call("s3", "PutPublicAccessBlock", bucket="b"),
        "OperationAborted",
        "conflicting conditional operation",
    ),
    (
        "a new queue is not found",
        (queue("CreateQueue"),),
        queue("GetQueueUrl"),
        "AWS.SimpleQueueService.NonExistentQueue",
        "does not exist",
    ),
    (
        "a deleted queue's name is not free",
        (queue("DeleteQueue"),),
        queue("CreateQueue"),
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "wait 60 seconds",
    ),
    (
        "an event source needs the queue",
        (queue("CreateQueue"),),
        function("CreateEventSourceMapping", **SOURCE),
        "InvalidParameterValueException",
        "AWS.SimpleQueueService.NonExistentQueue",
    ),
    (
        "an event source needs the policy",
        (function("CreateFunction", **ROLE), iam("PutRolePolicy", RoleName="r")),
        function("CreateEventSourceMapping", **SOURCE),
        "InvalidParameterValueException",
        "does not have permissions to call ReceiveMessage on SQS",
    ),
    (
        "a notification needs the queue's policy",
        (queue("SetQueueAttributes", Attributes={"Policy": "{}"}),),
        call("s3", "PutBucketNotificationConfiguration", bucket="b"),
        "InvalidArgument",
        "Unable to validate the following destination configurations",
    ),
]


@pytest.mark.parametrize(
    ("changes", "attempt", "code", "message"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_change_has_no_effect_at_once(
    changes: tuple[ApiCall, ...], attempt: ApiCall, code: str, message: str
) -> None:
    *earlier, change = changes
    refusal = refusal_after(change, attempt, *earlier)
    assert refusal.code == code
    assert message in refusal.message


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
@given(st.integers(0, 10_000))
def test_every_change_has_an_effect_in_the_end(
    case: tuple[str, tuple[ApiCall, ...], ApiCall, str, str], seed: int
) -> None:
    propagation = Propagation(Draws(str(seed)))
    for change in case[1]:
        propagation.record(change, 0.0)
    assert propagation.check(case[2], LONGEST) is None


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_other_names_are_not_concerned(
    case: tuple[str, tuple[ApiCall, ...], ApiCall, str, str],
) -> None:
    attempt = case[2]
    parameters: Mapping[str, object] = {
        name: f"{value}-other" if isinstance(value, str) else value
        for name, value in attempt.parameters.items()
    }
    other = call(
        attempt.service,
        attempt.operation,
        attempt.resource and f"{attempt.resource}-other",
        bucket=attempt.bucket and f"{attempt.bucket}-other",
        **{k: v for k, v in parameters.items() if k not in ("Code", "DestinationConfig")},
    )
    if attempt.operation == "PutBucketNotificationConfiguration":
        return  # S3 does not say whose permission it misses
    for seed in range(30):
        propagation = Propagation(Draws(str(seed)))
        for change in case[1]:
            propagation.record(change, 0.0)
        assert propagation.check(other, 0.1) is None


def states(seed: int) -> PendingStates:
    return PendingStates(Draws(str(seed)))


def first_state(change: ApiCall) -> PendingStates:
    """Return the states after a change of ``f``, with the first seed that delays it."""
    for seed in range(50):
        pending = states(seed)
        pending.record(change, 0.0)
        if pending.check(function("UpdateFunctionCode"), 0.0):
            return pending
    raise AssertionError("never delayed")


@given(st.integers(0, 10_000))
def test_a_function_is_pending_and_then_active(seed: int) -> None:
    pending = states(seed)
    pending.record(function("CreateFunction"), 0.0)
    seen = [pending.function_state("f", moment / 10) for moment in range(100)]
    assert seen == sorted(seen, reverse=True)  # Pending…, Active…
    assert seen[-1] == "Active"


def test_a_pending_function_refuses_updates_and_says_so_in_every_read() -> None:
    pending = first_state(function("CreateFunction"))
    for operation in ("UpdateFunctionCode", "UpdateFunctionConfiguration"):
        refusal = pending.check(function(operation), 0.0)
        assert refusal is not None
        assert (refusal.code, refusal.status) == ("ResourceConflictException", 409)
        assert "state: Pending" in refusal.message
    document = {"Configuration": {"FunctionName": "f", "State": "Active"}}
    assert pending.adapt(function("GetFunction"), document, 0.0)
    assert document["Configuration"]["State"] == "Pending"
    flat = {"FunctionName": "f", "State": "Active"}
    assert pending.adapt(function("CreateFunction"), flat, 0.0)
    assert flat["State"] == "Pending"
    assert not pending.adapt(function("GetFunction"), {"Configuration": {"FunctionName": "g"}}, 0.0)
    assert pending.check(function("UpdateFunctionCode"), LONGEST) is None


def test_an_update_is_in_progress_for_a_moment() -> None:
    pending = first_state(function("UpdateFunctionCode"))
    refusal = pending.check(function("DeleteFunction"), 0.0)
    assert refusal is not None
    assert "An update is in progress" in refusal.message
    assert pending.function_state("f", 0.0) == "Active"  # it can be invoked meanwhile
    flat = {"FunctionName": "f", "State": "Active", "LastUpdateStatus": "Successful"}
    assert pending.adapt(function("GetFunctionConfiguration"), flat, 0.0)
    assert flat["LastUpdateStatus"] == "InProgress"


def environment_status(pending: PendingStates, now: float) -> tuple[str, str]:
    entry = {"computeEnvironmentName": "e", "status": "VALID", "statusReason": "Healthy"}
    describe = call("batch", "DescribeComputeEnvironments")
    pending.adapt(describe, {"computeEnvironments": [entry]}, now)
    return entry["status"], entry["statusReason"]


@given(st.integers(0, 10_000))
def test_an_environment_is_creating_perhaps_invalid_and_then_valid(seed: int) -> None:
    pending = states(seed)
    pending.record(call("batch", "CreateComputeEnvironment", "e"), 0.0)
    order = ["CREATING", "INVALID", "VALID"]
    seen = [environment_status(pending, moment / 10)[0] for moment in range(150)]
    assert seen == sorted(seen, key=order.index)
    assert seen[-1] == "VALID"
    assert pending.is_environment_ready("e", 15.0)


def invalid_environment() -> PendingStates:
    for seed in range(50):
        pending = states(seed)
        pending.record(call("batch", "CreateComputeEnvironment", "e"), 0.0)
        if environment_status(pending, 2.5)[0] == "INVALID":
            return pending
    raise AssertionError("no environment became INVALID")


def test_an_invalid_environment_has_a_reason_and_runs_no_job() -> None:
    pending = invalid_environment()
    assert "service linked role" in environment_status(pending, 2.5)[1]
    assert not pending.is_environment_ready("e", 2.5)
    queue = call(
        "batch", "CreateJobQueue", "q", computeEnvironmentOrder=[{"computeEnvironment": "a:b/e"}]
    )
    refusal = pending.check(queue, 2.5)
    assert refusal is not None
    assert "e is not VALID" in refusal.message


def test_an_update_repairs_an_invalid_environment() -> None:
    pending = invalid_environment()
    pending.record(call("batch", "UpdateComputeEnvironment", "e"), 2.5)
    assert environment_status(pending, 2.5)[0] in ("UPDATING", "VALID")
    assert environment_status(pending, 4.6)[0] == "VALID"


def test_queues_are_creating_for_a_moment() -> None:
    statuses = set()
    for seed in range(30):
        pending = states(seed)
        pending.record(call("batch", "CreateJobQueue", "q"), 0.0)
        entry = {"jobQueueName": "q", "status": "VALID"}
        pending.adapt(call("batch", "DescribeJobQueues"), {"jobQueues": [entry]}, 0.1)
        statuses.add(entry["status"])
        again = {"jobQueueName": "q", "status": "VALID"}
        assert not pending.adapt(call("batch", "DescribeJobQueues"), {"jobQueues": [again]}, 5.0)
    assert statuses == {"CREATING", "VALID"}


def test_endpoints_and_their_permissions_take_effect_later() -> None:
    stage = call("apigateway", "CreateStage", "", ApiId="a1")
    url = function("CreateFunctionUrlConfig")
    permission = function("AddPermission")
    early: set[tuple[str, bool]] = set()
    late: set[tuple[str, bool]] = set()
    for seed in range(60):
        propagation = Propagation(Draws(str(seed)))
        for change in (stage, url, permission):
            propagation.record(change, 0.0)
        for now, states in ((0.1, early), (LONGEST, late)):
            states.add(("api", propagation.is_endpoint_served("a1", now)))
            states.add(("url", propagation.is_endpoint_served("f", now)))
            states.add(("permission", propagation.is_permission_active("f", now)))
        assert propagation.is_endpoint_served("other", 0.1)
        assert propagation.is_permission_active("other", 0.1)
    assert early == {
        (kind, state) for kind in ("api", "url", "permission") for state in (True, False)
    }
    assert late == {(kind, True) for kind in ("api", "url", "permission")}
