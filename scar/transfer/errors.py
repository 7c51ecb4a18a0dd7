"""The exceptions of scar.transfer.

ScarError
└── TransferError              a file or object cannot be read, written or transferred
    ├── BucketNotFoundError    the bucket does not exist
    └── BucketOwnerError       the bucket belongs to another account
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.errors import ScarError

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError


OWNER_REMEDY = "pass the id of that account with --expected-bucket-owner"

SSE_REMEDY = (
    "If the policy requires x-amz-server-side-encryption, repeat the command with --sse AES256 or"
    " --sse aws:kms."
)


class TransferError(ScarError):
    """A file or object cannot be read, written or transferred."""


class BucketNotFoundError(TransferError):
    """The bucket does not exist."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"The bucket {bucket} does not exist.",
            remedy="Check the spelling and the account (see the first line of the output). "
            "`scar init` creates the buckets of an FDL file.",
        )


class BucketOwnerError(TransferError):
    """The bucket does not belong to the expected account."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"The bucket {bucket} belongs to another account. No object was read or written.",
            remedy=f"Check the spelling; if the bucket is the right one, {OWNER_REMEDY}.",
        )


def is_access_denied(error: BotoCoreError | ClientError) -> bool:
    """Return whether S3 denied access; a HEAD response has a status and no error code."""
    code = getattr(error, "response", {}).get("Error", {}).get("Code")
    return code in ("403", "AccessDenied")


def _is_denied_by_policy(error: BotoCoreError | ClientError) -> bool:
    """Return whether a policy denies a write, which an IAM policy cannot change."""
    operation = getattr(error, "operation_name", "")
    is_write = operation in ("PutObject", "CreateMultipartUpload", "UploadPart")
    return is_write and is_access_denied(error) and "explicit deny in a" in str(error)


def translate_error(error: BotoCoreError | ClientError, bucket: str, action: str) -> ScarError:
    """Return the ScarError for an SDK error; ``action`` completes "Cannot …"."""
    if getattr(error, "response", {}).get("Error", {}).get("Code") == "NoSuchBucket":
        return BucketNotFoundError(bucket)
    translated = errors.to_scar_error(error, action)
    if _is_denied_by_policy(error):
        translated.remedy = SSE_REMEDY
    elif is_access_denied(error):
        translated.remedy += f" If the bucket belongs to another account, {OWNER_REMEDY}."
    return translated
