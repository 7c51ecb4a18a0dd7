"""Lists the objects of a bucket or folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from scar.aws.client import errors
from scar.aws.client.direct.listing import list_page, list_pages
from scar.transfer.client import require_bucket
from scar.transfer.errors import is_access_denied, translate_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from scar.aws.client.direct.object_client import ObjectClient
    from scar.aws.client.object_listing import ObjectEntry
    from scar.transfer.location import S3Location


class ObjectSummary(NamedTuple):
    """One object: its size in bytes, its time in UTC, its ETag without quotes."""

    key: str
    size: int
    modified: datetime
    etag: str


def list_objects(client: ObjectClient, location: S3Location) -> Iterator[ObjectSummary]:
    """Yield the objects of a bucket or folder, or the one object with this key; sorted by key.

    A folder ``in`` does not match ``input2/…``, and with a slash at its end no key ``in``. Raise
    BucketNotFoundError, BucketOwnerError, OperationRefusedError, ConfigurationError.
    """
    try:
        if location.path != location.prefix:
            # The user does not say whether the path is a key or a folder, so look for both. In
            # S3's order, a key comes before all longer keys that start with it.
            first = list_page(client, location.bucket, location.path, most=1)
            yield from (_summarize(e) for e in first.objects if e.key == location.path)
        for page in list_pages(client, location.bucket, location.prefix):
            yield from map(_summarize, page.objects)
    except errors.SDK_ERRORS as error:
        if is_access_denied(error):
            require_bucket(client, location.bucket)
        raise translate_error(error, location.bucket, f"list s3://{location}") from error


def list_folders(client: ObjectClient, bucket: str, prefix: str) -> list[str]:
    """Return folders ``bucket/folder``, one level deep, whose keys begin with the prefix.

    At most 1,000, which is one request. Raise the errors of ``list_objects``.
    """
    try:
        page = list_page(client, bucket, prefix, delimiter="/")
    except errors.SDK_ERRORS as error:
        raise translate_error(error, bucket, f"list s3://{bucket}/{prefix}") from error
    return [f"{bucket}/{found.rstrip('/')}" for found in page.prefixes]


def _summarize(entry: ObjectEntry) -> ObjectSummary:
    return ObjectSummary(entry[0], entry[1], entry[2], entry[3].strip('"'))
