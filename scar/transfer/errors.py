"""What can go wrong with files and objects.

ScarError
└── TransferError          a file or object cannot be read, written or sent
    ├── BucketNotFound     there is no such bucket
    └── OthersBucket       it is another account's
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client import errors as faults
from scar.errors import ScarError

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError


OWNER_REMEDY = "name that account with --expected-bucket-owner"


class TransferError(ScarError):
    """A file or object cannot be read, written or sent."""


class BucketNotFoundError(TransferError):
    """There is no such bucket."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"There is no bucket {bucket}.",
            remedy="`scar init` makes the buckets that an FDL file names; check the spelling, "
            "and whether you mean this account (the first line says which).",
        )


class BucketOwnerError(TransferError):
    """The bucket belongs to another account than the one that was expected."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"The bucket {bucket} belongs to another account. Nothing was sent or read.",
            remedy=f"Check the spelling; if it is the one you mean, {OWNER_REMEDY}.",
        )


def is_access_denied(error: BotoCoreError | ClientError) -> bool:
    code = getattr(error, "response", {}).get("Error", {}).get("Code")
    return code in ("403", "AccessDenied")


def translate_error(error: BotoCoreError | ClientError, bucket: str, action: str) -> ScarError:
    """Turn an SDK error into ours; ``doing`` completes "Cannot …"."""
    if getattr(error, "response", {}).get("Error", {}).get("Code") == "NoSuchBucket":
        return BucketNotFoundError(bucket)
    found = faults.to_scar_error(error, action)
    if is_access_denied(error):
        found.remedy += f" If the bucket is another account's, {OWNER_REMEDY}."
    return found
