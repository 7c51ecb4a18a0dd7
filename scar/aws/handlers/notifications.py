"""S3 bucket notifications, next to those that other tools put on the same bucket."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from scar.aws.client import errors as faults
from scar.aws.client.waiter import Waiter
from scar.aws.model.resources import BucketNotification
from scar.aws.requests.s3_requests import notification_rule
from scar.errors import OperationRefusedError, WaitTimeoutError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        LambdaFunctionConfigurationOutputTypeDef,
        LambdaFunctionConfigurationTypeDef,
        NotificationConfigurationResponseTypeDef,
        NotificationConfigurationTypeDef,
    )

_MAX_ATTEMPTS = 5
_DESTINATION_NOT_VALIDATED = "Unable to validate the following destination"


@dataclass(slots=True)
class _PendingChange:
    """How one rule shall be: as described, or absent."""

    resource: BucketNotification
    rule: LambdaFunctionConfigurationTypeDef | None
    error: Exception | None = None

    def is_applied(self, found: NotificationConfigurationResponseTypeDef) -> bool:
        there = _find_rule(found, self.resource)
        return there == self.resource if self.rule else there is None


@dataclass(frozen=True, slots=True)
class NotificationHandler:
    """A put replaces the whole configuration: read it, change our rule, write all of it back.

    There is no ETag to write against, so the result is read again and, if somebody wrote in
    between, the change is made once more. One thread at a time changes buckets; what others
    ask for meanwhile goes into one further write.
    """

    s3: S3Client
    waiter: Waiter = field(default_factory=lambda: Waiter(timeout=30, first_delay=1, max_delay=4))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pending: dict[str, list[_PendingChange]] = field(default_factory=dict)

    def read(self, resource: BucketNotification) -> BucketNotification | None:
        try:
            found = self._read_configuration(resource.bucket)
        except ClientError as error:
            if faults.error_code(error) == "NoSuchBucket":
                return None
            raise
        return _find_rule(found, resource)

    def create(self, resource: BucketNotification) -> None:
        self._replace_rule(resource, notification_rule(resource))

    def update(self, observed: BucketNotification, desired: BucketNotification) -> None:
        del observed
        self._replace_rule(desired, notification_rule(desired))

    def delete(self, resource: BucketNotification) -> None:
        try:
            self._replace_rule(resource, None)
        except ClientError as error:
            if faults.error_code(error) != "NoSuchBucket":
                raise

    def _read_configuration(self, bucket: str) -> NotificationConfigurationResponseTypeDef:
        return self.s3.get_bucket_notification_configuration(Bucket=bucket)

    def _replace_rule(
        self, resource: BucketNotification, rule: LambdaFunctionConfigurationTypeDef | None
    ) -> None:
        wish = _PendingChange(resource, rule)
        # A list takes and gives one item at a time, whoever asks.
        self._pending.setdefault(resource.bucket, []).append(wish)
        with self._lock:
            # Empty if somebody has written this wish along with his own.
            together = self._pending.pop(resource.bucket, [])
            try:
                if together:
                    self._write_changes(resource.bucket, together)
            except Exception as error:  # noqa: BLE001 told to everybody who wished
                for each in together:
                    each.error = error
        if wish.error is not None:
            raise wish.error

    def _write_changes(self, bucket: str, wishes: list[_PendingChange]) -> None:
        for _ in range(_MAX_ATTEMPTS):
            found = self._read_configuration(bucket)
            open_ = [wish for wish in wishes if not wish.is_applied(found)]
            if not open_:
                return
            self._put_configuration(bucket, _merge_rules(found, open_))
        if all(wish.is_applied(self._read_configuration(bucket)) for wish in wishes):
            return
        raise OperationRefusedError(
            f"Another program keeps changing the notifications of bucket {bucket}.",
            remedy="Stop it, then run the same command again.",
        )

    def _put_configuration(self, bucket: str, merged: NotificationConfigurationTypeDef) -> None:
        """Write the configuration, as soon as S3 sees that it may invoke the functions."""

        def put_succeeded() -> bool | str:
            try:
                self.s3.put_bucket_notification_configuration(
                    Bucket=bucket, NotificationConfiguration=merged
                )
            except ClientError as error:
                if _DESTINATION_NOT_VALIDATED not in faults.error_message(error):
                    raise
                refused.append(error)
                return "S3 does not see yet that it may invoke the function"
            return True

        refused: list[ClientError] = []
        try:
            self.waiter.wait_until(put_succeeded, f"the notifications of {bucket}")
        except WaitTimeoutError:
            raise refused[-1] from None


def _find_rule(
    found: NotificationConfigurationResponseTypeDef, resource: BucketNotification
) -> BucketNotification | None:
    rules = found.get("LambdaFunctionConfigurations", [])
    ours = (parse_notification_rule(resource.bucket, rule) for rule in rules)
    return next((rule for rule in ours if rule.name == resource.name), None)


def parse_notification_rule(
    bucket: str, rule: LambdaFunctionConfigurationOutputTypeDef
) -> BucketNotification:
    """Read a rule of S3's as a resource, whoever made it."""
    filters = rule.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    values = {f.get("Name", "").lower(): f.get("Value", "") for f in filters}
    return BucketNotification(
        name=f"{bucket}/{rule.get('Id', '')}",
        function_arn=rule["LambdaFunctionArn"],
        events=tuple(sorted(rule["Events"])),
        prefix=values.get("prefix", ""),
        suffix=values.get("suffix", ""),
    )


def _merge_rules(
    found: NotificationConfigurationResponseTypeDef, wishes: list[_PendingChange]
) -> NotificationConfigurationTypeDef:
    ours = {wish.resource.rule_id for wish in wishes}
    others = [r for r in found.get("LambdaFunctionConfigurations", []) if r.get("Id") not in ours]
    kept = cast("list[LambdaFunctionConfigurationTypeDef]", others)
    wanted = [wish.rule for wish in wishes if wish.rule is not None]
    merged: NotificationConfigurationTypeDef = {}
    if kept or wanted:
        merged["LambdaFunctionConfigurations"] = [*kept, *wanted]
    if queues := found.get("QueueConfigurations"):
        merged["QueueConfigurations"] = queues
    if topics := found.get("TopicConfigurations"):
        merged["TopicConfigurations"] = topics
    if "EventBridgeConfiguration" in found:
        merged["EventBridgeConfiguration"] = found["EventBridgeConfiguration"]
    return merged
