"""``locks/deploy`` in the state bucket: one change of shared resources at a time.

A lock is an object written under a condition, with a lease that its owner renews. When the
owner is gone, the lease runs out and the next one writes over it, again under a condition.
Ages are differences of S3's own times; the clocks of two machines are never compared.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from scar.aws import faults
from scar.aws.wait import Patience
from scar.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from mypy_boto3_s3 import S3Client

KEY = "locks/deploy"
LEASE = 60.0  # seconds
_LOST_RACE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "409", "412"})
_ABSENT = frozenset({"NoSuchKey", "404"})


@dataclass(slots=True, kw_only=True)
class DeployLock:
    """Held inside ``with``; raises StillWaiting if others keep it for longer than patience."""

    s3: S3Client
    bucket: str
    report: Callable[[str], None]
    lease: float = LEASE
    patience: Patience = field(default_factory=lambda: Patience(seconds=900, first=0.1, every=2))
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    _etag: str = field(default="", init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _renewal: threading.Thread | None = field(default=None, init=False)
    _told: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        self.patience.until(self._taken, f"The lock s3://{self.bucket}/{KEY}")
        self._renewal = threading.Thread(target=self._renew, name="lock", daemon=True)
        self._renewal.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._renewal is not None:
            self._renewal.join()
        with faults.translated("release the deployment lock"):
            self._release()

    def check(self) -> None:
        """Raise Refused if the lock was lost, for instance while the machine slept."""
        if not self._etag:
            raise Refused(
                "The deployment lock was lost: renewing it failed for too long.",
                remedy="Run the same command again.",
            )

    def _taken(self) -> bool:
        with faults.translated("take the deployment lock"):
            if self._write(None):
                return True
            etag = self._expired()
            if etag and self._write(etag):
                return True
        if not self._told:
            self.report("Waiting for another deployment to end…")
            self._told = True
        return False

    def _write(self, over: str | None) -> bool:
        """Write the lock if it is absent, or if it is still in the state ``over``."""
        body = json.dumps({"format": 1, "owner": self.owner, "lease": self.lease}).encode()
        try:
            if over is None:
                written = self.s3.put_object(
                    Bucket=self.bucket, Key=KEY, Body=body, IfNoneMatch="*"
                )
            else:
                written = self.s3.put_object(Bucket=self.bucket, Key=KEY, Body=body, IfMatch=over)
        except ClientError as error:
            if faults.code(error) not in _LOST_RACE | _ABSENT:
                raise
            # The answer to our own first attempt may have been lost on the way.
            return self._owned()
        self._etag = written["ETag"]
        return True

    def _owned(self) -> bool:
        found = self._read()
        if found is None or found[1] != self.owner:
            return False
        self._etag = found[0]
        return True

    def _expired(self) -> str:
        """Return the ETag of a lock whose lease ran out, else an empty string."""
        found = self._read()
        return found[0] if found and found[2] > found[3] else ""

    def _read(self) -> tuple[str, str, float, float] | None:
        """Return ETag, owner, age and lease of the lock that is there."""
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=KEY)
        except ClientError as error:
            if faults.code(error) in _ABSENT:
                return None
            raise
        with found["Body"] as body:
            owner, lease = _parse(body.read())
        headers = found["ResponseMetadata"]["HTTPHeaders"]
        served = parsedate_to_datetime(headers["date"])
        age = (served - found["LastModified"]).total_seconds()
        return found["ETag"], owner, age, lease

    def _renew(self) -> None:
        failures = 0
        while not self._stop.wait(self.lease / 4):
            try:
                kept = self._write(self._etag)
                failures = 0
            except (BotoCoreError, ClientError):
                failures += 1
                kept = failures < 3
            if not kept:
                self._etag = ""
                return

    def _release(self) -> None:
        if self._etag and self._owned():
            self.s3.delete_object(Bucket=self.bucket, Key=KEY, IfMatch=self._etag)


def _parse(record: bytes) -> tuple[str, float]:
    """Return owner and lease of a lock's record."""
    try:
        fields = json.loads(record)
        return str(fields["owner"]), float(fields["lease"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            f"The deployment lock {KEY} in the state bucket cannot be read: {error!r}.",
            remedy="If no other deployment runs, delete that object and try again.",
        ) from error
