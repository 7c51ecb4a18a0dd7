"""Users' buckets."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.model import names
from scar.aws.model.resources import Bucket
from scar.aws.requests import s3_requests
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

_PARALLEL = 8
# S3's error for tags in CreateBucket, in GovCloud and in the European Sovereign Cloud.
# https://github.com/hashicorp/terraform-provider-aws/issues/45784
_TAGS_NOT_SUPPORTED = "UnsupportedArgument"


@dataclass(frozen=True, slots=True)
class BucketHandler:
    """Users' buckets: created if absent; deleted only if scar created them and they are empty."""

    s3: S3Client
    region: str

    def read(self, resource: Bucket) -> Bucket | None:
        if not bucket_exists(self.s3, resource.name):
            return None
        parents = sorted({f.rstrip("/").rpartition("/")[0] for f in resource.folders})
        found = {f for parent in parents for f in self._list_folders(resource.name, parent)}
        return Bucket(name=resource.name, folders=tuple(f for f in resource.folders if f in found))

    def create(self, resource: Bucket) -> None:
        try:
            create_bucket(self.s3, resource.name, self.region, tagged=True)
        except ClientError as error:
            if errors.error_code(error) != _TAGS_NOT_SUPPORTED:
                raise
            if create_bucket(self.s3, resource.name, self.region):
                self._tag_as_managed(resource.name)
        self._create_folders(resource.name, resource.folders)

    def _tag_as_managed(self, bucket: str) -> None:
        tags: list[TagTypeDef] = [{"Key": names.MANAGED_TAG, "Value": "true"}]
        try:
            self.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        except ClientError:
            # Without its tag the bucket would never be recognized as scar's and deleted.
            self._delete_bucket(bucket)
            raise

    def update(self, observed: Bucket, desired: Bucket) -> None:
        self._create_folders(
            desired.name, [f for f in desired.folders if f not in observed.folders]
        )

    def delete(self, resource: Bucket) -> None:
        """Delete the bucket if scar created it, and it is empty and has no notifications."""
        if not self.is_empty_and_managed(resource.name) or self._has_notifications(resource.name):
            return
        self._delete_bucket(resource.name)

    def _delete_bucket(self, bucket: str) -> None:
        """Delete the folder objects and the bucket; a bucket with data stays."""
        folders = list(self._list_first_keys(bucket))
        if not all(key.endswith("/") for key in folders):
            return
        if folders:
            self.s3.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in folders]}
            )
        # An object may have been uploaded meanwhile: then S3 rejects the deletion.
        with contextlib.suppress(self.s3.exceptions.NoSuchBucket):
            try:
                self.s3.delete_bucket(Bucket=bucket)
            except ClientError as error:
                if errors.error_code(error) != "BucketNotEmpty":
                    raise

    def is_empty_and_managed(self, bucket: str) -> bool:
        """Return whether scar created the bucket, and it contains nothing but folder objects."""
        return self._is_managed(bucket) and all(
            key.endswith("/") for key in self._list_first_keys(bucket)
        )

    def _has_notifications(self, bucket: str) -> bool:
        configuration = self.s3.get_bucket_notification_configuration(Bucket=bucket)
        return bool(set(configuration) - {"ResponseMetadata"})

    def _is_managed(self, bucket: str) -> bool:
        try:
            tags = self.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        except ClientError as error:
            if errors.error_code(error) in ("NoSuchTagSet", "NoSuchBucket", "AccessDenied"):
                return False
            raise
        return any(tag["Key"] == names.MANAGED_TAG for tag in tags)

    def _list_first_keys(self, bucket: str) -> Iterator[str]:
        """Yield the first page's keys; data, and the existence of more, as keys without ``/``."""
        page = self.s3.list_objects_v2(Bucket=bucket)
        for item in page.get("Contents", []):
            yield item.get("Key", "") if not item.get("Size") else "data"
        if page["IsTruncated"]:
            yield "more"

    def _list_folders(self, bucket: str, parent: str) -> set[str]:
        """Return the folders in a folder; one request for up to 1,000 of them."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{parent}/" if parent else "", Delimiter="/"
        )
        return {p.get("Prefix", "") for page in pages for p in page.get("CommonPrefixes", [])}

    def _create_folders(self, bucket: str, folders: tuple[str, ...] | list[str]) -> None:
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(lambda f: self.s3.put_object(Bucket=bucket, Key=f), folders))


def bucket_exists(s3: S3Client, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        match errors.error_code(error):
            case "404" | "NoSuchBucket":
                return False
            case "403":
                raise OperationRefusedError(
                    f"The bucket {bucket} belongs to another account, or access to it is denied.",
                    remedy="Bucket names are unique across all accounts: choose another name.",
                ) from error
            case _:
                raise
    return True


def create_bucket(s3: S3Client, bucket: str, region: str, *, tagged: bool = False) -> bool:
    """Create the bucket; return False if it exists already in this account."""
    try:
        s3.create_bucket(**s3_requests.create_bucket_request(bucket, region, tagged=tagged))
    except ClientError as error:
        if errors.error_code(error) == "BucketAlreadyOwnedByYou":
            return False
        if errors.error_code(error) == "BucketAlreadyExists":
            raise OperationRefusedError(
                f"The bucket {bucket} belongs to another account.",
                remedy="Bucket names are unique across all accounts: choose another name.",
            ) from error
        raise
    return True
