"""Translate S3's errors into StorageErrors that name object, permission and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.aws.errors import AWS, AwsErrorResponse
from supervisor.errors import ObjectAbsent, ObjectChanged, StorageError

if TYPE_CHECKING:
    from supervisor.aws.errors import AwsError
    from supervisor.model import ObjectRef

VERBS = {
    "s3:GetObject": "read",
    "s3:GetObjectVersion": "read",
    "s3:PutObject": "write",
    "s3:DeleteObject": "delete",
    "s3:AbortMultipartUpload": "abort the upload of",
}
FILE_CHANGED = "A file changed while it was uploaded: the script must not write after its end."
_HEADER_HINT = ", and whether its policy requires an encryption header (sse of the output)"


def name_clash_remedy(store: str) -> str:
    """Return what to do if a file is in the place of a folder, or the other way round."""
    return (
        f"In {store} a name cannot be that of a file and a folder: give the outputs other names,"
        " or delete the older one."
    )


REMEDIES = {
    "BadDigest": FILE_CHANGED,
    "InvalidDigest": FILE_CHANGED,
    "XAmzContentSHA256Mismatch": FILE_CHANGED,
    "InvalidObjectState": "Restore the object from its archive storage class before it is read.",
    "NoSuchUpload": "A lifecycle rule or another program removed the parts: run it again.",
    "QuotaExceeded": "Free space in the store.",
    # MinIO's file systems: https://github.com/minio/minio/blob/master/cmd/api-errors.go
    "XMinioParentIsObject": name_clash_remedy("this store"),
    "XMinioObjectExistsAsDirectory": name_clash_remedy("this store"),
}


def translate_error(error: AwsError, ref: ObjectRef, action: str) -> StorageError:
    """Return the StorageError for a failed call that needed the permission ``action``."""
    problem = f"Cannot {VERBS[action]} {ref}: {error.problem}"
    if isinstance(error, AwsErrorResponse):
        if action.startswith("s3:Get") and error.status == 412:
            return object_changed(ref)
        if action.startswith("s3:Get") and _is_deleted(error):
            return object_absent(ref)
        problem += _region_hint(error)
        find = _find_remedy if error.server == AWS else _find_remedy_of_provider
        return StorageError(problem, remedy=error.remedy or find(error, ref, action))
    return StorageError(problem, remedy=error.remedy or "Run it again; the error may be temporary.")


def object_changed(ref: ObjectRef) -> ObjectChanged:
    return ObjectChanged(
        f"{ref} no longer exists in the version of the event.",
        remedy="Nothing to do if it was overwritten on purpose: the new object has its own event.",
    )


def object_absent(ref: ObjectRef) -> ObjectAbsent:
    return ObjectAbsent(
        f"{ref} does not exist, or was deleted after its event.",
        remedy="Nothing to do if it was deleted on purpose; otherwise upload it again.",
    )


def is_not_found(error: AwsError) -> bool:
    """Return whether the response to GET or HEAD means that no object has this key.

    Without s3:ListBucket S3 returns 403 for such keys; the message then names that permission.
    Any other 403 is an error: treated as absence, it would hide a missing permission.
    """
    if not isinstance(error, AwsErrorResponse):
        return False
    if error.status == 404:
        return error.code in ("", "NoSuchKey", "NotFound", "404")
    return error.code == "AccessDenied" and "s3:ListBucket" in error.message


def _is_deleted(error: AwsErrorResponse) -> bool:
    """Return whether there is no such object or version; 405: it is a delete marker."""
    return error.status in (404, 405) and error.code in ("", "NoSuchKey", "NoSuchVersion")


def _region_hint(error: AwsErrorResponse) -> str:
    return f" (the bucket is in {error.region})" if error.region else ""


def _is_denied_by_policy(error: AwsErrorResponse) -> bool:
    """Return whether a bucket policy or an organization's policy denies what a role may allow."""
    return error.status == 403 and "explicit deny in a" in error.message


def _find_remedy_of_provider(error: AwsErrorResponse, ref: ObjectRef, action: str) -> str:
    """Return the remedy for an error of a store that is not the account's own S3."""
    provider = error.server
    if error.code == "NoSuchBucket":
        return f"Create the bucket {ref.bucket} in {provider}, or correct its name."
    if error.status in (301, 307) or error.code == "AuthorizationHeaderMalformed":
        return f"Correct region, endpoint or path_style of {provider} in storage_providers."
    if error.status in (401, 403):
        return (
            f"Check access_key and secret_key of {provider} in storage_providers, and that its"
            f" policy allows {action} on {ref.bucket}."
        )
    if error.status == 501 and action == "s3:PutObject":
        return (
            f"The store does not support write conditions: set conditional_writes: false of"
            f" {provider} in storage_providers."
        )
    return REMEDIES.get(
        error.code, "Run it again; the error may be temporary." if error.transient else ""
    )


def _find_remedy(error: AwsErrorResponse, ref: ObjectRef, action: str) -> str:
    if error.code == "NoSuchBucket":
        return f"Create the bucket {ref.bucket}, or correct its name."
    if error.status in (301, 307) or error.code == "AuthorizationHeaderMalformed":
        region = error.region or "the bucket's region"
        return f"Function and bucket must be in one region: set AWS_REGION to {region}."
    if "kms" in error.code.lower() or "kms:" in error.message:
        return "Allow the role kms:Decrypt and kms:GenerateDataKey on the bucket's key."
    if action == "s3:PutObject" and _is_denied_by_policy(error):
        return (
            f"A policy denies it. If it requires x-amz-server-side-encryption for {ref.bucket},"
            " set sse (AES256 or aws:kms) of the output, or lambda.sse for run records too, and run"
            " `scar init` again."
        )
    if error.status == 403:
        list_permission = f", and s3:ListBucket on {ref.bucket}" if action == "s3:GetObject" else ""
        return (
            f"Allow the role {action} on arn:aws:s3:::{ref.bucket}/*{list_permission}. If it is"
            " allowed, check whether the function's account still owns the bucket"
            f"{_HEADER_HINT if action == 's3:PutObject' else ''}."
        )
    return REMEDIES.get(
        error.code, "Run it again; the error may be temporary." if error.transient else ""
    )
