"""Read the owner, the Region and the KMS key of the users' buckets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from concurrent.futures import Future

    from mypy_boto3_s3 import S3Client

    from scar.aws.client.service_types import KeyReader

_NOT_FOUND_CODES = frozenset({"404", "NoSuchBucket"})
_ACCESS_DENIED_CODES = frozenset({"403", "AccessDenied", "AllAccessDisabled"})
_PARALLEL = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketState:
    """One bucket. ``is_same_account`` is None, and ``region`` empty, if it cannot be determined.

    ``kms_key`` is the KMS key of the bucket's default encryption: an ARN, an id, or an alias that
    could not be resolved. ``is_encryption_hidden``: the caller may not read the encryption.
    """

    name: str
    exists: bool = True
    is_same_account: bool | None = True
    region: str = ""
    kms_key: str = ""
    is_encryption_hidden: bool = False

    @property
    def has_alias(self) -> bool:
        """Whether only an alias of the key is known; False for the AWS managed key ``aws/s3``."""
        return "alias/" in self.kms_key and not self.kms_key.endswith("alias/aws/s3")


def inspect_buckets(
    s3: S3Client, buckets: Collection[str], keys: Callable[[], KeyReader]
) -> dict[str, BucketState]:
    """Read the state of all buckets in parallel.

    ``keys`` creates the KMS client, needed only if a key is an alias. Raise the SDK's errors.
    """
    if not buckets:
        return {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        # Both requests are sent at once, although the second is useless for a missing bucket.
        encryptions = {name: pool.submit(read_encryption, s3, name) for name in sorted(buckets)}
        heads = {name: pool.submit(_inspect_bucket, s3, name) for name in sorted(buckets)}
        states = {
            name: _add_kms_key(heads[name].result(), encryptions[name]) for name in sorted(buckets)
        }
    aliases = {state.kms_key for state in states.values() if state.has_alias}
    arn_by_alias = {alias: _resolve_key_alias(keys(), alias) for alias in sorted(aliases)}
    return {
        name: replace(state, kms_key=arn_by_alias.get(state.kms_key, state.kms_key))
        for name, state in states.items()
    }


def read_encryption(s3: S3Client, bucket: str) -> tuple[str, str]:
    """Return the algorithm of the bucket's default encryption (``aws:kms``) and its KMS key.

    The key is an ARN, an id or an alias, as it was configured; both are empty without encryption.
    """
    try:
        response = s3.get_bucket_encryption(Bucket=bucket)
    except ClientError as error:
        if errors.error_code(error) == "ServerSideEncryptionConfigurationNotFoundError":
            return "", ""
        raise
    rules = response["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0].get("ApplyServerSideEncryptionByDefault") if rules else None
    if default is None:
        return "", ""
    return default["SSEAlgorithm"], default.get("KMSMasterKeyID", "")


def _resolve_key_alias(keys: KeyReader, alias: str) -> str:
    """Return the ARN of the alias's key, or the alias if the key cannot be read."""
    try:
        return str(keys.describe_key(KeyId=alias)["KeyMetadata"]["Arn"])
    except ClientError:
        return alias


def parse_location_constraint(location: str | None) -> str:
    """Return the Region of a LocationConstraint: us-east-1 has none, eu-west-1 may be ``EU``."""
    return {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(location, location or "")


def _inspect_bucket(s3: S3Client, bucket: str) -> BucketState:
    try:
        head = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if errors.error_code(error) in _NOT_FOUND_CODES:
            return BucketState(name=bucket, exists=False)
        if errors.error_code(error) not in _ACCESS_DENIED_CODES:
            raise
        return _inspect_denied_bucket(s3, bucket)
    return BucketState(
        name=bucket, region=head.get("BucketRegion") or _read_bucket_region(s3, bucket)
    )


def _add_kms_key(state: BucketState, encryption: Future[tuple[str, str]]) -> BucketState:
    error = encryption.exception()
    if not state.exists or state.is_same_account is not True:
        return state
    if errors.error_code(error) in _ACCESS_DENIED_CODES:
        return replace(state, is_encryption_hidden=True)
    algorithm, key = encryption.result()
    return replace(state, kms_key=key if algorithm.startswith("aws:kms") else "")


def _inspect_denied_bucket(s3: S3Client, bucket: str) -> BucketState:
    """Find out why the access was denied.

    The first request named the expected owner (``connection`` adds it). If the same request
    succeeds without an expected owner, the bucket belongs to another account.
    """
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="")
    except ClientError as error:
        if errors.error_code(error) not in _ACCESS_DENIED_CODES:
            raise
        return BucketState(name=bucket, is_same_account=None)
    return BucketState(name=bucket, is_same_account=False)


def _read_bucket_region(s3: S3Client, bucket: str) -> str:
    try:
        return parse_location_constraint(
            s3.get_bucket_location(Bucket=bucket)["LocationConstraint"]
        )
    except ClientError as error:
        # Without permission the Region stays unknown, and its check is skipped.
        if errors.error_code(error) not in _ACCESS_DENIED_CODES:
            raise
        return ""
