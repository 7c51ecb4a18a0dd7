"""Lists the objects of a bucket or folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import SDK_ERRORS
from scar.transfer.client import require_bucket
from scar.transfer.errors import is_access_denied, translate_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

    from scar.transfer.location import S3Location


@dataclass(frozen=True, slots=True)
class ObjectSummary:
    """One object: its size in bytes, its time in UTC, its ETag without quotes."""

    key: str
    size: int
    modified: datetime
    etag: str


def list_objects(client: S3Client, location: S3Location) -> Iterator[ObjectSummary]:
    """Yield the objects of a bucket or folder, or the one object with this key; sorted by key.

    A folder ``in`` does not match ``input2/…``, and with a slash at its end no key ``in``. Raise
    BucketNotFoundError, BucketOwnerError, OperationRefusedError, ConfigurationError.
    """
    try:
        if location.path != location.prefix:
            # The user does not say whether the path is a key or a folder, so look for both. In
            # S3's order, a key comes before all longer keys that start with it.
            first = client.list_objects_v2(Bucket=location.bucket, Prefix=location.path, MaxKeys=1)
            for item in first.get("Contents", []):
                if item["Key"] == location.path:
                    yield _parse_object(item)
        pages = client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=location.bucket, Prefix=location.prefix):
            for item in page.get("Contents", []):
                yield _parse_object(item)
    except SDK_ERRORS as error:
        if is_access_denied(error):
            require_bucket(client, location.bucket)
        raise translate_error(error, location.bucket, f"list s3://{location}") from error


def list_folders(client: S3Client, bucket: str, prefix: str) -> list[str]:
    """Return folders ``bucket/folder``, one level deep, whose keys begin with the prefix.

    At most 1,000, which is one request. Raise the errors of ``list_objects``.
    """
    try:
        page = client.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/")
    except SDK_ERRORS as error:
        raise translate_error(error, bucket, f"list s3://{bucket}/{prefix}") from error
    return [f"{bucket}/{item['Prefix'].rstrip('/')}" for item in page.get("CommonPrefixes", [])]


def _parse_object(item: ObjectTypeDef) -> ObjectSummary:
    return ObjectSummary(
        item["Key"], item["Size"], item["LastModified"], item.get("ETag", "").strip('"')
    )
