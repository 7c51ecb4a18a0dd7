"""Requests that create and update queues of events, and event source mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from scar.aws.requests.field_paths import add_fields

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        CreateEventSourceMappingRequestTypeDef,
        UpdateEventSourceMappingRequestTypeDef,
    )
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import CreateQueueRequestTypeDef

    from scar.aws.model.resources import EventSource, SourceQueue

_REPORT_FAILURES: Literal["ReportBatchItemFailures"] = "ReportBatchItemFailures"


def create_queue_request(resource: SourceQueue) -> CreateQueueRequestTypeDef:
    return {
        "QueueName": resource.name,
        "Attributes": queue_attributes(resource),
        "tags": dict(resource.tags),
    }


def queue_attributes(resource: SourceQueue) -> dict[QueueAttributeNameType, str]:
    """Return the queue's settings as SQS takes them: all of them are texts."""
    attributes: dict[QueueAttributeNameType, str] = {
        "VisibilityTimeout": str(resource.visibility),
        "MessageRetentionPeriod": str(resource.retention),
        "SqsManagedSseEnabled": str(resource.encrypted).lower(),
    }
    if resource.policy:
        attributes["Policy"] = resource.policy
    return attributes


def create_event_source_request(resource: EventSource) -> CreateEventSourceMappingRequestTypeDef:
    request: CreateEventSourceMappingRequestTypeDef = {
        "FunctionName": resource.name,
        "EventSourceArn": resource.queue_arn,
        "Enabled": resource.enabled,
    }
    add_fields(request, resource)
    if resource.reports_failures:
        request["FunctionResponseTypes"] = [_REPORT_FAILURES]
    if resource.concurrency:
        request["ScalingConfig"] = {"MaximumConcurrency": resource.concurrency}
    return request


def update_event_source_request(
    uuid: str, resource: EventSource
) -> UpdateEventSourceMappingRequestTypeDef:
    """Return all settings that can change; an empty ScalingConfig removes the limit."""
    request: UpdateEventSourceMappingRequestTypeDef = {
        "UUID": uuid,
        "FunctionName": resource.name,
        "Enabled": resource.enabled,
        "FunctionResponseTypes": [_REPORT_FAILURES] if resource.reports_failures else [],
        "ScalingConfig": (
            {"MaximumConcurrency": resource.concurrency} if resource.concurrency else {}
        ),
    }
    add_fields(request, resource)
    return request
