"""A lock that cannot be given back is no failure of what was done under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.lock import DeployLock, look
from scar.errors import Refused
from tests.functional.aws.making import refuse

if TYPE_CHECKING:
    from scar.aws.connection import Connection


@pytest.fixture
def bucket(connection: Connection) -> str:
    connection.client("s3").create_bucket(
        Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return "state"


def test_who_did_all_and_cannot_release_is_warned_that_the_lock_ends_by_itself(
    connection: Connection, bucket: str
) -> None:
    said: list[str] = []
    s3 = connection.client("s3")
    with DeployLock(s3=s3, bucket=bucket, report=said.append):
        refuse(connection, "s3", "PutObject")
    (warning,) = said
    assert warning.startswith("Warning: Cannot release the deployment lock: PutObject answered")
    assert "ends by itself within 60 seconds" in warning
    assert not look(s3, bucket).is_released


def test_the_failure_under_a_lock_is_told_and_not_that_of_its_release(
    connection: Connection, bucket: str
) -> None:
    said: list[str] = []
    lock = DeployLock(s3=connection.client("s3"), bucket=bucket, report=said.append)

    def work() -> None:
        with lock:
            refuse(connection, "s3", "PutObject")
            raise Refused("the work", remedy="Do it again.")

    with pytest.raises(Refused, match="the work"):
        work()
    assert len(said) == 1
