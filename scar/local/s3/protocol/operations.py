"""The supported operations, and which of them a request selects; all others are rejected."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from scar.local.s3.protocol.errors import S3Error, not_implemented

if TYPE_CHECKING:
    from scar.local.s3.protocol.request import S3Request


class S3Operation(enum.StrEnum):
    """The supported operations; bucket settings share three of them."""

    LIST_BUCKETS = "ListBuckets"
    CREATE_BUCKET = "CreateBucket"
    HEAD_BUCKET = "HeadBucket"
    DELETE_BUCKET = "DeleteBucket"
    GET_LOCATION = "GetBucketLocation"
    GET_SETTING = "GetBucketSetting"
    PUT_SETTING = "PutBucketSetting"
    DELETE_SETTING = "DeleteBucketSetting"
    LIST_OBJECTS = "ListObjects"
    LIST_VERSIONS = "ListObjectVersions"
    LIST_UPLOADS = "ListMultipartUploads"
    DELETE_OBJECTS = "DeleteObjects"
    PUT_OBJECT = "PutObject"
    GET_OBJECT = "GetObject"
    HEAD_OBJECT = "HeadObject"
    DELETE_OBJECT = "DeleteObject"
    COPY_OBJECT = "CopyObject"
    GET_TAGGING = "GetObjectTagging"
    PUT_TAGGING = "PutObjectTagging"
    DELETE_TAGGING = "DeleteObjectTagging"
    GET_ACL = "GetObjectAcl"
    CREATE_UPLOAD = "CreateMultipartUpload"
    UPLOAD_PART = "UploadPart"
    UPLOAD_PART_COPY = "UploadPartCopy"
    LIST_PARTS = "ListParts"
    COMPLETE_UPLOAD = "CompleteMultipartUpload"
    ABORT_UPLOAD = "AbortMultipartUpload"


BUCKET_SETTINGS = frozenset(
    {
        "acl",
        "cors",
        "encryption",
        "lifecycle",
        "notification",
        "ownershipControls",
        "policy",
        "publicAccessBlock",
        "tagging",
        "versioning",
    }
)
"""Bucket subresources that are stored and returned as documents."""

_UNSUPPORTED_SUBRESOURCES = frozenset(
    {
        "accelerate", "analytics", "append", "attributes", "intelligent-tiering", "inventory",
        "legal-hold", "logging", "metadataConfiguration", "metadataTable", "metrics",
        "object-lock", "policyStatus", "renameObject", "replication", "requestPayment",
        "restore", "retention", "select", "session", "torrent", "website",
    }
)  # fmt: skip
_ACTION_SUBRESOURCES = frozenset({"delete", "location", "uploadId", "uploads", "versions"})
_SUBRESOURCES = BUCKET_SETTINGS | _UNSUPPORTED_SUBRESOURCES | _ACTION_SUBRESOURCES

_BUCKET_OPERATIONS = {
    ("GET", ""): S3Operation.LIST_OBJECTS,
    ("HEAD", ""): S3Operation.HEAD_BUCKET,
    ("PUT", ""): S3Operation.CREATE_BUCKET,
    ("DELETE", ""): S3Operation.DELETE_BUCKET,
    ("GET", "location"): S3Operation.GET_LOCATION,
    ("GET", "uploads"): S3Operation.LIST_UPLOADS,
    ("GET", "versions"): S3Operation.LIST_VERSIONS,
    ("POST", "delete"): S3Operation.DELETE_OBJECTS,
    **{("GET", name): S3Operation.GET_SETTING for name in BUCKET_SETTINGS},
    **{("PUT", name): S3Operation.PUT_SETTING for name in BUCKET_SETTINGS},
    **{
        ("DELETE", name): S3Operation.DELETE_SETTING
        for name in BUCKET_SETTINGS - {"acl", "notification", "versioning"}
    },
}
_OBJECT_OPERATIONS = {
    ("GET", ""): S3Operation.GET_OBJECT,
    ("HEAD", ""): S3Operation.HEAD_OBJECT,
    ("PUT", ""): S3Operation.PUT_OBJECT,
    ("DELETE", ""): S3Operation.DELETE_OBJECT,
    ("GET", "tagging"): S3Operation.GET_TAGGING,
    ("PUT", "tagging"): S3Operation.PUT_TAGGING,
    ("DELETE", "tagging"): S3Operation.DELETE_TAGGING,
    ("GET", "acl"): S3Operation.GET_ACL,
    ("POST", "uploads"): S3Operation.CREATE_UPLOAD,
    ("PUT", "uploadId"): S3Operation.UPLOAD_PART,
    ("GET", "uploadId"): S3Operation.LIST_PARTS,
    ("POST", "uploadId"): S3Operation.COMPLETE_UPLOAD,
    ("DELETE", "uploadId"): S3Operation.ABORT_UPLOAD,
}


def find_subresource(request: S3Request) -> str:
    """Return the subresource in the query, empty if there is none; raise S3Error for several."""
    known = [name for name in request.query if name in _SUBRESOURCES]
    if len(known) > 1:
        names = ", ".join(sorted(known))
        raise S3Error(400, "InvalidRequest", f"Conflicting query string parameters: {names}")
    return known[0] if known else ""


def find_operation(request: S3Request) -> S3Operation:
    """Return the operation by method, bucket, key, query and headers.

    Raise S3Error NotImplemented or MethodNotAllowed.
    """
    subresource = find_subresource(request)
    if not request.bucket:
        if request.method == "GET" and not subresource:
            return S3Operation.LIST_BUCKETS
        raise S3Error(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )
    table = _OBJECT_OPERATIONS if request.key else _BUCKET_OPERATIONS
    operation = table.get((request.method, subresource))
    if operation is None:
        target = "objects" if request.key else "buckets"
        call = f"{request.method} ?{subresource}" if subresource else request.method
        raise not_implemented(f"{call} on {target}")
    # A copy has the method and query of the upload that it replaces.
    if "x-amz-copy-source" in request.headers:
        return _COPY_OPERATIONS.get(operation, operation)
    return operation


_COPY_OPERATIONS = {
    S3Operation.PUT_OBJECT: S3Operation.COPY_OBJECT,
    S3Operation.UPLOAD_PART: S3Operation.UPLOAD_PART_COPY,
}
