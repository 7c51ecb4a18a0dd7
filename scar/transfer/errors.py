"""What can go wrong with files and objects.

ScarError
└── TransferError          a file or object cannot be read, written or sent
    └── BucketNotFound     there is no such bucket
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws import faults
from scar.errors import ScarError

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError


class TransferError(ScarError):
    """A file or object cannot be read, written or sent."""


class BucketNotFound(TransferError):
    """There is no such bucket."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"There is no bucket {bucket}.",
            remedy="`scar init` makes the buckets that an FDL file names; check the spelling, "
            "and whether you mean this account (the first line says which).",
        )


def translate(error: BotoCoreError | ClientError, bucket: str, doing: str) -> ScarError:
    """Turn an SDK error into ours; ``doing`` completes "Cannot …"."""
    if getattr(error, "response", {}).get("Error", {}).get("Code") == "NoSuchBucket":
        return BucketNotFound(bucket)
    return faults.of(error, doing)
