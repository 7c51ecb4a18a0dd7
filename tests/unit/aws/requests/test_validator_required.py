"""Members that requests must have: by the SDK's service models, and by the validator.

The SDK sends no request without the members that its model requires. The validator leaves these
to the SDK, so that it can check the parts of requests that are known before a deployment. It
requires the members that AWS requires together with others, which the models do not describe.
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
    ("lambda", "PutFunctionRecursionConfig", {**FUNCTION, "RecursiveLoop": "Allow"}, set()),
    (
        "lambda",
        "AddPermission",
        {**FUNCTION, "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3"},
        set(),
    ),
    (
        "lambda",
        "CreateEventSourceMapping",
        {**FUNCTION, "BatchSize": 100, "MaximumBatchingWindowInSeconds": 5},
        {"MaximumBatchingWindowInSeconds"},  # BatchSize: more than 10 require a window
    ),
    ("lambda", "UpdateEventSourceMapping", {"UUID": "0" * 36, "BatchSize": 100}, set()),
    ("lambda", "CreateFunctionUrlConfig", {**FUNCTION, "AuthType": "NONE"}, set()),
    ("lambda", "UpdateFunctionUrlConfig", FUNCTION, set()),
    ("apigatewayv2", "CreateApi", {"Name": "a", "ProtocolType": "HTTP"}, set()),
    ("apigatewayv2", "UpdateApi", {"ApiId": "i"}, set()),
    ("apigatewayv2", "CreateIntegration", {"ApiId": "i", "IntegrationType": "AWS_PROXY"}, set()),
    ("apigatewayv2", "UpdateIntegration", {"ApiId": "i", "IntegrationId": "j"}, set()),
    ("apigatewayv2", "CreateStage", {"ApiId": "i", "StageName": "$default"}, set()),
    ("apigatewayv2", "UpdateStage", {"ApiId": "i", "StageName": "$default"}, set()),
    ("sqs", "CreateQueue", {"QueueName": "q", "Attributes": {"VisibilityTimeout": "9"}}, set()),
    ("sqs", "SetQueueAttributes", {"QueueUrl": "u", "Attributes": {}}, set()),
    # "type: container" requires containerProperties, and these both resource requirements.
    (
        "batch",
        "RegisterJobDefinition",
        job("EC2"),
        {"containerProperties", "containerProperties.resourceRequirements"},
    ),
    # Fargate pulls the image with an execution role.
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
    # Managed environments require computeResources with subnets (optional in the model, because of
    # ECS Managed Instances); EC2 a role and instance types; BEST_FIT on Spot a fleet role.
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
    # Fargate requires security groups.
    (
        "batch",
        "CreateComputeEnvironment",
        compute_resources(**PLACE, type="FARGATE"),
        {"computeResources", "computeResources.securityGroupIds", "computeResources.subnets"},
    ),
    # A queue requires compute environments; in the model it may have service environments.
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
    ("batch", "UpdateJobQueue", {"jobQueue": "q"}, set()),
    ("batch", "CreateSchedulingPolicy", {"name": "p"}, set()),
    ("batch", "UpdateSchedulingPolicy", {"arn": "a"}, set()),
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
    ("batch", "UpdateJobQueue", {"jobQueue": "q"}, set()),
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
def test_the_validator_requires_only_members_that_the_models_do_not(
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


def test_every_rule_of_the_validator_is_compared() -> None:
    assert {(service, operation) for service, operation, _, _ in COMPLETE} == {*validator._RULES}
