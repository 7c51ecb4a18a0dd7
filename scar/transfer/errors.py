"""The exceptions of scar.transfer.

ScarError
└── TransferError              a file or object cannot be read, written or transferred
    ├── BucketNotFoundError    the bucket does not exist
    ├── BucketOwnerError       the bucket belongs to another account
    ├── IncompleteTransferError  some files or objects were not transferred, the others were
    └── UnusableKeyError       a key that cannot be a file name (target_files)
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.errors import ScarError

if TYPE_CHECKING:
    from scar.aws.client.errors import SdkError


OWNER_REMEDY = "pass the id of that account with --expected-bucket-owner"

SSE_REMEDY = (
    "If the policy requires x-amz-server-side-encryption, repeat the command with --sse AES256 or"
    " --sse aws:kms."
)


# Error codes of S3 that concern one object, not the bucket, the credentials or the service.
_OBJECT_ERROR_CODES = frozenset(
    {
        "403",
        "404",
        "AccessDenied",
        "BadDigest",
        "EntityTooLarge",
        "InvalidDigest",
        "InvalidObjectState",  # archived in Glacier
        "KeyTooLongError",
        "MethodNotAllowed",
        "NoSuchKey",
        "NoSuchVersion",
        "PreconditionFailed",  # another object has the key since its download began
        "XAmzContentSHA256Mismatch",
    }
)
# Errors of the process or of the whole file system: every other file fails as well.
_READ_ERRORS_OF_ALL_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_WRITE_ERRORS_OF_ALL_FILES = _READ_ERRORS_OF_ALL_FILES | {
    errno.EDQUOT,
    errno.EIO,
    errno.ENODEV,
    errno.ENOSPC,
    errno.EROFS,
    errno.ESTALE,
}


class TransferError(ScarError):
    """A file or object cannot be read, written or transferred."""


class BucketNotFoundError(TransferError):
    """The bucket does not exist; ``meant`` is what the user probably meant, a bucket or folder.

    ``other_store`` is the provider of an input with this bucket, such as ``minio.lab``.
    """

    def __init__(self, bucket: str, *, meant: str = "", other_store: str = "") -> None:
        if other_store:
            super().__init__(
                f"The bucket {bucket} does not exist in S3. An input of a function is {bucket} on"
                f" {other_store}.",
                remedy="Use a client of that store, such as `mc` or rclone.",
            )
            return
        suggestion = f"; did you mean {meant}?" if meant else "."
        super().__init__(
            f"The bucket {bucket} does not exist{suggestion}",
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


class IncompleteTransferError(TransferError):
    """Some files or objects were not transferred; all others were."""


def is_object_error(error: SdkError) -> bool:
    """Return whether S3 refused one object, so that others may succeed."""
    code = errors.error_code(error)
    return code in _OBJECT_ERROR_CODES or code.startswith("KMS.")


def concerns_all_files(error: OSError, *, writing: bool) -> bool:
    """Return whether every other file would fail with this error too: no space, no descriptors."""
    concerned = _WRITE_ERRORS_OF_ALL_FILES if writing else _READ_ERRORS_OF_ALL_FILES
    return error.errno in concerned


def describe_os_error(error: OSError) -> str:
    """Return the system's text of an error, without its number and file name."""
    return error.strerror or str(error)


def is_access_denied(error: SdkError) -> bool:
    """Return whether S3 denied access; a HEAD response has a status and no error code."""
    return errors.error_code(error) in ("403", "AccessDenied")


def _is_denied_by_policy(error: SdkError) -> bool:
    """Return whether a policy denies a write, which an IAM policy cannot change."""
    operation = getattr(error, "operation_name", "")
    is_write = operation in ("PutObject", "CreateMultipartUpload", "UploadPart")
    return is_write and is_access_denied(error) and "explicit deny in a" in str(error)


def is_lost_connection(error: SdkError) -> bool:
    """Return whether a request was sent, and the connection ended before all of its response."""
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

    return isinstance(error, ConnectionClosedError | ReadTimeoutError)


def translate_error(error: SdkError, bucket: str, action: str) -> ScarError:
    """Return the ScarError for an SDK error; ``action`` completes "Cannot …"."""
    if errors.error_code(error) == "NoSuchBucket":
        return BucketNotFoundError(bucket)
    translated = errors.to_scar_error(error, action)
    if _is_denied_by_policy(error):
        translated.remedy = SSE_REMEDY
    elif is_access_denied(error):
        translated.remedy += f" If the bucket belongs to another account, {OWNER_REMEDY}."
    return translated
