"""List the objects of a bucket or folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scar.transfer.client import require_bucket
from scar.transfer.errors import is_denied, translate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

    from scar.transfer.location import Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: size in bytes, time in UTC, the ETag without its quotes."""

    key: str
    size: int
    modified: datetime
    etag: str


def list_objects(client: S3Client, place: Place) -> Iterator[Entry]:
    """Yield the objects of the bucket, of the folder, or the one with that very key, by key.

    A folder ``in`` does not match ``input2/…``. Raises BucketNotFound, OthersBucket, Refused.
    """
    try:
        if place.path:
            # The exact key is the first of all that begin with it.
            first = client.list_objects_v2(Bucket=place.bucket, Prefix=place.path, MaxKeys=1)
            for item in first.get("Contents", []):
                if item["Key"] == place.path:
                    yield _entry(item)
        pages = client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=place.bucket, Prefix=place.prefix):
            for item in page.get("Contents", []):
                yield _entry(item)
    except (BotoCoreError, ClientError) as error:
        if is_denied(error):
            require_bucket(client, place.bucket)
        raise translate(error, place.bucket, f"list s3://{place}") from error


def _entry(item: ObjectTypeDef) -> Entry:
    return Entry(item["Key"], item["Size"], item["LastModified"], item.get("ETag", "").strip('"'))
