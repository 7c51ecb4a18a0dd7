"""A deployment lock that cannot be released, or cannot be renewed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import EndpointConnectionError

from scar.aws.deploy.lock import DeployLock
from scar.aws.deploy.lock_record import LOCK_KEY, read_lock
from scar.errors import OperationRefusedError
from tests.functional.aws.support.factories import fail_next_call

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection


@pytest.fixture
def bucket(connection: AwsConnection) -> str:
    connection.client("s3").create_bucket(
        Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return "state"


def test_a_lock_that_cannot_be_released_is_a_warning_that_it_expires(
    connection: AwsConnection, bucket: str
) -> None:
    messages: list[str] = []
    s3 = connection.client("s3")
    with DeployLock(s3=s3, bucket=bucket, report=messages.append):
        fail_next_call(connection, "s3", "PutObject")
    (warning,) = messages
    assert warning.startswith("Warning: Cannot release the deployment lock: PutObject returned")
    assert "expires within 60 seconds" in warning
    assert not read_lock(s3, bucket).is_released


def test_the_error_under_a_lock_is_raised_and_not_that_of_its_release(
    connection: AwsConnection, bucket: str
) -> None:
    messages: list[str] = []
    lock = DeployLock(s3=connection.client("s3"), bucket=bucket, report=messages.append)

    def work() -> None:
        with lock:
            fail_next_call(connection, "s3", "PutObject")
            raise OperationRefusedError("the work", remedy="Do it again.")

    with pytest.raises(OperationRefusedError, match="the work"):
        work()
    assert len(messages) == 1


def test_a_lock_that_cannot_be_renewed_is_lost(connection: AwsConnection, bucket: str) -> None:
    s3, read_attempts = connection.client("s3"), threading.Semaphore(0)
    lock = DeployLock(s3=s3, bucket=bucket, report=lambda _: None, lease=0.2)

    def cut_off(**_: object) -> None:
        read_attempts.release()
        raise EndpointConnectionError(endpoint_url="https://state.s3")

    with lock:
        # Another process writes the lock, and the owner cannot read it.
        s3.put_object(Bucket=bucket, Key=LOCK_KEY, Body=b"{}")
        s3.meta.events.register("before-call.s3.GetObject", cut_off)
        for _ in range(3):
            assert read_attempts.acquire(timeout=300)
        assert lock._renewal is not None
        lock._renewal.join(timeout=300)
        with pytest.raises(OperationRefusedError, match="lock was lost"):
            lock.require_held()
        s3.meta.events.unregister("before-call.s3.GetObject", cut_off)
