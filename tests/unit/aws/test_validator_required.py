"""What requests must have: by the SDK's service models, and by the checker beyond them.

The SDK itself sends no request that lacks what its model requires: the checker leaves that to
it, and so can judge the parts of requests that the preflight knows already. It requires what the
models do not know to be required together with something else.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from scar.aws.requests import validator

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str, ...]
SESSION = botocore.session.Session()
NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
JOB = {"image": "x", "jobRoleArn": "r" * 20, "resourceRequirements": NEEDS}
PLACE = {"maxvCpus": 2, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}
HOSTS = {"instanceRole": "p", "instanceTypes": ["m5"], "allocationStrategy": "BEST_FIT"}
SPOT = {**PLACE, **HOSTS, "type": "SPOT", "spotIamFleetRole": "f"}
RULE = {"LambdaFunctionArn": "arn:aws:lambda:x", "Events": ["s3:ObjectCreated:*"]}
FUNCTION = {"FunctionName": "crop"}
UNMANAGED = {"computeEnvironmentName": "e", "type": "UNMANAGED"}


def compute_resources(**resources: object) -> dict[str, object]:
    return {"computeEnvironmentName": "e", "type": "MANAGED", "computeResources": resources}


def job(platform: str, **more: object) -> dict[str, object]:
    return {
        "jobDefinitionName": "crop",
        "type": "container",
        "platformCapabilities": [platform],
        "containerProperties": {**JOB, **more},
    }


# A complete request, and the members that the validator requires and the model does not.
# Reasons are quoted from Batch's API reference unless noted otherwise.
COMPLETE: list[tuple[str, str, dict[str, Any], set[str]]] = [
    ("lambda", "CreateFunction", {**FUNCTION, "Role": "r" * 20, "Code": {"ImageUri": "x"}}, set()),
    ("lambda", "UpdateFunctionConfiguration", FUNCTION, set()),
    ("lambda", "Invoke", {**FUNCTION, "Payload": b""}, set()),
    ("lambda", "PutFunctionEventInvokeConfig", FUNCTION, set()),
    ("lambda", "UpdateFunctionEventInvokeConfig", FUNCTION, set()),
    (
        "lambda",
        "AddPermission",
        {**FUNCTION, "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3"},
        set(),
    ),
    # "type: container" wants containerProperties, and these both requirements.
    (
        "batch",
        "RegisterJobDefinition",
        job("EC2"),
        {"containerProperties", "containerProperties.resourceRequirements"},
    ),
    # Fargate pulls with a role of its own.
    (
        "batch",
        "RegisterJobDefinition",
        job("FARGATE", executionRoleArn="r" * 20),
        {
            "containerProperties",
            "containerProperties.executionRoleArn",
            "containerProperties.resourceRequirements",
        },
    ),
    ("batch", "SubmitJob", {"jobName": "j", "jobQueue": "q", "jobDefinition": "d"}, set()),
    # Managed environments want computeResources and subnets for them (the model lets them out
    # for managed instances of ECS's); instances a role and types; best fit on spot a fleet's role.
    (
        "batch",
        "CreateComputeEnvironment",
        compute_resources(**SPOT),
        {
            "computeResources",
            "computeResources.instanceRole",
            "computeResources.instanceTypes",
            "computeResources.spotIamFleetRole",
            "computeResources.subnets",
        },
    ),
    ("batch", "CreateComputeEnvironment", UNMANAGED, set()),
    # Fargate wants security groups.
    (
        "batch",
        "CreateComputeEnvironment",
        compute_resources(**PLACE, type="FARGATE"),
        {"computeResources", "computeResources.securityGroupIds", "computeResources.subnets"},
    ),
    # A queue without environments (or, as the model has it, service environments) does nothing.
    (
        "batch",
        "CreateJobQueue",
        {
            "jobQueueName": "q",
            "priority": 1,
            "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "e"}],
        },
        {"computeEnvironmentOrder"},
    ),
    ("s3", "PutObject", {"Bucket": "photos", "Key": "a"}, set()),
    ("s3", "CopyObject", {"Bucket": "photos", "Key": "a", "CopySource": "b/c"}, set()),
    ("s3", "CreateMultipartUpload", {"Bucket": "photos", "Key": "a"}, set()),
    ("s3", "CreateBucket", {"Bucket": "photos"}, set()),
    (
        "s3",
        "PutBucketNotificationConfiguration",
        {
            "Bucket": "photos",
            "NotificationConfiguration": {"LambdaFunctionConfigurations": [RULE]},
        },
        set(),
    ),
    ("iam", "CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": "{}"}, set()),
    ("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": "{}"}, set()),
    ("ecr", "CreateRepository", {"repositoryName": "scar/crop"}, set()),
    ("logs", "PutRetentionPolicy", {"logGroupName": "g", "retentionInDays": 1}, set()),
]


def paths(value: object, above: Path = ()) -> Iterator[Path]:
    """Yield the paths of all members, through mappings only."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*above, name)
            yield from paths(inner, (*above, name))


def without(request: dict[str, Any], path: Path) -> dict[str, Any]:
    changed = copy.deepcopy(request)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return changed


@pytest.mark.parametrize(("service", "operation", "request_", "beyond"), COMPLETE)
def test_the_checker_requires_what_the_models_do_not_and_leaves_the_rest_to_the_sdk(
    service: str, operation: str, request_: dict[str, Any], beyond: set[str]
) -> None:
    shape: Any = SESSION.get_service_model(service).operation_model(operation).input_shape

    def is_sent(request: dict[str, Any]) -> bool:
        return not ParamValidator().validate(request, shape).has_errors()

    assert is_sent(request_)
    assert validator.check(service, operation, request_) == ()
    refused = {
        ".".join(path)
        for path in paths(request_)
        if is_sent(without(request_, path))
        if validator.check(service, operation, without(request_, path))
    }
    assert refused == beyond


def test_every_rule_of_the_checker_is_compared() -> None:
    assert {(service, operation) for service, operation, _, _ in COMPLETE} == {*validator._RULES}
