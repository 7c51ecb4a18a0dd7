"""The deployment lock's record when a renewal and a change of the record meet."""

from __future__ import annotations

import io
import json
import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from scar.aws.deploy.lock import DeployLock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class SlowS3:
    """One object with conditional writes; the response to the second write can be held back."""

    def __init__(self) -> None:
        self.body = b""
        self.writes = 0
        self.second_write_stored = threading.Event()
        self.respond = threading.Event()

    def put_object(self, *, Body: bytes, IfMatch: str = "", **_: str) -> dict[str, str]:  # noqa: N803
        if IfMatch and IfMatch != str(self.writes):
            error: Any = {"Error": {"Code": "PreconditionFailed"}}
            raise ClientError(error, "PutObject")
        self.body, self.writes = Body, self.writes + 1
        etag = str(self.writes)
        if self.writes == 2:
            self.second_write_stored.set()
            assert self.respond.wait(300)
        return {"ETag": etag}

    def get_object(self, **_: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "Body": io.BytesIO(self.body),
            "ETag": str(self.writes),
            "LastModified": now,
            "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(now, usegmt=True)}},
        }


def test_functions_recorded_during_a_renewal_are_in_the_lock() -> None:
    s3 = SlowS3()
    lock = DeployLock(
        s3=cast("S3Client", s3), bucket="state", report=lambda _: None, lease=0.4, owner="me"
    )
    s3.body = json.dumps({"owner": "", "lease": 60, "begun": {}}).encode()
    with lock:
        assert s3.second_write_stored.wait(300)
        begin = threading.Thread(target=lock.begin, args=({"crop": ("photos",)},))
        begin.start()
        # Long enough for a change that does not wait for the renewal; it must not be lost.
        begin.join(0.3)
        s3.respond.set()
        begin.join(300)
        assert json.loads(s3.body)["begun"] == {"crop": ["photos"]}
