"""Each kind of resource as CloudFormation writes it. Pure.

The requests of ``scar.aws.requests`` say the same to the APIs; only spelling differs.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scar.aws.model import names
from scar.aws.requests import (
    batch_requests,
    lambda_requests,
    launch_template_requests,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.aws.model import resources as kinds

Properties = dict[str, Any]

_MANAGED = [{"Key": names.MANAGED_TAG, "Value": "true"}]
# Below these, keys are names of the user's.
_MAPS = frozenset({"tags", "options"})
_CLOSED = (
    "BlockPublicAcls",
    "BlockPublicPolicy",
    "IgnorePublicAcls",
    "RestrictPublicBuckets",
)


def state_bucket(resource: kinds.StateBucket) -> Properties:
    default = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": resource.encryption}}
    expiring = {
        "Id": "scar-runs",
        "Status": "Enabled",
        "Prefix": "runs/",
        "ExpirationInDays": resource.keep_days,
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    return {
        "BucketName": resource.name,
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [default]},
        "LifecycleConfiguration": {"Rules": [expiring]},
        "PublicAccessBlockConfiguration": dict.fromkeys(_CLOSED, resource.is_private),
    }


def bucket(resource: kinds.Bucket, rules: Iterable[kinds.BucketNotification]) -> Properties:
    """Write a bucket with what it starts; the ids of rules are CloudFormation's to choose."""
    properties: Properties = {"BucketName": resource.name, "Tags": _MANAGED}
    if told := [configuration for rule in rules for configuration in _lambda_configurations(rule)]:
        properties["NotificationConfiguration"] = {"LambdaConfigurations": told}
    return properties


def log_group(resource: kinds.LogGroup) -> Properties:
    properties: Properties = {"LogGroupName": resource.name, "Tags": _MANAGED}
    if resource.retention_days:
        properties["RetentionInDays"] = resource.retention_days
    return properties


def role(resource: kinds.Role) -> Properties:
    properties: Properties = {
        "RoleName": resource.name,
        "Path": names.ROLE_PATH,
        "AssumeRolePolicyDocument": json.loads(resource.trust),
        "Policies": [{"PolicyName": "scar", "PolicyDocument": json.loads(resource.policy)}],
        "Tags": _MANAGED,
    }
    if resource.boundary:
        properties["PermissionsBoundary"] = resource.boundary
    return properties


def instance_profile(resource: kinds.InstanceProfile) -> Properties:
    return {
        "InstanceProfileName": resource.name,
        "Path": names.ROLE_PATH,
        "Roles": ["", resource.role][1:],
    }


def repository(resource: kinds.EcrRepository) -> Properties:
    return {
        "RepositoryName": resource.name,
        "RepositoryPolicyText": json.loads(resource.policy),
        "LifecyclePolicy": {"LifecyclePolicyText": resource.lifecycle},
        "ImageScanningConfiguration": {"ScanOnPush": resource.scan_on_push},
        "Tags": _tag_list(resource.tags),
    }


def function(resource: kinds.LambdaFunction) -> Properties:
    properties: Properties = {
        **lambda_requests.create_function_request(resource),
        "Tags": _tag_list(resource.tags),
    }
    if resource.reserved_concurrency is not None:
        properties["ReservedConcurrentExecutions"] = resource.reserved_concurrency
    return properties


def event_invoke_config(resource: kinds.EventInvokeConfig) -> Properties:
    return {**lambda_requests.event_invoke_request(resource), "Qualifier": "$LATEST"}


def permission(resource: kinds.InvokePermission) -> Properties:
    """Write a statement; its id is CloudFormation's to choose."""
    asked: Properties = {**lambda_requests.add_permission_request(resource)}
    del asked["StatementId"]
    return asked


def launch_template(resource: kinds.LaunchTemplate) -> Properties:
    return {**launch_template_requests.launch_template_request(resource)}


def environment(resource: kinds.ComputeEnvironment) -> Properties:
    return _capitalize_keys(
        {
            **batch_requests.create_environment_request(resource),
            "replaceComputeEnvironment": False,
        }
    )


def queue(resource: kinds.JobQueue) -> Properties:
    return _capitalize_keys({**batch_requests.create_queue_request(resource)})


def definition(resource: kinds.JobDefinition, region: str) -> Properties:
    return _capitalize_keys({**batch_requests.register_definition_request(resource, region)})


def _lambda_configurations(rule: kinds.BucketNotification) -> list[Properties]:
    """Write a rule once for each of its events, as CloudFormation has it."""
    filters = [
        {"Name": name, "Value": value}
        for name, value in (("prefix", rule.prefix), ("suffix", rule.suffix))
        if value
    ]
    only = {"Filter": {"S3Key": {"Rules": filters}}} if filters else {}
    return [{"Event": event, "Function": rule.function_arn, **only} for event in rule.events]


def _tag_list(pairs: kinds.Pairs) -> list[Properties]:
    return [{"Key": key, "Value": value} for key, value in pairs]


def _capitalize_keys(value: Mapping[str, Any]) -> Properties:
    """Write the keys of Batch's API as CloudFormation does: with a capital."""
    return {
        f"{key[0].upper()}{key[1:]}": _capitalize_value(key, item) for key, item in value.items()
    }


def _capitalize_value(key: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    if key in _MAPS:
        return dict(value)
    if isinstance(value, dict):
        return _capitalize_keys(value)
    if isinstance(value, list):
        return [_capitalize_keys(item) if isinstance(item, dict) else item for item in value]
    return value
