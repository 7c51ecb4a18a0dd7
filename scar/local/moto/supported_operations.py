"""The services and operations that the local cloud supports; all others are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.moto import fields
from scar.local.moto.error_responses import ApiError
from scar.local.moto.journal_keys import function_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.moto.calls import MotoCall


def _operation_names(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOT_EMULATED: tuple[str, ...] = (
    "IAM: roles and policies are stored but not enforced, except where roles start functions.",
    "Networks: only the default VPC exists; functions and jobs use this machine's network.",
    "GPUs: jobs use those of this machine; without any, they stay RUNNABLE.",
    "EFS and S3 Files: an access point is a folder of the state folder; other volumes are refused.",
    "Multi-node jobs with the docker and process engines: refused at SubmitJob.",
    "Fields that are not implemented (privileged, user, maxSwap, ImageConfig…): refused by name.",
    "Batch: compute reservations of scheduling policies, and quota shares: refused.",
    "Launch templates, allocation strategies, bids, scale-down delays: stored; no instance starts.",
    "Spot interruptions, except under --chaos; the start-up time of instances.",
    "Lambda: zip packages, layers, versions, aliases: refused.",
    "API Gateway: HTTP APIs with the route and the stage $default only; others are refused.",
    "Lambda event source mappings: of standard SQS queues only.",
    "CloudWatch metrics and alarms, EventBridge rules, X-Ray: refused.",
    "SQS: message attributes and long polling have no effect.",
    "Messages of FIFO queues and SNS deliveries are lost when the local cloud stops.",
    "Prices, account quotas and AWS's timing.",
)

# Left out, even where moto implements them: operations whose result would have no effect here,
# because what would use it (metrics, versions, …) is not emulated.
_SUPPORTED_OPERATIONS: Mapping[str, frozenset[str]] = {
    "lambda": _operation_names(
        """CreateFunction GetFunction GetFunctionConfiguration ListFunctions DeleteFunction
        UpdateFunctionCode UpdateFunctionConfiguration AddPermission RemovePermission GetPolicy
        PutFunctionConcurrency GetFunctionConcurrency DeleteFunctionConcurrency
        PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig
        GetFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig
        ListFunctionEventInvokeConfigs GetFunctionRecursionConfig PutFunctionRecursionConfig
        TagResource UntagResource ListTags ListVersionsByFunction
        ListAliases CreateEventSourceMapping GetEventSourceMapping ListEventSourceMappings
        UpdateEventSourceMapping DeleteEventSourceMapping CreateFunctionUrlConfig
        GetFunctionUrlConfig UpdateFunctionUrlConfig DeleteFunctionUrlConfig
        ListFunctionUrlConfigs"""
    ),
    "apigateway": _operation_names(
        """CreateApi GetApi GetApis UpdateApi DeleteApi DeleteCorsConfiguration CreateIntegration
        GetIntegration GetIntegrations UpdateIntegration DeleteIntegration CreateRoute GetRoute
        GetRoutes UpdateRoute DeleteRoute CreateStage GetStage GetStages UpdateStage DeleteStage
        TagResource UntagResource GetTags"""
    ),
    "batch": _operation_names(
        """CreateComputeEnvironment DescribeComputeEnvironments UpdateComputeEnvironment
        DeleteComputeEnvironment CreateJobQueue DescribeJobQueues UpdateJobQueue DeleteJobQueue
        CreateSchedulingPolicy DescribeSchedulingPolicies ListSchedulingPolicies
        UpdateSchedulingPolicy DeleteSchedulingPolicy
        RegisterJobDefinition DescribeJobDefinitions DeregisterJobDefinition TagResource
        UntagResource ListTagsForResource"""
    ),
    "ecr": _operation_names(
        """CreateRepository DescribeRepositories DeleteRepository GetAuthorizationToken
        SetRepositoryPolicy GetRepositoryPolicy DeleteRepositoryPolicy PutLifecyclePolicy
        GetLifecyclePolicy DeleteLifecyclePolicy TagResource UntagResource ListTagsForResource
        PutImageTagMutability PutImageScanningConfiguration DescribeImages BatchDeleteImage
        GetAccountSetting"""
    ),
    "logs": _operation_names(
        """CreateLogGroup DescribeLogGroups DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy
        TagLogGroup UntagLogGroup ListTagsLogGroup TagResource UntagResource ListTagsForResource"""
    ),
    "iam": _operation_names(
        """CreateRole GetRole ListRoles UpdateRole DeleteRole UpdateAssumeRolePolicy TagRole
        UntagRole ListRoleTags PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy
        AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies CreatePolicy GetPolicy
        GetPolicyVersion ListPolicies DeletePolicy CreateInstanceProfile GetInstanceProfile
        ListInstanceProfiles ListInstanceProfilesForRole AddRoleToInstanceProfile
        RemoveRoleFromInstanceProfile DeleteInstanceProfile TagInstanceProfile
        CreateServiceLinkedRole PutRolePermissionsBoundary
        DeleteRolePermissionsBoundary"""
    ),
    # IAM is not enforced, so that every role may read every value.
    "secretsmanager": _operation_names(
        """CreateSecret GetSecretValue PutSecretValue UpdateSecret DeleteSecret DescribeSecret
        ListSecrets ListSecretVersionIds"""
    ),
    "ssm": _operation_names(
        """PutParameter GetParameter GetParameters GetParametersByPath DescribeParameters
        DeleteParameter"""
    ),
    "sts": frozenset(["GetCallerIdentity"]),
    "elasticfilesystem": frozenset(["DescribeMountTargets"]),
    "s3files": frozenset(["ListMountTargets"]),
    "ec2": _operation_names(
        """DescribeVpcs DescribeSubnets DescribeSecurityGroups DescribeRouteTables
        DescribeInternetGateways DescribeNatGateways DescribeVpcEndpoints
        DescribeAvailabilityZones DescribeRegions DescribeAccountAttributes
        DescribeInstanceTypes DescribeInstanceTypeOfferings CreateLaunchTemplate
        DescribeLaunchTemplates DescribeLaunchTemplateVersions DeleteLaunchTemplate"""
    ),
    "sqs": _operation_names(
        """CreateQueue DeleteQueue GetQueueUrl ListQueues GetQueueAttributes SetQueueAttributes
        TagQueue UntagQueue ListQueueTags SendMessage SendMessageBatch ReceiveMessage
        DeleteMessage DeleteMessageBatch ChangeMessageVisibility PurgeQueue"""
    ),
    "sns": _operation_names(
        """CreateTopic DeleteTopic ListTopics GetTopicAttributes SetTopicAttributes Subscribe
        Unsubscribe ListSubscriptions ListSubscriptionsByTopic Publish TagResource UntagResource
        ListTagsForResource"""
    ),
}

_READ_PREFIXES = ("Get", "List", "Describe")
# Not journalled: messages are lost at a restart (see NOT_EMULATED), and replaying them all would
# make every start slower.
_VOLATILE_OPERATIONS = _operation_names(
    """SendMessage SendMessageBatch ReceiveMessage DeleteMessage DeleteMessageBatch
    ChangeMessageVisibility PurgeQueue Publish"""
)


def check_operation(call: MotoCall) -> ApiError | None:
    """Return the error for an unsupported service or operation, or None."""
    operations = _SUPPORTED_OPERATIONS.get(call.service)
    if operations is None:
        return ApiError(
            code="NotImplemented",
            message=f"The local cloud does not emulate {call.service}. "
            "`scar local status` lists what it does not emulate.",
            status=501,
        )
    if call.operation not in operations:
        name = call.operation or "this operation"
        return ApiError(
            code="NotImplemented",
            message=f"The local cloud does not emulate {name} of {call.service}. "
            "`scar local status` lists what it does not emulate.",
            status=501,
        )
    return None


def changes_state(call: MotoCall) -> bool:
    """Return whether the call changes state that must survive a restart."""
    return (
        not call.operation.startswith(_READ_PREFIXES) and call.operation not in _VOLATILE_OPERATIONS
    )


def check_parameters(call: MotoCall) -> ApiError | None:
    """Return the error for parameters that moto accepts but the local cloud does not implement."""
    error = fields.check_fields(call.service, call.operation, call.parameters)
    if error is not None:
        return error
    if call.operation == "CreateFunction" and not call.text("PackageType"):
        return fields.not_emulated_error("PackageType: Zip")  # AWS's default
    if call.operation == "RegisterJobDefinition":
        return _check_definition(call)
    group = _log_group(call)
    if group not in ("", f"/aws/lambda/{function_name(call.text('FunctionName'))}"):
        return fields.not_emulated_error(f"LoggingConfig.LogGroup: {group}")
    return None


def _check_definition(call: MotoCall) -> ApiError | None:
    nodes = call.parameters.get("nodeProperties")
    if isinstance(nodes, dict) and len(nodes.get("nodeRangeProperties") or []) > 1:
        return fields.not_emulated_error("multi-node jobs with several node ranges")
    if isinstance(nodes, dict) or isinstance(call.parameters.get("containerProperties"), dict):
        return None
    return fields.not_emulated_error("job definitions without containerProperties")


def _log_group(call: MotoCall) -> str:
    """Return the log group in the request; only the function's default group is supported."""
    logging = call.parameters.get("LoggingConfig")
    return str(logging.get("LogGroup", "")) if isinstance(logging, dict) else ""
