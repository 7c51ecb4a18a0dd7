"""The content of the deployment lock's object: owner, lease, unfinished and applied deployments."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.deploy.applied import applied_to_json, find_applied, parse_applied
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectOutputTypeDef

    from scar.aws.deploy.applied import AppliedState

    UnfinishedFunctions = Mapping[str, tuple[str, ...]]  # buckets by function

LOCK_KEY = "locks/deploy"
LEASE_SECONDS = 60.0
CONDITION_FAILED_CODES = frozenset(
    {"PreconditionFailed", "ConditionalRequestConflict", "409", "412"}
)
NOT_FOUND_CODES = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LockState:
    """The lock as it was read; ``etag`` is empty if the object does not exist.

    ``age`` (since its last write) and ``lease`` are in seconds. ``unfinished`` are functions whose
    deployment or removal was started and not finished, each with its buckets. ``applied`` are the
    deployments that were applied completely, and ``served`` is S3's time of the response.
    """

    bucket_exists: bool = True
    etag: str = ""
    owner: str = ""
    age: float = 0.0
    lease: float = LEASE_SECONDS
    unfinished: UnfinishedFunctions = field(default_factory=dict)
    applied: tuple[AppliedState, ...] = ()
    served: datetime | None = None

    @property
    def is_released(self) -> bool:
        return not self.owner

    @property
    def is_free(self) -> bool:
        return self.is_released or self.age > self.lease

    def find_applied(self, functions: Collection[str]) -> AppliedState | None:
        """Return what was applied last to exactly these functions, if it is trusted."""
        # While a process holds the lock, or after it died, shared resources may be changing.
        if not self.is_released or self.unfinished.keys() & {*functions}:
            return None
        return find_applied(self.applied, functions, self.served)


def read_lock(s3: S3Client, bucket: str) -> LockState:
    """Return the lock's state; raise ScarError if it cannot be read."""
    with errors.translate_errors("read the deployment lock"):
        try:
            response = s3.get_object(Bucket=bucket, Key=LOCK_KEY)
        except ClientError as error:
            if errors.error_code(error) in NOT_FOUND_CODES | {"NoSuchBucket"}:
                return LockState(bucket_exists=errors.error_code(error) != "NoSuchBucket")
            raise
        with response["Body"] as body:
            record = _parse_record(body.read())
    # Both times are S3's own: that of the response, and that of the last write.
    served = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
    age = (served - response["LastModified"]).total_seconds()
    return replace(record, etag=response["ETag"], age=age, served=served)


def encode_record(
    owner: str, lease: float, write: str, unfinished: UnfinishedFunctions, applied: list[object]
) -> bytes:
    """Return the object's content; ``write`` makes every write different, and with it the ETag."""
    record = {
        "format": 1,
        "owner": owner,
        "lease": lease,
        "write": write,
        "begun": unfinished,
        "applied": applied,
    }
    return json.dumps(record).encode()


def put_record(s3: S3Client, bucket: str, body: bytes, etag: str) -> PutObjectOutputTypeDef:
    """Write the object if it still has this ETag (empty: if it does not exist)."""
    if etag:
        return s3.put_object(Bucket=bucket, Key=LOCK_KEY, Body=body, IfMatch=etag)
    return s3.put_object(Bucket=bucket, Key=LOCK_KEY, Body=body, IfNoneMatch="*")


def record_applied(
    s3: S3Client,
    bucket: str,
    observed: LockState,
    applied: Sequence[AppliedState],
    finished: Collection[str] = (),
) -> bool:
    """Replace what a released lock records as applied; ``finished`` functions are not unfinished.

    Return False, and change nothing, if another process has held the lock since it was observed.
    Raise ScarError if S3 refuses.
    """
    if not (observed.etag and observed.is_released):
        return False
    unfinished = {name: b for name, b in observed.unfinished.items() if name not in finished}
    entries = applied_to_json(applied, observed.served)
    body = encode_record("", observed.lease, uuid.uuid4().hex, unfinished, entries)
    with errors.translate_errors("record the deployment"):
        try:
            put_record(s3, bucket, body, observed.etag)
        except ClientError as error:
            if errors.error_code(error) not in CONDITION_FAILED_CODES | NOT_FOUND_CODES:
                raise
            return False
    return True


def _parse_record(record: bytes) -> LockState:
    try:
        fields = json.loads(record)
        unfinished = {
            str(name): tuple(map(str, buckets)) for name, buckets in fields.get("begun", {}).items()
        }
        return LockState(
            owner=str(fields["owner"]),
            lease=float(fields["lease"]),
            unfinished=unfinished,
            applied=parse_applied(fields.get("applied")),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OperationRefusedError(
            f"The deployment lock {LOCK_KEY} in the state bucket cannot be read: {error!r}.",
            remedy="If no other deployment runs, delete that object and try again.",
        ) from error
