"""CloudFormation properties of each kind of resource.

Most are the request of ``scar.aws.requests`` that creates the resource, with other spellings.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scar.aws.export.pseudo_parameters import find_marks, mark
from scar.aws.model import names
from scar.aws.model.account import partition_of
from scar.aws.requests import (
    batch_requests,
    event_source_requests,
    lambda_requests,
    launch_template_requests,
    s3_requests,
    state_bucket_lifecycle,
    tls_policy,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.aws.model import resources as kinds

Properties = dict[str, Any]

_MANAGED = [{"Key": names.MANAGED_TAG, "Value": "true"}]
# The values of these keys are maps with the user's own keys, which keep their spelling.
_MAPS = frozenset({"tags", "options"})
_OTHER_SPELLINGS = {"s3filesVolumeConfiguration": "S3FilesVolumeConfiguration"}
_PUBLIC_ACCESS_SETTINGS = (
    "BlockPublicAcls",
    "BlockPublicPolicy",
    "IgnorePublicAcls",
    "RestrictPublicBuckets",
)


def state_bucket(resource: kinds.StateBucket) -> Properties:
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": resource.encryption}}
    expirations = [
        {
            "Id": rule,
            "Status": "Enabled",
            "Prefix": prefix,
            "ExpirationInDays": days,
            "AbortIncompleteMultipartUpload": {
                "DaysAfterInitiation": state_bucket_lifecycle.ABORT_DAYS
            },
        }
        for rule, (prefix, days) in state_bucket_lifecycle.expirations(resource).items()
    ]
    return {
        "BucketName": resource.name,
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
        "LifecycleConfiguration": {"Rules": expirations},
        "PublicAccessBlockConfiguration": dict.fromkeys(
            _PUBLIC_ACCESS_SETTINGS, resource.is_private
        ),
    }


def state_bucket_policy(resource: kinds.StateBucket, region: str) -> Properties:
    """Return the bucket policy of the state bucket, a resource of its own in CloudFormation."""
    partition = mark("Partition") if find_marks(region) else partition_of(region)
    statement = tls_policy.tls_statement(resource.name, partition)
    return {
        "Bucket": resource.name,
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }


def bucket(resource: kinds.Bucket, rules: Iterable[kinds.BucketNotification]) -> Properties:
    """Return a bucket with its notification rules, whose ids CloudFormation generates."""
    properties: Properties = {"BucketName": resource.name, "Tags": _MANAGED}
    configurations: dict[str, list[Properties]] = {}
    for rule in rules:
        kind = "QueueConfigurations" if rule.queue_arn else "LambdaConfigurations"
        configurations.setdefault(kind, []).extend(_rule_configurations(rule))
    if configurations:
        properties["NotificationConfiguration"] = configurations
    return properties


def log_group(resource: kinds.LogGroup) -> Properties:
    tags = [*_MANAGED, *_tag_list(resource.tags)]
    properties: Properties = {"LogGroupName": resource.name, "Tags": tags}
    if resource.retention_days:
        properties["RetentionInDays"] = resource.retention_days
    return properties


def role(resource: kinds.Role) -> Properties:
    properties: Properties = {
        "RoleName": resource.name,
        "Path": names.ROLE_PATH,
        "AssumeRolePolicyDocument": json.loads(resource.trust),
        "Policies": [
            {"PolicyName": name, "PolicyDocument": json.loads(document)}
            for name, document in (("scar", resource.policy), *resource.other_policies)
        ],
        "Tags": [*_MANAGED, *_tag_list(resource.tags)],
    }
    if resource.managed_policies:
        properties["ManagedPolicyArns"] = list(resource.managed_policies)
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
    # Absent it is Lambda's default, also in Regions that do not have the setting.
    if resource.allow_loop:
        properties["RecursiveLoop"] = lambda_requests.recursion_request(resource)["RecursiveLoop"]
    return properties


def event_invoke_config(resource: kinds.EventInvokeConfig) -> Properties:
    return {**lambda_requests.event_invoke_request(resource), "Qualifier": "$LATEST"}


def permission(resource: kinds.InvokePermission) -> Properties:
    """Return a permission without its statement id, which CloudFormation generates."""
    properties: Properties = {**lambda_requests.add_permission_request(resource)}
    del properties["StatementId"]
    return properties


def event_queue(resource: kinds.SourceQueue) -> Properties:
    return {
        "QueueName": resource.name,
        "VisibilityTimeout": resource.visibility,
        "MessageRetentionPeriod": resource.retention,
        "SqsManagedSseEnabled": resource.encrypted,
        "Tags": _tag_list(resource.tags),
    }


def event_queue_policy(resource: kinds.SourceQueue, logical_id: str) -> Properties:
    """Return the queue's policy, a resource of its own in CloudFormation."""
    return {"Queues": [{"Ref": logical_id}], "PolicyDocument": json.loads(resource.policy)}


def event_source(resource: kinds.EventSource) -> Properties:
    return {**event_source_requests.create_event_source_request(resource)}


def launch_template(resource: kinds.LaunchTemplate) -> Properties:
    return {**launch_template_requests.launch_template_request(resource)}


def environment(resource: kinds.ComputeEnvironment) -> Properties:
    return _capitalize_keys(
        {
            **batch_requests.create_environment_request(resource),
            # The default is to replace it on updates, which fails for one with a fixed name.
            "replaceComputeEnvironment": False,
        }
    )


def queue(resource: kinds.JobQueue) -> Properties:
    return _capitalize_keys({**batch_requests.create_queue_request(resource)})


def scheduling_policy(resource: kinds.SchedulingPolicy) -> Properties:
    return _capitalize_keys({**batch_requests.create_policy_request(resource)})


def definition(resource: kinds.JobDefinition, region: str) -> Properties:
    return _capitalize_keys({**batch_requests.register_definition_request(resource, region)})


def _rule_configurations(rule: kinds.BucketNotification) -> list[Properties]:
    """Return one configuration per event: in CloudFormation each has a single event."""
    filters = s3_requests.filter_rules(rule)
    key_filter = {"Filter": {"S3Key": {"Rules": filters}}} if filters else {}
    target = {"Queue": rule.queue_arn} if rule.queue_arn else {"Function": rule.function_arn}
    return [{"Event": event, **target, **key_filter} for event in rule.events]


def _tag_list(pairs: kinds.Pairs) -> list[Properties]:
    return [{"Key": key, "Value": value} for key, value in pairs]


def _capitalize_keys(value: Mapping[str, Any]) -> Properties:
    """Return the keys of Batch's API in CloudFormation's spelling: ``maxvCpus`` is ``MaxvCpus``."""
    return {
        _OTHER_SPELLINGS.get(key, f"{key[0].upper()}{key[1:]}"): _capitalize_value(key, item)
        for key, item in value.items()
    }


def _capitalize_value(key: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    if key in _MAPS:
        return dict(value)
    if isinstance(value, dict):
        return _capitalize_keys(value)
    if isinstance(value, list):
        return [_capitalize_keys(item) if isinstance(item, dict) else item for item in value]
    return value
