"""S3 bucket notifications, next to those that other tools put on the same bucket."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from scar.aws import faults
from scar.aws.requests import notification_rule
from scar.aws.resources import BucketNotification
from scar.errors import Refused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        LambdaFunctionConfigurationOutputTypeDef,
        LambdaFunctionConfigurationTypeDef,
        NotificationConfigurationResponseTypeDef,
        NotificationConfigurationTypeDef,
    )

_TRIES = 5


@dataclass(frozen=True, slots=True)
class NotificationHandler:
    """A put replaces the whole configuration: read it, change our rule, write all of it back.

    There is no ETag to write against, so the result is read again and, if somebody wrote in
    between, the change is made once more. One thread at a time changes buckets.
    """

    s3: S3Client
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, resource: BucketNotification) -> BucketNotification | None:
        from botocore.exceptions import ClientError

        try:
            found = self._get(resource.bucket)
        except ClientError as error:
            if faults.code(error) == "NoSuchBucket":
                return None
            raise
        rules = found.get("LambdaFunctionConfigurations", [])
        ours = (parse(resource.bucket, rule) for rule in rules)
        return next((rule for rule in ours if rule.name == resource.name), None)

    def create(self, resource: BucketNotification) -> None:
        self._replace(resource, notification_rule(resource))

    def update(self, observed: BucketNotification, desired: BucketNotification) -> None:
        del observed
        self._replace(desired, notification_rule(desired))

    def delete(self, resource: BucketNotification) -> None:
        from botocore.exceptions import ClientError

        try:
            self._replace(resource, None)
        except ClientError as error:
            if faults.code(error) != "NoSuchBucket":
                raise

    def _get(self, bucket: str) -> NotificationConfigurationResponseTypeDef:
        return self.s3.get_bucket_notification_configuration(Bucket=bucket)

    def _replace(
        self, resource: BucketNotification, rule: LambdaFunctionConfigurationTypeDef | None
    ) -> None:
        wanted = resource if rule else None
        with self._lock:
            for _ in range(_TRIES):
                if self.read(resource) == wanted:
                    return
                self.s3.put_bucket_notification_configuration(
                    Bucket=resource.bucket,
                    NotificationConfiguration=_merged(
                        self._get(resource.bucket), resource.rule_id, rule
                    ),
                )
            if self.read(resource) == wanted:
                return
        raise Refused(
            f"Another program keeps changing the notifications of bucket {resource.bucket}.",
            remedy="Stop it, then run the same command again.",
        )


def parse(bucket: str, rule: LambdaFunctionConfigurationOutputTypeDef) -> BucketNotification:
    """Read a rule of S3's as a resource, whoever made it."""
    filters = rule.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    values = {f.get("Name", "").lower(): f.get("Value", "") for f in filters}
    return BucketNotification(
        name=f"{bucket}/{rule.get('Id', '')}",
        function_arn=rule["LambdaFunctionArn"],
        prefix=values.get("prefix", ""),
        suffix=values.get("suffix", ""),
    )


def _merged(
    found: NotificationConfigurationResponseTypeDef,
    rule_id: str,
    rule: LambdaFunctionConfigurationTypeDef | None,
) -> NotificationConfigurationTypeDef:
    others = [r for r in found.get("LambdaFunctionConfigurations", []) if r.get("Id") != rule_id]
    kept = cast("list[LambdaFunctionConfigurationTypeDef]", others)
    merged: NotificationConfigurationTypeDef = {}
    if kept or rule:
        merged["LambdaFunctionConfigurations"] = [*kept, *([rule] if rule else [])]
    if queues := found.get("QueueConfigurations"):
        merged["QueueConfigurations"] = queues
    if topics := found.get("TopicConfigurations"):
        merged["TopicConfigurations"] = topics
    if "EventBridgeConfiguration" in found:
        merged["EventBridgeConfiguration"] = found["EventBridgeConfiguration"]
    return merged
