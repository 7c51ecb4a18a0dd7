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

_ABSENT = frozenset({"404", "NoSuchBucket"})
_DENIED = frozenset({"403", "AccessDenied", "AllAccessDisabled"})
_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One bucket. ``is_ours`` is None if that cannot be told, ``region`` empty likewise.

    ``key`` is what the bucket calls its KMS key: an ARN, an id, or an alias that could not be
    looked up; ``hidden`` tells that the encryption may not be looked at.
    """

    name: str
    exists: bool = True
    is_ours: bool | None = True
    region: str = ""
    key: str = ""
    hidden: bool = False

    @property
    def has_alias(self) -> bool:
        """Whether the key is only known by an alias; that of S3's own key says enough."""
        return "alias/" in self.key and not self.key.endswith("alias/aws/s3")


def look(s3: S3Client, buckets: Collection[str], keys: Callable[[], KeyReader]) -> dict[str, Seen]:
    """Look at all of them at once; raise what the SDK raises. ``keys`` is asked about aliases."""
    if not buckets:
        return {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # Both questions at the same time: mostly both have an answer.
        asked = {name: pool.submit(encryption, s3, name) for name in sorted(buckets)}
        heads = {name: pool.submit(_head, s3, name) for name in sorted(buckets)}
        found = {name: _with_key(heads[name].result(), asked[name]) for name in sorted(buckets)}
    named = {seen.key for seen in found.values() if seen.has_alias}
    arns = {alias: _key_of(keys(), alias) for alias in sorted(named)}
    return {name: replace(seen, key=arns.get(seen.key, seen.key)) for name, seen in found.items()}


def encryption(s3: S3Client, bucket: str) -> tuple[str, str]:
    """Return S3's word for the bucket's encryption (``aws:kms``), and the key as it is named."""
    try:
        found = s3.get_bucket_encryption(Bucket=bucket)
    except ClientError as error:
        if faults.code(error) == "ServerSideEncryptionConfigurationNotFoundError":
            return "", ""
        raise
    rules = found["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0].get("ApplyServerSideEncryptionByDefault") if rules else None
    if default is None:
        return "", ""
    return default["SSEAlgorithm"], default.get("KMSMasterKeyID", "")


def _key_of(keys: KeyReader, alias: str) -> str:
    """Return the ARN of the key behind an alias: policies know no aliases."""
    try:
        return str(keys.describe_key(KeyId=alias)["KeyMetadata"]["Arn"])
    except ClientError:
        return alias


def region_of(location: str | None) -> str:
    """Translate a LocationConstraint: the oldest Regions have names of their own there."""
    return {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(location, location or "")


def _head(s3: S3Client, bucket: str) -> Seen:
    try:
        head = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if faults.code(error) in _ABSENT:
            return Seen(name=bucket, exists=False)
        if faults.code(error) not in _DENIED:
            raise
        return _of_somebody(s3, bucket)
    return Seen(name=bucket, region=head.get("BucketRegion") or _location(s3, bucket))


def _with_key(seen: Seen, asked: Future[tuple[str, str]]) -> Seen:
    error = asked.exception()
    if not seen.exists or seen.is_ours is not True:
        return seen
    if faults.code(error) in _DENIED:
        return replace(seen, hidden=True)
    algorithm, key = asked.result()
    return replace(seen, key=key if algorithm.startswith("aws:kms") else "")


def _of_somebody(s3: S3Client, bucket: str) -> Seen:
    """Ask again without naming an owner: who then gets an answer asked for another's bucket."""
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="")
    except ClientError as error:
        if faults.code(error) not in _DENIED:
            raise
        return Seen(name=bucket, is_ours=None)
    return Seen(name=bucket, is_ours=False)


def _location(s3: S3Client, bucket: str) -> str:
    try:
        return region_of(s3.get_bucket_location(Bucket=bucket)["LocationConstraint"])
    except ClientError as error:
        if faults.code(error) not in _DENIED:
            raise
        return ""
