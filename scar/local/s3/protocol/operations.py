"""Which operation a request asks for. Every other one is refused, never guessed."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from scar.local.s3.protocol.errors import S3Error, not_implemented

if TYPE_CHECKING:
    from scar.local.s3.protocol.request import Call


class Operation(enum.StrEnum):
    """What the plane does, in the names of the API."""

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


SETTINGS = frozenset(
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
"""Bucket subresources that are stored and given back."""

_REFUSED = frozenset(
    {
        "accelerate", "analytics", "append", "attributes", "intelligent-tiering", "inventory",
        "legal-hold", "logging", "metadataConfiguration", "metadataTable", "metrics",
        "object-lock", "policyStatus", "renameObject", "replication", "requestPayment",
        "restore", "retention", "select", "session", "torrent", "website",
    }
)  # fmt: skip
_ADDRESSED = frozenset({"delete", "location", "uploadId", "uploads", "versions"})

_BUCKET = {
    ("GET", ""): Operation.LIST_OBJECTS,
    ("HEAD", ""): Operation.HEAD_BUCKET,
    ("PUT", ""): Operation.CREATE_BUCKET,
    ("DELETE", ""): Operation.DELETE_BUCKET,
    ("GET", "location"): Operation.GET_LOCATION,
    ("GET", "uploads"): Operation.LIST_UPLOADS,
    ("GET", "versions"): Operation.LIST_VERSIONS,
    ("POST", "delete"): Operation.DELETE_OBJECTS,
    **{("GET", name): Operation.GET_SETTING for name in SETTINGS},
    **{("PUT", name): Operation.PUT_SETTING for name in SETTINGS},
    **{
        ("DELETE", name): Operation.DELETE_SETTING
        for name in SETTINGS - {"acl", "notification", "versioning"}
    },
}
_OBJECT = {
    ("GET", ""): Operation.GET_OBJECT,
    ("HEAD", ""): Operation.HEAD_OBJECT,
    ("PUT", ""): Operation.PUT_OBJECT,
    ("DELETE", ""): Operation.DELETE_OBJECT,
    ("GET", "tagging"): Operation.GET_TAGGING,
    ("PUT", "tagging"): Operation.PUT_TAGGING,
    ("DELETE", "tagging"): Operation.DELETE_TAGGING,
    ("GET", "acl"): Operation.GET_ACL,
    ("POST", "uploads"): Operation.CREATE_UPLOAD,
    ("PUT", "uploadId"): Operation.UPLOAD_PART,
    ("GET", "uploadId"): Operation.LIST_PARTS,
    ("POST", "uploadId"): Operation.COMPLETE_UPLOAD,
    ("DELETE", "uploadId"): Operation.ABORT_UPLOAD,
}


def subresource_of(call: Call) -> str:
    """The part of a bucket or object that the query names, empty if none."""
    known = sorted(call.query.keys() & (SETTINGS | _REFUSED | _ADDRESSED))
    if len(known) > 1:
        raise S3Error(400, "InvalidRequest", f"The query names several things: {known}.")
    return known[0] if known else ""


def operation_of(call: Call) -> Operation:
    """Decide by method, address and query; raise NotImplemented or MethodNotAllowed."""
    part = subresource_of(call)
    if not call.bucket:
        if call.method == "GET" and not part:
            return Operation.LIST_BUCKETS
        raise S3Error(405, "MethodNotAllowed", "The specified method is not allowed here.")
    table = _OBJECT if call.key else _BUCKET
    operation = table.get((call.method, part))
    if operation is None:
        where = "objects" if call.key else "buckets"
        what = f"{call.method} ?{part}" if part else call.method
        raise not_implemented(f"{what} on {where}")
    if "x-amz-copy-source" in call.headers:
        return _COPIES.get(operation, operation)
    return operation


_COPIES = {
    Operation.PUT_OBJECT: Operation.COPY_OBJECT,
    Operation.UPLOAD_PART: Operation.UPLOAD_PART_COPY,
}
