"""The content of the deployment lock's object: owner, lease and unfinished deployments."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectOutputTypeDef

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
    deployment or removal was started and not finished, each with its buckets. Each deployment that
    changes resources that functions share begins a new ``generation`` of them.
    """

    bucket_exists: bool = True
    etag: str = ""
    owner: str = ""
    age: float = 0.0
    lease: float = LEASE_SECONDS
    unfinished: UnfinishedFunctions = field(default_factory=dict)
    generation: str = ""

    @property
    def is_released(self) -> bool:
        return not self.owner

    @property
    def is_free(self) -> bool:
        return self.is_released or self.age > self.lease


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
    return replace(record, etag=response["ETag"], age=age)


def encode_record(
    owner: str, lease: float, write: str, unfinished: UnfinishedFunctions, generation: str
) -> bytes:
    """Return the object's content; ``write`` makes every write different, and with it the ETag."""
    record = {
        "format": 1,
        "owner": owner,
        "lease": lease,
        "write": write,
        "begun": unfinished,
        "generation": generation,
    }
    return json.dumps(record).encode()


def put_record(s3: S3Client, bucket: str, body: bytes, etag: str) -> PutObjectOutputTypeDef:
    """Write the object if it still has this ETag (empty: if it does not exist)."""
    if etag:
        return s3.put_object(Bucket=bucket, Key=LOCK_KEY, Body=body, IfMatch=etag)
    return s3.put_object(Bucket=bucket, Key=LOCK_KEY, Body=body, IfNoneMatch="*")


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
            generation=str(fields.get("generation", "")),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OperationRefusedError(
            f"The deployment lock {LOCK_KEY} in the state bucket cannot be read: {error!r}.",
            remedy="If no other deployment runs, delete that object and try again.",
        ) from error
