"""Requests that create buckets, and notification rules of buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.requests.notification_filters import encode_filter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_s3.type_defs import (
        CreateBucketConfigurationTypeDef,
        CreateBucketRequestTypeDef,
        FilterRuleTypeDef,
        LambdaFunctionConfigurationTypeDef,
        NotificationConfigurationTypeDef,
        QueueConfigurationTypeDef,
    )

    from scar.aws.model.resources import BucketNotification


def create_bucket_request(name: str, region: str, *, tagged: bool) -> CreateBucketRequestTypeDef:
    """Return the request that creates a bucket; ``tagged`` adds the tag for managed resources."""
    configuration: CreateBucketConfigurationTypeDef = {}
    # us-east-1 is the default and not a valid LocationConstraint.
    if region != "us-east-1":
        configuration["LocationConstraint"] = region  # type: ignore[typeddict-item]
    if tagged:
        configuration["Tags"] = [{"Key": names.MANAGED_TAG, "Value": "true"}]
    request: CreateBucketRequestTypeDef = {"Bucket": name}
    return {**request, "CreateBucketConfiguration": configuration} if configuration else request


def notification_configuration(
    resources: Iterable[BucketNotification],
) -> NotificationConfigurationTypeDef:
    """Return the rules of a bucket's notification configuration, with encoded filters."""
    functions: list[LambdaFunctionConfigurationTypeDef] = []
    queues: list[QueueConfigurationTypeDef] = []
    for resource in resources:
        rule = _rule_without_target(resource)
        if resource.queue_arn:
            queues.append({**rule, "QueueArn": resource.queue_arn})  # type: ignore[typeddict-item]
        else:
            functions.append({**rule, "LambdaFunctionArn": resource.function_arn})  # type: ignore[typeddict-item]
    configuration: NotificationConfigurationTypeDef = {}
    if functions:
        configuration["LambdaFunctionConfigurations"] = functions
    if queues:
        configuration["QueueConfigurations"] = queues
    return configuration


def _rule_without_target(resource: BucketNotification) -> dict[str, object]:
    rule: dict[str, object] = {"Id": resource.rule_id, "Events": list(resource.events)}
    if filters := filter_rules(resource):
        rule["Filter"] = {"Key": {"FilterRules": filters}}
    return rule


def filter_rules(resource: BucketNotification) -> list[FilterRuleTypeDef]:
    """Return the filter rules for the prefix and the suffix, as S3 requires them encoded."""
    filters: list[FilterRuleTypeDef] = []
    if resource.prefix:
        filters.append({"Name": "prefix", "Value": encode_filter(resource.prefix)})
    if resource.suffix:
        filters.append({"Name": "suffix", "Value": encode_filter(resource.suffix)})
    return filters
