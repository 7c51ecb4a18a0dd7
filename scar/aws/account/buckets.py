"""What the users' buckets are like: whose, where, with which key. Seen before the first change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors as faults

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from concurrent.futures import Future

    from mypy_boto3_s3 import S3Client

    from scar.aws.client.connection import KeyReader

_NOT_FOUND_CODES = frozenset({"404", "NoSuchBucket"})
_ACCESS_DENIED_CODES = frozenset({"403", "AccessDenied", "AllAccessDisabled"})
_PARALLEL = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketState:
    """One bucket. ``is_ours`` is None if that cannot be told, ``region`` empty likewise.

    ``key`` is what the bucket calls its KMS key: an ARN, an id, or an alias that could not be
    looked up; ``hidden`` tells that the encryption may not be looked at.
    """

    name: str
    exists: bool = True
    is_same_account: bool | None = True
    region: str = ""
    kms_key: str = ""
    is_encryption_hidden: bool = False

    @property
    def has_alias(self) -> bool:
        """Whether the key is only known by an alias; that of S3's own key says enough."""
        return "alias/" in self.kms_key and not self.kms_key.endswith("alias/aws/s3")


def inspect_buckets(
    s3: S3Client, buckets: Collection[str], keys: Callable[[], KeyReader]
) -> dict[str, BucketState]:
    """Look at all of them at once; raise what the SDK raises. ``keys`` is asked about aliases."""
    if not buckets:
        return {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        # Both questions at the same time: mostly both have an answer.
        asked = {name: pool.submit(read_encryption, s3, name) for name in sorted(buckets)}
        heads = {name: pool.submit(_inspect_bucket, s3, name) for name in sorted(buckets)}
        found = {name: _add_kms_key(heads[name].result(), asked[name]) for name in sorted(buckets)}
    named = {seen.kms_key for seen in found.values() if seen.has_alias}
    arns = {alias: _resolve_key_alias(keys(), alias) for alias in sorted(named)}
    return {
        name: replace(seen, kms_key=arns.get(seen.kms_key, seen.kms_key))
        for name, seen in found.items()
    }


def read_encryption(s3: S3Client, bucket: str) -> tuple[str, str]:
    """Return S3's word for the bucket's encryption (``aws:kms``), and the key as it is named."""
    try:
        found = s3.get_bucket_encryption(Bucket=bucket)
    except ClientError as error:
        if faults.error_code(error) == "ServerSideEncryptionConfigurationNotFoundError":
            return "", ""
        raise
    rules = found["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0].get("ApplyServerSideEncryptionByDefault") if rules else None
    if default is None:
        return "", ""
    return default["SSEAlgorithm"], default.get("KMSMasterKeyID", "")


def _resolve_key_alias(keys: KeyReader, alias: str) -> str:
    """Return the ARN of the key behind an alias: policies know no aliases."""
    try:
        return str(keys.describe_key(KeyId=alias)["KeyMetadata"]["Arn"])
    except ClientError:
        return alias


def parse_location_constraint(location: str | None) -> str:
    """Translate a LocationConstraint: the oldest Regions have names of their own there."""
    return {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(location, location or "")


def _inspect_bucket(s3: S3Client, bucket: str) -> BucketState:
    try:
        head = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if faults.error_code(error) in _NOT_FOUND_CODES:
            return BucketState(name=bucket, exists=False)
        if faults.error_code(error) not in _ACCESS_DENIED_CODES:
            raise
        return _inspect_denied_bucket(s3, bucket)
    return BucketState(
        name=bucket, region=head.get("BucketRegion") or _read_bucket_region(s3, bucket)
    )


def _add_kms_key(seen: BucketState, asked: Future[tuple[str, str]]) -> BucketState:
    error = asked.exception()
    if not seen.exists or seen.is_same_account is not True:
        return seen
    if faults.error_code(error) in _ACCESS_DENIED_CODES:
        return replace(seen, is_encryption_hidden=True)
    algorithm, key = asked.result()
    return replace(seen, kms_key=key if algorithm.startswith("aws:kms") else "")


def _inspect_denied_bucket(s3: S3Client, bucket: str) -> BucketState:
    """Ask again without naming an owner: who then gets an answer asked for another's bucket."""
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="")
    except ClientError as error:
        if faults.error_code(error) not in _ACCESS_DENIED_CODES:
            raise
        return BucketState(name=bucket, is_same_account=None)
    return BucketState(name=bucket, is_same_account=False)


def _read_bucket_region(s3: S3Client, bucket: str) -> str:
    try:
        return parse_location_constraint(
            s3.get_bucket_location(Bucket=bucket)["LocationConstraint"]
        )
    except ClientError as error:
        if faults.error_code(error) not in _ACCESS_DENIED_CODES:
            raise
        return ""
