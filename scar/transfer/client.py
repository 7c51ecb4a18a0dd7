"""Limits of concurrent transfers, and the check of a bucket."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.client.direct.object_client import ObjectCall
from scar.transfer.errors import (
    BucketNotFoundError,
    BucketOwnerError,
    is_access_denied,
    translate_error,
)

if TYPE_CHECKING:
    from scar.aws.client.direct.object_client import ObjectClient

WORKERS = 64  # concurrent small files, each with a connection; more are not faster
PART_THREADS = 16  # concurrent parts of one large file
MULTIPART_THRESHOLD = 16 << 20  # bytes from which a file is transferred in parts
PART_SIZE = 8 << 20  # bytes of a part, or more if there would be too many
_OTHER_FILES = 40  # files that are open besides: folders, listings, modules
_OPEN_FILES = 2 * (WORKERS + PART_THREADS) + _OTHER_FILES


def count_workers(most: int) -> int:
    """Return how many of ``most`` workers this process may have, by its limit of open files.

    The limit is raised as far as the user may do that: some systems begin with 64 or 256.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < _OPEN_FILES:
        wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    if not 0 <= soft < _OPEN_FILES:
        return most
    # Half for small files, half for parts: each needs a file and a connection.
    return max(1, min(most, (soft - _OTHER_FILES) // 4))


def require_bucket(client: ObjectClient, bucket: str) -> None:
    """Raise BucketNotFoundError or BucketOwnerError.

    Returns for a bucket that exists but denies access, because the caller may have the permission
    to write to it all the same.
    """
    try:
        _head_bucket(client, bucket)
    except errors.SDK_ERRORS as error:
        if errors.error_code(error) == "404":
            raise BucketNotFoundError(bucket) from error
        if not is_access_denied(error):
            raise translate_error(error, bucket, f"access bucket {bucket}") from error
        if _exists_for_other_owner(client, bucket):
            raise BucketOwnerError(bucket) from error


def _head_bucket(client: ObjectClient, bucket: str, *, checks_owner: bool = True) -> None:
    client.send(
        ObjectCall(name="HeadBucket", method="HEAD", bucket=bucket, checks_owner=checks_owner)
    )


def _exists_for_other_owner(client: ObjectClient, bucket: str) -> bool:
    """Return whether the bucket can be accessed if its owner is not checked.

    S3 returns 403 both for an unexpected owner and for a missing permission. Only in the first case
    does the same request succeed without the owner.
    """
    try:
        _head_bucket(client, bucket, checks_owner=False)
    except errors.SDK_ERRORS:
        return False
    return True
