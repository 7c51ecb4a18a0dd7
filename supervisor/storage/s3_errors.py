"""Turn what S3 said into errors that name the object, the permission and the remedy. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsErrorResponse
from supervisor.errors import ObjectChanged, StorageError

if TYPE_CHECKING:
    from supervisor.aws.errors import AwsError
    from supervisor.model import ObjectRef

VERBS = {
    "s3:GetObject": "read",
    "s3:GetObjectVersion": "read",
    "s3:PutObject": "write",
    "s3:AbortMultipartUpload": "abort the upload of",
}
FILE_CHANGED = "Let the script finish its files before it ends: one changed while it was sent."
REMEDIES = {
    "BadDigest": FILE_CHANGED,
    "InvalidDigest": FILE_CHANGED,
    "XAmzContentSHA256Mismatch": FILE_CHANGED,
    "InvalidObjectState": "Restore the object from the archive before it is read.",
    "NoSuchUpload": "A lifecycle rule or another program removed the parts: run it again.",
    "QuotaExceeded": "Make room in the store.",
}


def translate_error(error: AwsError, ref: ObjectRef, action: str) -> StorageError:
    """Return the StorageError for a failed call that needed the permission ``action``."""
    problem = f"Cannot {VERBS[action]} {ref}: {error.problem}"
    if isinstance(error, AwsErrorResponse):
        if action.startswith("s3:Get") and _is_version_gone(error):
            return ObjectChanged(
                f"{ref} is not there any more, or not in the announced version.",
                remedy="Nothing to do if it was replaced on purpose: the new object has an "
                "event of its own.",
            )
        problem += _region_hint(error)
        return StorageError(problem, remedy=error.remedy or _find_remedy(error, ref, action))
    return StorageError(problem, remedy=error.remedy or "Run it again; the fault may pass.")


def is_not_found(error: AwsError) -> bool:
    """Whether the answer to GET or HEAD means that no object has this key.

    Without s3:ListBucket S3 answers 403 for such keys; its message then names that permission.
    Every other 403 is an error: taking it for an absence would hide a wrong role.
    """
    if not isinstance(error, AwsErrorResponse):
        return False
    if error.status == 404:
        return error.code in ("", "NoSuchKey", "NotFound", "404")
    return error.code == "AccessDenied" and "s3:ListBucket" in error.message


def _is_version_gone(error: AwsErrorResponse) -> bool:
    return error.status == 412 or (
        error.status in (404, 405) and error.code in ("", "NoSuchKey", "NoSuchVersion")
    )


def _region_hint(error: AwsErrorResponse) -> str:
    return f" (the bucket is in {error.region})" if error.region else ""


def _find_remedy(error: AwsErrorResponse, ref: ObjectRef, action: str) -> str:
    if error.code == "NoSuchBucket":
        return f"Create the bucket {ref.bucket}, or correct its name."
    if error.status in (301, 307) or error.code == "AuthorizationHeaderMalformed":
        region = error.region or "the bucket's region"
        return f"Function and bucket must be in one region: set AWS_REGION to {region}."
    if "kms" in error.code.lower() or "kms:" in error.message:
        return "Allow the role kms:Decrypt and kms:GenerateDataKey on the bucket's key."
    if error.status == 403:
        listing = f", and s3:ListBucket on {ref.bucket}" if action == "s3:GetObject" else ""
        return (
            f"Allow the role {action} on arn:aws:s3:::{ref.bucket}/*{listing}. If it is allowed,"
            " see whether the bucket is still of the function's account."
        )
    return REMEDIES.get(error.code, "Run it again; the fault may pass." if error.transient else "")
