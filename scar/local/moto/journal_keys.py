"""Which resource a call changes, and which earlier journal rows it makes redundant.

A row has an owner, the resource (``batch/us-east-1/job-queue/main``), and a slot, the part of it
that the call writes (``AttachRolePolicy arn:aws:iam::aws:policy/…``). A later call with the same
owner and slot overwrites the same part, so the earlier row can be deleted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.moto.calls import MotoCall


def _operation_names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# (parameter, kind of resource) in the order of precedence: the first parameter that a call has
# names its resource. No kind: the value is an ARN that contains it.
_RESOURCE_PARAMETERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "lambda": (("FunctionName", "function"), ("Resource", "function")),
    "batch": (
        ("computeEnvironmentName", "compute-environment"),
        ("computeEnvironment", "compute-environment"),
        ("jobQueueName", "job-queue"),
        ("jobQueue", "job-queue"),
        ("jobDefinitionName", "job-definition"),
        ("jobDefinition", "job-definition"),
        ("resourceArn", ""),
        ("arn", ""),
        ("name", "scheduling-policy"),
    ),
    "apigateway": (("ApiId", "api"), ("ResourceArn", "api")),
    "ecr": (("repositoryName", "repository"), ("resourceArn", "repository")),
    "logs": (("logGroupName", "log-group"), ("resourceArn", "log-group")),
    "iam": (
        ("InstanceProfileName", "instance-profile"),
        ("RoleName", "role"),
        ("PolicyArn", "policy"),
        ("PolicyName", "policy"),
        ("AWSServiceName", "service-role"),
    ),
    "ec2": (("LaunchTemplateName", "launch-template"),),
    "sqs": (("QueueUrl", "queue"), ("QueueName", "queue")),
    "secretsmanager": (("SecretId", "secret"), ("Name", "secret")),
    "ssm": (("Name", "parameter"),),
    "sns": (("TopicArn", "topic"), ("ResourceArn", "topic"), ("Name", "topic")),
}
# Secrets Manager ends ARNs with a hyphen and six characters.
_SECRET_SUFFIX = 7
_DELETE_OPERATIONS = _operation_names(
    """DeleteFunction DeleteComputeEnvironment DeleteJobQueue DeleteRepository DeleteLogGroup
    DeleteRole DeleteInstanceProfile DeletePolicy DeleteQueue DeleteTopic
    DeleteApi DeleteLaunchTemplate DeleteSecret DeleteParameter DeleteSchedulingPolicy"""
)
# Put operation -> (parameter that distinguishes several puts on one resource, inverse operation,
# empty if there is none).
_PUT_OPERATIONS: Mapping[str, tuple[str, str]] = {
    "AddPermission": ("StatementId", "RemovePermission"),
    # An earlier value is deleted from the journal: it may be a secret.
    "PutParameter": ("", ""),
    "PutFunctionConcurrency": ("", "DeleteFunctionConcurrency"),
    "PutFunctionEventInvokeConfig": ("", "DeleteFunctionEventInvokeConfig"),
    "PutFunctionRecursionConfig": ("", ""),
    "PutRolePolicy": ("PolicyName", "DeleteRolePolicy"),
    "PutRolePermissionsBoundary": ("", "DeleteRolePermissionsBoundary"),
    "AttachRolePolicy": ("PolicyArn", "DetachRolePolicy"),
    "AddRoleToInstanceProfile": ("RoleName", "RemoveRoleFromInstanceProfile"),
    "SetRepositoryPolicy": ("", "DeleteRepositoryPolicy"),
    "PutLifecyclePolicy": ("", "DeleteLifecyclePolicy"),
    "PutRetentionPolicy": ("", "DeleteRetentionPolicy"),
}
_UNDO_OPERATIONS = {
    undo: (put, parameter) for put, (parameter, undo) in _PUT_OPERATIONS.items() if undo
}
# Partial updates. Their slot is the set of parameters: an update that writes other parameters
# must not replace an earlier one.
_UPDATE_OPERATIONS = _operation_names(
    """UpdateFunctionCode UpdateFunctionConfiguration UpdateComputeEnvironment UpdateJobQueue
    UpdateSchedulingPolicy UpdateRole UpdateAssumeRolePolicy PutImageTagMutability
    PutImageScanningConfiguration UpdateFunctionUrlConfig UpdateApi UpdateIntegration UpdateRoute
    UpdateStage"""
)
# The part of an owner that an update concerns, if it is not all of it.
_PART_PARAMETERS = ("IntegrationId", "RouteId", "StageName")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalKey:
    """The position of a change in the journal.

    With an empty ``slot`` the row stays as long as its owner. ``is_undo``: the call deletes the
    row of its slot and needs none itself. ``is_deletion``: the call deletes the owner.
    """

    owner: str
    slot: str = ""
    is_undo: bool = False
    is_deletion: bool = False


def journal_key(call: MotoCall) -> JournalKey:
    """Return the owner and slot of a call that has changed state."""
    owner = resource_path(call)
    operation = call.operation
    if operation in _DELETE_OPERATIONS:
        return JournalKey(owner=owner, is_deletion=True)
    if operation in _UNDO_OPERATIONS:
        put, parameter = _UNDO_OPERATIONS[operation]
        return JournalKey(owner=owner, slot=_slot_name(put, parameter, call), is_undo=True)
    if operation in _PUT_OPERATIONS:
        return JournalKey(
            owner=owner, slot=_slot_name(operation, _PUT_OPERATIONS[operation][0], call)
        )
    if operation in _UPDATE_OPERATIONS:
        part = "".join(call.text(parameter) for parameter in _PART_PARAMETERS)
        names = ",".join(sorted(call.parameters))
        return JournalKey(owner=owner, slot=" ".join(filter(None, (operation, part, names))))
    # TagResource, UntagRole …: only an identical call makes an earlier row redundant.
    if "tag" in operation.lower():
        keys = json.dumps(call.parameters.get("tagKeys", call.parameters), sort_keys=True)
        return JournalKey(owner=owner, slot=f"{operation} {keys}")
    return JournalKey(owner=owner)


def _slot_name(put: str, parameter: str, call: MotoCall) -> str:
    return f"{put} {call.text(parameter)}" if parameter else put


def resource_path(call: MotoCall) -> str:
    """Return the resource that a call concerns as ``service/region/kind/name``."""
    region = "" if call.service == "iam" else call.region
    for parameter, kind in _RESOURCE_PARAMETERS.get(call.service, ()):
        value = call.text(parameter)
        if value:
            return "/".join((call.service, region, *_kind_and_name(call.service, kind, value)))
    return f"{call.service}/{region}"


def _kind_and_name(service: str, kind: str, value: str) -> tuple[str, str]:
    is_arn = value.startswith("arn:")
    if service == "lambda":
        return kind, function_name(value)
    if service == "batch" and is_arn:
        kind, _, value = value.split(":", 5)[5].partition("/")
    elif service == "ecr" and is_arn:
        value = value.partition(":repository/")[2]
    elif service == "secretsmanager" and is_arn:
        value = value.partition(":secret:")[2][:-_SECRET_SUFFIX]
    elif service == "logs" and is_arn:
        value = value.split(":")[6]
    elif service in {"iam", "sqs", "apigateway"}:
        value = value.rpartition("/")[2]
    elif service == "sns":
        value = value.rpartition(":")[2]
    return kind, value.partition(":")[0] if service == "batch" else value


def function_name(name_or_arn: str) -> str:
    """Return the name in ``name``, ``account:function:name`` or an ARN, without a qualifier."""
    parts = name_or_arn.split(":")
    if "function" in parts:
        return parts[parts.index("function") + 1]
    return parts[0]
