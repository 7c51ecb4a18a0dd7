"""The requests that create a resource of any kind, for validation before they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model.resources import (
    Bucket,
    BucketNotification,
    EcrRepository,
    EventInvokeConfig,
    InvokePermission,
    LambdaFunction,
    LogGroup,
    Resource,
    Role,
)
from scar.aws.requests import lambda_requests, s3_requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    ApiRequest = tuple[str, str, Mapping[str, object]]


def creation_requests(resource: Resource, region: str) -> Iterator[ApiRequest]:  # noqa: C901 - a case per kind
    """Yield service, operation and parameters of each request that creates the resource.

    Requests without rules in ``validator`` are left out.
    """
    match resource:
        case Bucket():
            yield from _bucket_requests(resource, region)
        case BucketNotification():
            configuration = s3_requests.notification_configuration([resource])
            yield (
                "s3",
                "PutBucketNotificationConfiguration",
                {"Bucket": resource.bucket, "NotificationConfiguration": configuration},
            )
        case LogGroup() if resource.retention_days:
            yield "logs", "PutRetentionPolicy", {"retentionInDays": resource.retention_days}
        case Role():
            yield from _role_requests(resource)
        case EcrRepository():
            tags = [{"Key": key, "Value": value} for key, value in resource.tags]
            yield "ecr", "CreateRepository", {"repositoryName": resource.name, "tags": tags}
        case LambdaFunction():
            yield "lambda", "CreateFunction", {**lambda_requests.create_function_request(resource)}
        case EventInvokeConfig():
            yield (
                "lambda",
                "PutFunctionEventInvokeConfig",
                {**lambda_requests.event_invoke_request(resource)},
            )
        case InvokePermission():
            yield "lambda", "AddPermission", {**lambda_requests.add_permission_request(resource)}
        case _:
            yield from _requests_of_some_functions(resource, region)


# The modules of these kinds are imported only for a function that has one of them.
_EVENT_KINDS = frozenset({"event-queue", "event-source"})
_ENDPOINT_KINDS = frozenset({"http-api", "function-url"})
_BATCH_KINDS = frozenset(
    {"compute-environment", "job-queue", "scheduling-policy", "job-definition"}
)


def _requests_of_some_functions(resource: Resource, region: str) -> Iterator[ApiRequest]:
    if resource.kind in _EVENT_KINDS:
        yield from _event_requests(resource)
    elif resource.kind in _ENDPOINT_KINDS:
        yield from _endpoint_requests(resource)
    elif resource.kind in _BATCH_KINDS:
        yield from _batch_requests(resource, region)


def _event_requests(resource: Resource) -> Iterator[ApiRequest]:
    from scar.aws.model.resources import EventSource, SourceQueue
    from scar.aws.requests import event_source_requests

    match resource:
        case SourceQueue():
            yield "sqs", "CreateQueue", {**event_source_requests.create_queue_request(resource)}
        case EventSource():
            request = event_source_requests.create_event_source_request(resource)
            yield "lambda", "CreateEventSourceMapping", {**request}
        case _:
            return


def _batch_requests(resource: Resource, region: str) -> Iterator[ApiRequest]:
    from scar.aws.model.resources import (
        ComputeEnvironment,
        JobDefinition,
        JobQueue,
        SchedulingPolicy,
    )
    from scar.aws.requests import batch_requests

    match resource:
        case ComputeEnvironment():
            yield (
                "batch",
                "CreateComputeEnvironment",
                {**batch_requests.create_environment_request(resource)},
            )
        case JobQueue():
            yield "batch", "CreateJobQueue", {**batch_requests.create_queue_request(resource)}
        case SchedulingPolicy():
            yield (
                "batch",
                "CreateSchedulingPolicy",
                {**batch_requests.create_policy_request(resource)},
            )
        case JobDefinition():
            yield (
                "batch",
                "RegisterJobDefinition",
                {**batch_requests.register_definition_request(resource, region)},
            )
        case _:
            return


def _endpoint_requests(resource: Resource) -> Iterator[ApiRequest]:
    from scar.aws.model.resources import FunctionUrl, HttpApi
    from scar.aws.requests import endpoint_requests

    match resource:
        case FunctionUrl():
            request = endpoint_requests.function_url_request(resource)
            yield "lambda", "CreateFunctionUrlConfig", {**request}
        case HttpApi():
            yield "apigatewayv2", "CreateApi", endpoint_requests.create_api_request(resource)
            settings = endpoint_requests.integration_settings(resource)
            yield "apigatewayv2", "CreateIntegration", settings
            yield "apigatewayv2", "CreateStage", endpoint_requests.stage_settings(resource)
        case _:
            return


def _role_requests(role: Role) -> Iterator[ApiRequest]:
    tags = [{"Key": key, "Value": value} for key, value in role.tags]
    creation = {"RoleName": role.name, "AssumeRolePolicyDocument": role.trust, "Tags": tags}
    yield "iam", "CreateRole", creation
    for document in (role.policy, *dict(role.other_policies).values()):
        yield "iam", "PutRolePolicy", {"RoleName": role.name, "PolicyDocument": document}


def _bucket_requests(bucket: Bucket, region: str) -> Iterator[ApiRequest]:
    request = s3_requests.create_bucket_request(bucket.name, region, tagged=True)
    yield "s3", "CreateBucket", {**request}
    for folder in bucket.folders:
        yield "s3", "PutObject", {"Bucket": bucket.name, "Key": folder}
