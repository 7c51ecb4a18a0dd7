"""A put replaces a bucket's whole configuration: the rules of other tools are put back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scar.aws.client.waiter import Waiter
from scar.aws.handlers.notifications import NotificationHandler
from scar.aws.model.resources import BucketNotification

OURS = BucketNotification(
    name="photos/scar-crop-12345678",
    function_arn="arn:aws:lambda:eu-west-1:123456789012:function:crop",
    prefix="in/",
    suffix=".jpg",
)


class Bucket:
    """A bucket's notifications; another program may overwrite the first few puts."""

    def __init__(
        self, configuration: dict[str, Any], disturbances: int = 0, blind: int = 0
    ) -> None:
        self.configuration = configuration
        self.blind = blind
        self.disturbances = disturbances
        self.gets = self.puts = 0
        self.busy = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def get_bucket_notification_configuration(self, **_: str) -> dict[str, Any]:
        self.gets += 1
        self.busy.set()
        assert self.go_on.wait(10)
        return {**self.configuration, "ResponseMetadata": {}}

    def put_bucket_notification_configuration(
        self,
        *,
        Bucket: str,  # noqa: N803
        NotificationConfiguration: dict[str, Any],  # noqa: N803
    ) -> None:
        self.puts += 1
        if self.blind:
            self.blind -= 1
            message = "Unable to validate the following destination configurations"
            response = {"Error": {"Code": "InvalidArgument", "Message": message}}
            raise ClientError(response, "PutBucketNotificationConfiguration")  # type: ignore[arg-type]
        if self.disturbances:
            self.disturbances -= 1
            return
        self.configuration = NotificationConfiguration


def others() -> dict[str, Any]:
    return {
        "LambdaFunctionConfigurations": [{"Id": "a", "LambdaFunctionArn": "x", "Events": ["y"]}],
        "QueueConfigurations": [{"Id": "b", "QueueArn": "x", "Events": ["y"]}],
        "TopicConfigurations": [{"Id": "c", "TopicArn": "x", "Events": ["y"]}],
        "EventBridgeConfiguration": {},
    }


def handler(bucket: Bucket) -> NotificationHandler:
    waiter = Waiter(timeout=3, first_delay=1, sleep=lambda _: None, clock=iter(range(100)).__next__)
    return NotificationHandler(bucket, waiter)  # type: ignore[arg-type]


def test_queues_topics_and_eventbridge_are_kept() -> None:
    bucket = Bucket(others())
    handler(bucket).create(OURS)
    assert handler(bucket).read(OURS) == OURS
    handler(bucket).delete(OURS)
    assert bucket.configuration == others()


def test_scar_s_rule_is_added_once() -> None:
    bucket = Bucket({})
    handler(bucket).create(OURS)
    handler(bucket).create(OURS)
    assert len(bucket.configuration["LambdaFunctionConfigurations"]) == 1
    assert bucket.puts == 1


def test_concurrent_changes_are_written_in_one_put() -> None:
    bucket = Bucket({})
    bucket.go_on.clear()
    one = handler(bucket)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(one.create, OURS)
        assert bucket.busy.wait(300)
        rest = [pool.submit(one.create, replace(OURS, name=f"photos/{n}")) for n in range(3)]
        while len(one._pending.get("photos", [])) < 3:
            time.sleep(0.01)
        bucket.go_on.set()
        for done in (first, *rest):
            done.result()
    assert len(bucket.configuration["LambdaFunctionConfigurations"]) == 4
    assert (bucket.gets, bucket.puts) == (4, 2)


def test_a_change_that_is_added_while_another_thread_writes_is_not_lost() -> None:
    """The thread adds its change to a list that the writer has already taken."""
    written = threading.Event()

    class SlowList(list[Any]):
        def append(self, item: Any) -> None:  # noqa: ANN401
            if item.resource is not OURS:
                written.wait(1)
            super().append(item)

    class Pending(dict[str, Any]):
        def setdefault(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
            del default
            return super().setdefault(key, SlowList())

    bucket = Bucket({})
    waiter = Waiter(timeout=3, sleep=lambda _: None)
    one = NotificationHandler(bucket, waiter, _pending=Pending())  # type: ignore[arg-type]
    one._pending["photos"] = SlowList()
    other = replace(OURS, name="photos/other")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(one.create, other)
        time.sleep(0.1)
        one.create(OURS)
        written.set()
        late.result()
    assert one.read(other) == other


def test_a_concurrent_write_of_another_program_is_detected_and_retried() -> None:
    bucket = Bucket(others(), disturbances=2)
    handler(bucket).create(OURS)
    assert handler(bucket).read(OURS) == OURS
    assert bucket.puts == 3


def test_the_write_waits_for_a_permission_that_s3_does_not_see_yet() -> None:
    bucket = Bucket(others(), blind=2)
    handler(bucket).create(OURS)
    assert handler(bucket).read(OURS) == OURS
    assert bucket.puts == 3


def test_a_destination_that_s3_never_accepts_is_s3_s_error() -> None:
    bucket = Bucket(others(), blind=100)
    with pytest.raises(ClientError, match="Unable to validate"):
        handler(bucket).create(OURS)
    assert bucket.configuration == others()
    assert bucket.puts < 10
