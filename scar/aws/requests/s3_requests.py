"""Requests that create buckets, and notification rules of buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.requests.notification_filters import encode_filter

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        CreateBucketConfigurationTypeDef,
        CreateBucketRequestTypeDef,
        FilterRuleTypeDef,
        LambdaFunctionConfigurationTypeDef,
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


def notification_rule(resource: BucketNotification) -> LambdaFunctionConfigurationTypeDef:
    """Return the rule of a bucket's notification configuration, with encoded filters."""
    rule: LambdaFunctionConfigurationTypeDef = {
        "Id": resource.rule_id,
        "LambdaFunctionArn": resource.function_arn,
        "Events": list(resource.events),  # type: ignore[arg-type]
    }
    filters = filter_rules(resource)
    if filters:
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
