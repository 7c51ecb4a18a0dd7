"""S3 event notifications, beside those that other tools have on the same bucket."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.client.waiter import Waiter
from scar.aws.handlers.notification_rules import list_function_rules
from scar.aws.handlers.notification_targets import (
    explain_rejection,
    find_rejected_rules,
    is_invalid_target,
)
from scar.aws.requests.s3_requests import notification_configuration
from scar.errors import OperationRefusedError, WaitTimeoutError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        LambdaFunctionConfigurationTypeDef,
        NotificationConfigurationResponseTypeDef,
        NotificationConfigurationTypeDef,
        QueueConfigurationTypeDef,
    )

    from scar.aws.model.resources import BucketNotification

_MAX_ATTEMPTS = 5  # of a write that another program overwrites
PATIENCE = 300.0  # seconds until S3 sees a new permission; usually it takes less than 20


@dataclass(slots=True)
class _PendingChange:
    """One rule as it is to be: ``resource``, or deleted if not ``is_wanted``.

    ``error`` is set by the thread that writes, for the thread that waits.
    """

    resource: BucketNotification
    is_wanted: bool
    error: Exception | None = None

    def is_applied(self, found: NotificationConfigurationResponseTypeDef) -> bool:
        current = _find_rule(found, self.resource)
        return current == self.resource if self.is_wanted else current is None


@dataclass(frozen=True, slots=True)
class NotificationHandler:
    """Changes single rules of a bucket's notification configuration.

    S3 has no request for one rule: PutBucketNotificationConfiguration replaces the configuration
    with those of other tools in it. So it is read, merged and written as a whole. S3 offers no
    condition (ETag) for that write either, so another program's write in between is detected by
    reading again: if the rule is missing then, it is merged and written once more.

    Within this process one thread at a time writes, and it writes the pending changes of all
    threads: many functions with one bucket cost a few writes, and do not overwrite each other.
    With ``skip_validation`` S3 validates no target, so that a rule of another tool whose target
    does not exist any more does not prevent the write.
    """

    s3: S3Client
    waiter: Waiter = field(
        default_factory=lambda: Waiter(timeout=PATIENCE, first_delay=1, max_delay=8)
    )
    skip_validation: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pending_lock: threading.Lock = field(default_factory=threading.Lock)
    _pending: dict[str, list[_PendingChange]] = field(default_factory=dict)

    def read(self, resource: BucketNotification) -> BucketNotification | None:
        try:
            found = self._read_configuration(resource.bucket)
        except ClientError as error:
            if errors.error_code(error) == "NoSuchBucket":
                return None
            raise
        return _find_rule(found, resource)

    def create(self, resource: BucketNotification) -> None:
        self._replace_rule(resource, is_wanted=True)

    def update(self, observed: BucketNotification, desired: BucketNotification) -> None:
        del observed
        self._replace_rule(desired, is_wanted=True)

    def delete(self, resource: BucketNotification) -> None:
        try:
            self._replace_rule(resource, is_wanted=False)
        except ClientError as error:
            if errors.error_code(error) != "NoSuchBucket":
                raise

    def _read_configuration(self, bucket: str) -> NotificationConfigurationResponseTypeDef:
        return self.s3.get_bucket_notification_configuration(Bucket=bucket)

    def _replace_rule(self, resource: BucketNotification, *, is_wanted: bool) -> None:
        # An undo restores a rule that had raw filters with encoded ones: it is written like this.
        change = _PendingChange(replace(resource, encoded=True), is_wanted)
        # Before `_lock` is acquired, so that the thread that holds it next writes this change too.
        # `_pending_lock` prevents that the list is taken and written between these two calls:
        # a change added to it after that would be lost.
        with self._pending_lock:
            self._pending.setdefault(resource.bucket, []).append(change)
        with self._lock:
            with self._pending_lock:
                # Empty if another thread has already written this change together with its own.
                changes = self._pending.pop(resource.bucket, [])
            try:
                if changes:
                    self._write_changes(resource.bucket, changes)
            except Exception as error:  # noqa: BLE001 - raised in every thread with a change
                for each in changes:
                    each.error = error
        if change.error is not None:
            raise change.error

    def _write_changes(self, bucket: str, changes: list[_PendingChange]) -> None:
        """Write until a read confirms all changes; the last read may confirm the last write."""
        for _ in range(_MAX_ATTEMPTS):
            found = self._read_configuration(bucket)
            missing = [change for change in changes if not change.is_applied(found)]
            if not missing:
                return
            own_ids = {change.resource.rule_id for change in changes if change.is_wanted}
            self._put_configuration(bucket, _merge_rules(found, missing), own_ids)
        if all(change.is_applied(self._read_configuration(bucket)) for change in changes):
            return
        raise OperationRefusedError(
            f"Another program keeps changing the notifications of bucket {bucket}.",
            remedy="Stop it, then run the same command again.",
        )

    def _put_configuration(
        self, bucket: str, merged: NotificationConfigurationTypeDef, own_ids: set[str]
    ) -> None:
        """Write the configuration; retry while S3 does not see the functions' permissions yet.

        S3 validates the targets of all rules. A permission that was added to a function seconds
        ago may not be visible to S3, which then answers as for a missing permission: that error is
        raised only after the timeout. A target of another tool's rule does not become valid by
        waiting: that error is raised at once, and names the rule.
        """

        def put_succeeded() -> bool | str:
            try:
                self._send_configuration(bucket, merged)
            except ClientError as error:
                if not is_invalid_target(error):
                    raise
                rejected = find_rejected_rules(error, merged, own_ids)
                if not any(rule.is_own for rule in rejected):
                    raise explain_rejection(bucket, rejected) from error
                rejections.append(error)
                return "S3 does not see its permission to invoke the function yet"
            return True

        rejections: list[ClientError] = []
        try:
            self.waiter.wait_until(put_succeeded, f"the notifications of {bucket}")
        except WaitTimeoutError:
            rejected = find_rejected_rules(rejections[-1], merged, own_ids)
            raise explain_rejection(bucket, rejected) from rejections[-1]

    def _send_configuration(self, bucket: str, merged: NotificationConfigurationTypeDef) -> None:
        if self.skip_validation:
            self.s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration=merged, SkipDestinationValidation=True
            )
        else:
            self.s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration=merged
            )


def _find_rule(
    found: NotificationConfigurationResponseTypeDef, resource: BucketNotification
) -> BucketNotification | None:
    rules = list_function_rules(resource.bucket, found)
    return next((rule for rule in rules if rule.name == resource.name), None)


def _merge_rules(
    found: NotificationConfigurationResponseTypeDef, changes: list[_PendingChange]
) -> NotificationConfigurationTypeDef:
    """Return the configuration with the changes; every other rule stays as it is.

    A rule may move between the lists of functions and of queues: one write does both, so that no
    object starts nothing or two runs. A key must be absent rather than empty, and EventBridge is
    enabled by an empty object: so each part is copied only if it is present.
    """
    changed_ids = {change.resource.rule_id for change in changes}
    added = notification_configuration(c.resource for c in changes if c.is_wanted)
    merged: NotificationConfigurationTypeDef = {}
    functions = found.get("LambdaFunctionConfigurations", [])
    kept = cast(
        "list[LambdaFunctionConfigurationTypeDef]",
        [r for r in functions if r.get("Id") not in changed_ids],
    )
    if rules := [*kept, *added.get("LambdaFunctionConfigurations", [])]:
        merged["LambdaFunctionConfigurations"] = rules
    others = cast(
        "list[QueueConfigurationTypeDef]",
        [r for r in found.get("QueueConfigurations", []) if r.get("Id") not in changed_ids],
    )
    if queues := [*others, *added.get("QueueConfigurations", [])]:
        merged["QueueConfigurations"] = queues
    if topics := found.get("TopicConfigurations"):
        merged["TopicConfigurations"] = topics
    if "EventBridgeConfiguration" in found:
        merged["EventBridgeConfiguration"] = found["EventBridgeConfiguration"]
    return merged
