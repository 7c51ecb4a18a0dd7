"""A put replaces a bucket's whole configuration, and keeps the rules of other tools."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given

from scar.aws.client.waiter import Waiter
from scar.aws.handlers.notification_targets import SKIP_OPTION
from scar.aws.handlers.notifications import NotificationHandler
from scar.aws.model.resources import BucketNotification
from scar.aws.requests.notification_filters import encode_filter
from scar.errors import OperationRefusedError
from tests.key_texts import FOLDERS, KEY_TEXT

RULE = BucketNotification(
    name="photos/scar-crop-12345678",
    function_arn="arn:aws:lambda:eu-west-1:123456789012:function:crop",
    prefix="in/",
    suffix=".jpg",
)


class NotificationBucket:
    """A bucket's notifications.

    The first ``rejected_puts`` are rejected by S3, with ``details``; the next ``overwritten_puts``
    are overwritten by another program.
    """

    def __init__(
        self,
        configuration: dict[str, Any],
        overwritten_puts: int = 0,
        rejected_puts: int = 0,
        details: dict[str, str] | None = None,
    ) -> None:
        self.configuration = configuration
        self.details = details or {}
        self.rejected_puts = rejected_puts
        self.overwritten_puts = overwritten_puts
        self.gets = self.puts = 0
        self.reading = threading.Event()
        self.may_return = threading.Event()
        self.may_return.set()

    def get_bucket_notification_configuration(self, **_: str) -> dict[str, Any]:
        self.gets += 1
        self.reading.set()
        assert self.may_return.wait(10)
        return {**self.configuration, "ResponseMetadata": {}}

    def put_bucket_notification_configuration(
        self,
        *,
        Bucket: str,  # noqa: N803
        NotificationConfiguration: dict[str, Any],  # noqa: N803
        SkipDestinationValidation: bool = False,  # noqa: N803
    ) -> None:
        self.puts += 1
        if self.rejected_puts and not SkipDestinationValidation:
            self.rejected_puts -= 1
            message = "Unable to validate the following destination configurations"
            response = {"Error": {"Code": "InvalidArgument", "Message": message, **self.details}}
            raise ClientError(response, "PutBucketNotificationConfiguration")  # type: ignore[arg-type]
        if self.overwritten_puts:
            self.overwritten_puts -= 1
            return
        self.configuration = NotificationConfiguration


def foreign_configuration() -> dict[str, Any]:
    return {
        "LambdaFunctionConfigurations": [{"Id": "a", "LambdaFunctionArn": "x", "Events": ["y"]}],
        "QueueConfigurations": [{"Id": "b", "QueueArn": "x", "Events": ["y"]}],
        "TopicConfigurations": [{"Id": "c", "TopicArn": "x", "Events": ["y"]}],
        "EventBridgeConfiguration": {},
    }


def handler(bucket: NotificationBucket) -> NotificationHandler:
    waiter = Waiter(timeout=3, first_delay=1, sleep=lambda _: None, clock=iter(range(100)).__next__)
    return NotificationHandler(bucket, waiter)  # type: ignore[arg-type]


def test_queues_topics_and_eventbridge_are_kept() -> None:
    bucket = NotificationBucket(foreign_configuration())
    handler(bucket).create(RULE)
    assert handler(bucket).read(RULE) == RULE
    handler(bucket).delete(RULE)
    assert bucket.configuration == foreign_configuration()


def test_scar_s_rule_is_added_once() -> None:
    bucket = NotificationBucket({})
    handler(bucket).create(RULE)
    handler(bucket).create(RULE)
    assert len(bucket.configuration["LambdaFunctionConfigurations"]) == 1
    assert bucket.puts == 1


def test_concurrent_changes_are_written_in_one_put() -> None:
    bucket = NotificationBucket({})
    bucket.may_return.clear()
    one = handler(bucket)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(one.create, RULE)
        assert bucket.reading.wait(300)
        rest = [pool.submit(one.create, replace(RULE, name=f"photos/{n}")) for n in range(3)]
        while len(one._pending.get("photos", [])) < 3:
            time.sleep(0.01)
        bucket.may_return.set()
        for done in (first, *rest):
            done.result()
    assert len(bucket.configuration["LambdaFunctionConfigurations"]) == 4
    assert (bucket.gets, bucket.puts) == (4, 2)


def test_a_change_that_is_added_while_another_thread_writes_is_not_lost() -> None:
    """The thread adds its change to a list that the writer has already taken."""
    written = threading.Event()

    class SlowList(list[Any]):
        def append(self, item: Any) -> None:  # noqa: ANN401
            if item.resource is not RULE:
                written.wait(1)
            super().append(item)

    class Pending(dict[str, Any]):
        def setdefault(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
            del default
            return super().setdefault(key, SlowList())

    bucket = NotificationBucket({})
    waiter = Waiter(timeout=3, sleep=lambda _: None)
    one = NotificationHandler(bucket, waiter, _pending=Pending())  # type: ignore[arg-type]
    one._pending["photos"] = SlowList()
    other = replace(RULE, name="photos/other")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(one.create, other)
        time.sleep(0.1)
        one.create(RULE)
        written.set()
        late.result()
    assert one.read(other) == other


def test_a_concurrent_write_of_another_program_is_detected_and_retried() -> None:
    bucket = NotificationBucket(foreign_configuration(), overwritten_puts=2)
    handler(bucket).create(RULE)
    assert handler(bucket).read(RULE) == RULE
    assert bucket.puts == 3


def test_the_write_waits_for_a_permission_that_s3_does_not_see_yet() -> None:
    bucket = NotificationBucket(foreign_configuration(), rejected_puts=2)
    handler(bucket).create(RULE)
    assert handler(bucket).read(RULE) == RULE
    assert bucket.puts == 3


def test_a_target_that_s3_never_accepts_and_does_not_name_may_be_any_other_tool_s() -> None:
    bucket = NotificationBucket(foreign_configuration(), rejected_puts=100)
    with pytest.raises(OperationRefusedError, match="Unable to validate") as caught:
        handler(bucket).create(RULE)
    assert "'a' to x; 'b' to x; 'c' to x" in caught.value.problem
    assert SKIP_OPTION in caught.value.remedy
    assert bucket.configuration == foreign_configuration()
    assert bucket.puts < 10


def named(*targets: tuple[str, str], numbered: bool = True) -> dict[str, str]:
    """Return the part of S3's error that names targets, each with its reason."""
    return {
        f"Argument{part}{number if numbered else ''}": text
        for number, pair in enumerate(targets, start=1)
        for part, text in zip(("Name", "Value"), pair, strict=True)
    }


MISSING = "arn:aws:sqs:eu-west-1:123456789012:gone"
STALE = {"QueueConfigurations": [{"Id": "stale", "QueueArn": MISSING, "Events": ["y"]}]}
GONE = (MISSING, "The destination queue does not exist")
DENIED = (RULE.function_arn, "Not authorized to invoke function")


@pytest.mark.parametrize(
    "details", [named(GONE), named(GONE, numbered=False), named((f"{MISSING}, null", GONE[1]))]
)
@pytest.mark.parametrize("deletes", [False, True])
def test_a_missing_target_of_another_tool_is_named_without_waiting(
    details: dict[str, str], *, deletes: bool
) -> None:
    found = {**STALE, "LambdaFunctionConfigurations": [rule_with("in/")] if deletes else []}
    bucket = NotificationBucket(found, rejected_puts=100, details=details)
    with pytest.raises(OperationRefusedError) as caught:
        (handler(bucket).delete if deletes else handler(bucket).create)(RULE)
    assert f"'stale' to {MISSING} (The destination queue does not exist)" in caught.value.problem
    assert RULE.rule_id not in caught.value.problem
    assert SKIP_OPTION in caught.value.remedy
    assert bucket.puts == 1


def test_a_function_that_s3_may_not_invoke_is_named_after_the_wait() -> None:
    bucket = NotificationBucket({**STALE}, rejected_puts=100, details=named(DENIED))
    with pytest.raises(OperationRefusedError) as caught:
        handler(bucket).create(RULE)
    assert f"{RULE.function_arn} (Not authorized to invoke function)" in caught.value.problem
    assert "stale" not in caught.value.problem
    assert "s3.amazonaws.com" in caught.value.remedy
    assert bucket.puts > 1


def test_both_named_is_a_wait_for_one_s_own_and_then_the_other_s_fault() -> None:
    bucket = NotificationBucket({**STALE}, rejected_puts=100, details=named(DENIED, GONE))
    with pytest.raises(OperationRefusedError, match="'stale'"):
        handler(bucket).create(RULE)
    assert bucket.puts > 1


def test_the_user_may_have_s3_validate_nothing() -> None:
    bucket = NotificationBucket({**STALE}, rejected_puts=100, details=named(GONE))
    skipping = NotificationHandler(bucket, handler(bucket).waiter, skip_validation=True)  # type: ignore[arg-type]
    skipping.create(RULE)
    assert skipping.read(RULE) == RULE
    assert bucket.configuration["QueueConfigurations"] == STALE["QueueConfigurations"]


def rule_with(prefix: str, suffix: str = "") -> dict[str, Any]:
    """Return scar's rule with these values, as another program or an older release wrote it."""
    values = (("Prefix", prefix), ("Suffix", suffix))
    filters = [{"Name": name, "Value": value} for name, value in values if value]
    return {
        "Id": RULE.rule_id,
        "LambdaFunctionArn": RULE.function_arn,
        "Events": list(RULE.events),
        "Filter": {"Key": {"FilterRules": filters}},
    }


@given(KEY_TEXT, KEY_TEXT)
def test_any_prefix_and_suffix_are_read_as_they_were_written(prefix: str, suffix: str) -> None:
    desired = replace(RULE, prefix=prefix, suffix=suffix)
    bucket = NotificationBucket({})
    handler(bucket).create(desired)
    assert handler(bucket).read(desired) == desired
    assert bucket.puts == 1


@pytest.mark.parametrize(
    "prefix", ["a%20b%3d(1)/", "a+b%3D%281%29/", "a+b%3d(1)%2f", "%61+b%3D(1)/"]
)
def test_another_spelling_of_the_encoding_is_no_change(prefix: str) -> None:
    desired = replace(RULE, prefix="a b=(1)/", suffix="")
    bucket = NotificationBucket({"LambdaFunctionConfigurations": [rule_with(prefix)]})
    assert handler(bucket).read(desired) == desired


@pytest.mark.parametrize("folder", [f"{folder}/" for folder in FOLDERS])
def test_a_raw_filter_of_an_older_release_is_a_change_that_update_repairs(folder: str) -> None:
    desired = replace(RULE, prefix=folder, suffix="")
    bucket = NotificationBucket({"LambdaFunctionConfigurations": [rule_with(folder)]})
    observed = handler(bucket).read(desired)
    assert observed is not None
    assert (observed == desired) == (encode_filter(folder) == folder)
    handler(bucket).update(observed, desired)
    assert handler(bucket).read(desired) == desired
    # Undone, a raw filter stays encoded: a rule that matches no key is of no use.
    handler(bucket).update(desired, observed)
    assert handler(bucket).read(desired) == replace(observed, encoded=True)
