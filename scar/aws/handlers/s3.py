"""The state bucket and the users' own buckets."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws import faults, names
from scar.aws.resources import Bucket, StateBucket
from scar.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

_RULE = "scar-runs"


@dataclass(frozen=True, slots=True)
class StateBucketHandler:
    """One private bucket per account and Region. It holds records, so scar never deletes it."""

    s3: S3Client
    region: str

    def read(self, resource: StateBucket) -> StateBucket | None:
        if not _exists(self.s3, resource.name):
            return None
        return StateBucket(name=resource.name, keep_days=self._keep_days(resource.name))

    def create(self, resource: StateBucket) -> None:
        _make(self.s3, resource.name, self.region)
        self._expire(resource)

    def update(self, observed: StateBucket, desired: StateBucket) -> None:
        del observed
        self._expire(desired)

    def delete(self, resource: StateBucket) -> None:
        del resource

    def _keep_days(self, bucket: str) -> int:
        try:
            found = self.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
        except ClientError as error:
            if faults.code(error) == "NoSuchLifecycleConfiguration":
                return 0
            raise
        rules = {rule.get("ID"): rule for rule in found.get("Rules", [])}
        return rules[_RULE].get("Expiration", {}).get("Days", 0) if _RULE in rules else 0

    def _expire(self, resource: StateBucket) -> None:
        self.s3.put_bucket_lifecycle_configuration(
            Bucket=resource.name,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": _RULE,
                        "Status": "Enabled",
                        "Filter": {"Prefix": "runs/"},
                        "Expiration": {"Days": resource.keep_days},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    }
                ]
            },
        )


@dataclass(frozen=True, slots=True)
class BucketHandler:
    """A bucket is the user's, also when scar made it: only an empty one made by scar goes."""

    s3: S3Client
    region: str

    def read(self, resource: Bucket) -> Bucket | None:
        if not _exists(self.s3, resource.name):
            return None
        there = tuple(f for f in resource.folders if self._has(resource.name, f))
        return Bucket(name=resource.name, folders=there)

    def create(self, resource: Bucket) -> None:
        if _make(self.s3, resource.name, self.region):
            self.s3.put_bucket_tagging(
                Bucket=resource.name,
                Tagging={"TagSet": [{"Key": names.MANAGED_TAG, "Value": "true"}]},
            )
        self._fold(resource.name, resource.folders)

    def update(self, observed: Bucket, desired: Bucket) -> None:
        self._fold(desired.name, [f for f in desired.folders if f not in observed.folders])

    def delete(self, resource: Bucket) -> None:
        """Delete the bucket if scar made it, nothing but folders is in it and nobody watches it."""
        if not self.is_empty_and_ours(resource.name) or self._is_watched(resource.name):
            return
        for key in self._keys(resource.name):
            self.s3.delete_object(Bucket=resource.name, Key=key)
        # Somebody may have put an object meanwhile: S3 itself refuses to lose it.
        with contextlib.suppress(self.s3.exceptions.NoSuchBucket):
            try:
                self.s3.delete_bucket(Bucket=resource.name)
            except ClientError as error:
                if faults.code(error) != "BucketNotEmpty":
                    raise

    def is_empty_and_ours(self, bucket: str) -> bool:
        """Say whether scar made the bucket and nothing but folders is in it."""
        return (
            _exists(self.s3, bucket)
            and self._made_by_scar(bucket)
            and all(key.endswith("/") for key in self._keys(bucket))
        )

    def _is_watched(self, bucket: str) -> bool:
        found = self.s3.get_bucket_notification_configuration(Bucket=bucket)
        return bool(set(found) - {"ResponseMetadata"})

    def _made_by_scar(self, bucket: str) -> bool:
        try:
            found = self.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        except ClientError as error:
            if faults.code(error) == "NoSuchTagSet":
                return False
            raise
        return any(tag["Key"] == names.MANAGED_TAG for tag in found)

    def _keys(self, bucket: str) -> Iterator[str]:
        """List the first keys: more than one page is data, whatever its names."""
        page = self.s3.list_objects_v2(Bucket=bucket)
        for item in page.get("Contents", []):
            yield item.get("Key", "") if not item.get("Size") else "data"
        if page["IsTruncated"]:
            yield "more"

    def _has(self, bucket: str, folder: str) -> bool:
        try:
            self.s3.head_object(Bucket=bucket, Key=folder)
        except ClientError as error:
            if faults.code(error) == "404":
                return False
            raise
        return True

    def _fold(self, bucket: str, folders: tuple[str, ...] | list[str]) -> None:
        for folder in folders:
            self.s3.put_object(Bucket=bucket, Key=folder)


def _exists(s3: S3Client, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        match faults.code(error):
            case "404" | "NoSuchBucket":
                return False
            case "403":
                raise Refused(
                    f"The bucket {bucket} belongs to another account, or you may not use it.",
                    remedy="Bucket names are shared by all accounts: choose another name.",
                ) from error
            case _:
                raise
    return True


def _make(s3: S3Client, bucket: str, region: str) -> bool:
    """Create the bucket and say so; False if it was there already and is ours."""
    try:
        if region == "us-east-1":
            s3.create_bucket(Bucket=bucket)
        else:
            s3.create_bucket(
                Bucket=bucket,
                CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
            )
    except ClientError as error:
        if faults.code(error) == "BucketAlreadyOwnedByYou":
            return False
        if faults.code(error) == "BucketAlreadyExists":
            raise Refused(
                f"The bucket {bucket} belongs to another account.",
                remedy="Bucket names are shared by all accounts: choose another name.",
            ) from error
        raise
    return True
