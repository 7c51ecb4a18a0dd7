"""Finds one object in the listing of its bucket.

For callers that may not read the object, and to learn whether an object exists: the roles of
functions may list with the prefixes of their folders only, and then S3 returns 403 instead of 404
for a missing key.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from supervisor.aws.errors import AwsError, AwsErrorResponse
from supervisor.errors import StorageError
from supervisor.model import StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supervisor.aws.client import AwsClient
    from supervisor.aws.request import AwsRequest
    from supervisor.model import ObjectRef

_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def listing_query(ref: ObjectRef, most: int = 1) -> tuple[tuple[str, str], ...]:
    """Return the query of a listing that has the object as its first entry, if it exists."""
    return (
        ("list-type", "2"),
        ("prefix", ref.key),  # in alphabetical order the key itself is the first of them
        ("max-keys", str(most)),
        ("encoding-type", "url"),
    )


def find_object(client: AwsClient, request: AwsRequest, ref: ObjectRef) -> StoredObject | None:
    """Return size, ETag and time of the object; None if it or the permission to list is missing.

    ``request`` is the listing. Needs s3:ListBucket only, so the caller learns nothing of the
    content. Raise StorageError.
    """
    try:
        return _find_in_listing(client, request, ref)
    except AwsError as error:
        if isinstance(error, AwsErrorResponse) and error.status in (403, 404):
            return None
        raise StorageError(
            f"Cannot list {ref.bucket}: {error.problem}",
            remedy=error.remedy or "Run it again; the error may be temporary.",
        ) from error


def list_objects(client: AwsClient, request: AwsRequest, ref: ObjectRef) -> dict[str, StoredObject]:
    """Return the objects of a page whose keys begin with the key of ``ref``; raise StorageError."""
    try:
        return _read_listing(client, request, ref)
    except AwsError as error:
        raise StorageError(
            f"Cannot list {ref.bucket}: {error.problem}",
            remedy=error.remedy or "Run it again; the error may be temporary.",
        ) from error


def is_certainly_absent(client: AwsClient, request: AwsRequest, ref: ObjectRef) -> bool:
    """Return whether a listing succeeds and does not contain the object."""
    try:
        return _find_in_listing(client, request, ref) is None
    except (AwsError, StorageError):
        return False  # the caller has an error that says more


def _find_in_listing(client: AwsClient, request: AwsRequest, ref: ObjectRef) -> StoredObject | None:
    return _read_listing(client, request, ref).get(ref.key)


def _read_listing(
    client: AwsClient, request: AwsRequest, ref: ObjectRef
) -> dict[str, StoredObject]:
    body = client.send(request).body
    try:
        return dict(_parse_listing(body))
    except (ET.ParseError, ValueError) as error:
        raise StorageError(
            f"The listing of {ref.bucket} is damaged: {error}.",
            remedy="Run it again; the error may be temporary.",
        ) from error


def _parse_listing(body: bytes) -> Iterator[tuple[str, StoredObject]]:
    if b"<!DOCTYPE" in body:  # entities could make it much longer
        raise ValueError("it declares a document type")
    root = ET.fromstring(body)  # noqa: S314
    if root.tag != f"{_NAMESPACE}ListBucketResult":
        raise ValueError(root.tag)
    for item in root.iter(f"{_NAMESPACE}Contents"):
        time = item.findtext(f"{_NAMESPACE}LastModified", "")
        yield (
            unquote_plus(item.findtext(f"{_NAMESPACE}Key", "")),
            StoredObject(
                size=int(item.findtext(f"{_NAMESPACE}Size", "")),
                etag=item.findtext(f"{_NAMESPACE}ETag", "").strip('"'),
                last_modified=datetime.fromisoformat(time).timestamp(),
            ),
        )
