"""Operations on buckets and on their settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from scar.aws.requests.rules.s3 import check_bucket_tags
from scar.local.http.messages import Response
from scar.local.http.regions import find_region_error
from scar.local.s3.protocol import notifications, xml
from scar.local.s3.protocol.bucket_policy import check_encryption_policy
from scar.local.s3.protocol.errors import S3Error, malformed_xml, not_implemented
from scar.local.s3.protocol.event_messages import OWNER
from scar.local.s3.protocol.names import check_bucket_name
from scar.local.s3.protocol.operations import find_subresource
from scar.local.s3.storage import buckets
from scar.local.s3.storage.buckets import BucketRow

if TYPE_CHECKING:
    import sqlite3

    from scar.local.s3.protocol.request import S3Request
    from scar.local.s3.storage.store import LocalObjectStore

_HOME_REGION = "us-east-1"

_MISSING_ERRORS = {
    "cors": ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "lifecycle": (
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    ),
    "ownershipControls": (
        "OwnershipControlsNotFoundError",
        "The bucket ownership controls were not found",
    ),
    "policy": ("NoSuchBucketPolicy", "The bucket policy does not exist"),
    "publicAccessBlock": (
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    ),
    "tagging": ("NoSuchTagSet", "The TagSet does not exist"),
}
_ROOT_ELEMENTS = {
    "cors": "CORSConfiguration",
    "encryption": "ServerSideEncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "ownershipControls": "OwnershipControls",
    "publicAccessBlock": "PublicAccessBlockConfiguration",
    "tagging": "Tagging",
    "versioning": "VersioningConfiguration",
}


class BucketApi:
    """The operations on buckets: one method each."""

    def __init__(self, store: LocalObjectStore) -> None:
        self._store = store

    def list_buckets(self, request: S3Request) -> Response:
        with self._store.database.read() as db:
            all_buckets = buckets.list_buckets(db)
        prefix = request.query.get("prefix", "")
        rows = (
            xml.tag(
                "Bucket",
                xml.text("Name", bucket.name),
                xml.text("CreationDate", xml.format_timestamp(bucket.created)),
                xml.text("BucketRegion", bucket.region),
            )
            for bucket in all_buckets
            if bucket.name.startswith(prefix)
        )
        owner = xml.tag("Owner", xml.text("ID", OWNER))
        return xml.xml_response("ListAllMyBucketsResult", owner, xml.tag("Buckets", *rows))

    def create(self, request: S3Request) -> Response:
        check_bucket_name(request.bucket)
        if request.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true":
            raise not_implemented("Object Lock")
        root = _parse_configuration(request)
        region, tags = _choose_region(request, root), _parse_tags(root)
        with self._store.database.write() as transaction:
            existing = buckets.find(transaction.db, request.bucket)
            # In us-east-1 only, creating one's own bucket again succeeds (CreateBucket).
            if existing and (existing.region != _HOME_REGION or region != _HOME_REGION or tags):
                raise S3Error(
                    409,
                    "BucketAlreadyOwnedByYou",
                    "Your previous request to create the named bucket succeeded and you already"
                    " own it.",
                    details={"BucketName": request.bucket},
                )
            if not existing:
                bucket = BucketRow(name=request.bucket, region=region, created=self._store.clock())
                buckets.create(transaction.db, bucket)
                if tags:
                    buckets.put_setting(transaction.db, request.bucket, "tagging", tags)
        return Response(status=200, headers={"location": f"/{request.bucket}"})

    def head(self, request: S3Request) -> Response:
        with self._store.database.read() as db:
            bucket = buckets.require(db, request.bucket)
        return Response(status=200, headers={"x-amz-bucket-region": bucket.region})

    def delete(self, request: S3Request) -> Response:
        body_files = self._store.body_files
        with self._store.database.write() as transaction:
            buckets.require(transaction.db, request.bucket)
            if not buckets.is_empty(transaction.db, request.bucket):
                raise S3Error(
                    409,
                    "BucketNotEmpty",
                    "The bucket you tried to delete is not empty",
                    details={"BucketName": request.bucket},
                )
            files = buckets.delete(transaction.db, request.bucket)
            transaction.after_commit.append(lambda: body_files.remove(files))
        return Response(status=204)

    def get_location(self, request: S3Request) -> Response:
        with self._store.database.read() as db:
            region = buckets.require(db, request.bucket).region
        return xml.xml_response("LocationConstraint", "" if region == _HOME_REGION else region)

    def get_setting(self, request: S3Request) -> Response:
        name = find_subresource(request)
        with self._store.database.read() as db:
            buckets.require(db, request.bucket)
            document = buckets.read_setting(db, request.bucket, name)
        if document is None:
            return _missing_setting_response(request.bucket, name)
        content_type = "application/json" if name == "policy" else "application/xml"
        return Response(status=200, headers={"content-type": content_type}, body=document)

    def put_setting(self, request: S3Request) -> Response:
        name = find_subresource(request)
        document = request.read_document()
        with self._store.database.read() as db:
            bucket = buckets.require(db, request.bucket)
        match name:
            case "acl":
                return _check_acl_header(request)
            case "notification":
                document = self._parse_notification(request, bucket, document)
            case "policy":
                _check_policy(document)
            case _:
                _check_document(name, document)
        # Validated outside the transaction (``destination_exists`` calls moto), so the bucket
        # may have been deleted since then.
        with self._store.database.write() as transaction:
            buckets.require(transaction.db, request.bucket)
            buckets.put_setting(transaction.db, request.bucket, name, document)
        return Response(status=204 if name in ("policy", "tagging") else 200)

    def delete_setting(self, request: S3Request) -> Response:
        with self._store.database.write() as transaction:
            buckets.require(transaction.db, request.bucket)
            buckets.delete_setting(transaction.db, request.bucket, find_subresource(request))
        return Response(status=204)

    def _parse_notification(self, request: S3Request, bucket: BucketRow, document: bytes) -> bytes:
        configuration = notifications.parse_configuration(document)
        skip = request.headers.get("x-amz-skip-destination-validation", "").lower() == "true"
        exists = None if skip else self._store.destination_exists
        notifications.check_configuration(configuration, bucket.region, exists)
        return configuration.to_xml()


def _parse_configuration(request: S3Request) -> ET.Element:
    document = request.read_document()
    root = xml.parse(document) if document.strip() else ET.Element("CreateBucketConfiguration")
    if root.tag != "CreateBucketConfiguration":
        raise malformed_xml()
    return root


def _parse_tags(root: ET.Element) -> bytes:
    """Return the tagging document for the tags in CreateBucket; empty if it has none."""
    pairs = [
        {name: tag.findtext(name) or "" for name in ("Key", "Value")}
        for tag in root.findall("Tags/Tag")
    ]
    for violation in check_bucket_tags(pairs):
        raise S3Error(violation.status, violation.code, violation.message)
    rows = (xml.tag("Tag", *(xml.text(name, v) for name, v in pair.items())) for pair in pairs)
    return xml.encode_document("Tagging", xml.tag("TagSet", *rows)) if pairs else b""


def _choose_region(request: S3Request, root: ET.Element) -> str:
    region = root.findtext("LocationConstraint")
    if region is None and request.region != _HOME_REGION:
        raise S3Error(
            400,
            "IllegalLocationConstraintException",
            "The unspecified location constraint is incompatible for the region specific"
            " endpoint this request was sent to.",
        )
    if region == "EU":  # the oldest constraint, an alias
        return "eu-west-1"
    problem = find_region_error(region) if region is not None else ""
    if region == _HOME_REGION or problem:
        raise S3Error(
            400,
            "InvalidLocationConstraint",
            f"The specified location-constraint is not valid. {problem}".rstrip(),
            details={"LocationConstraint": region or ""},
        )
    if region is not None and request.region not in (_HOME_REGION, region):
        raise S3Error(
            400,
            "IllegalLocationConstraintException",
            f"The {region} location constraint is incompatible for the region specific endpoint"
            " this request was sent to.",
        )
    return region or _HOME_REGION


def _missing_setting_response(bucket: str, name: str) -> Response:
    if name in _MISSING_ERRORS:
        code, message = _MISSING_ERRORS[name]
        raise S3Error(404, code, message, details={"BucketName": bucket})
    match name:
        case "acl":
            return acl_response()
        case "encryption":
            algorithm = xml.tag("SSEAlgorithm", "AES256")
            default = xml.tag("ApplyServerSideEncryptionByDefault", algorithm)
            rule = xml.tag("Rule", default, xml.flag("BucketKeyEnabled", value=False))
            return xml.xml_response("ServerSideEncryptionConfiguration", rule)
        case "notification":
            return xml.xml_response("NotificationConfiguration")
        case _:
            return xml.xml_response(_ROOT_ELEMENTS[name])


def require_writable(db: sqlite3.Connection, request: S3Request) -> None:
    """Raise NoSuchBucket, or AccessDenied if the bucket's policy denies the write."""
    check_policy(buckets.require(db, request.bucket), request)


def check_policy(bucket: BucketRow, request: S3Request) -> None:
    """Raise AccessDenied if the bucket's policy denies the write."""
    check_encryption_policy(bucket.policy, request.bucket, request.key, request.headers)


def acl_response() -> Response:
    """Return the ACL of every bucket and object: full control for the owner.

    ACLs are disabled, as by default for new buckets ("bucket owner enforced").
    """
    owner = xml.tag("Owner", xml.text("ID", OWNER))
    grantee = (
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:type="CanonicalUser">{xml.text("ID", OWNER)}</Grantee>'
    )
    grant = xml.tag("Grant", grantee, xml.text("Permission", "FULL_CONTROL"))
    return xml.xml_response("AccessControlPolicy", owner, xml.tag("AccessControlList", grant))


def _check_acl_header(request: S3Request) -> Response:
    if request.headers.get("x-amz-acl") in ("private", "bucket-owner-full-control"):
        return Response(status=200)
    raise S3Error(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")


def _check_policy(document: bytes) -> None:
    try:
        policy = json.loads(document)
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise S3Error(400, "MalformedPolicy", "Policies must be valid JSON with a Statement")


def _check_document(name: str, document: bytes) -> None:
    root = xml.parse(document)
    if root.tag != _ROOT_ELEMENTS[name]:
        raise malformed_xml()
    if name == "versioning" and root.findtext("Status") == "Enabled":
        raise not_implemented("versioned buckets")
