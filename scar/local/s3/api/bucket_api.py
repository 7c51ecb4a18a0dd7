"""Operations on buckets and on the documents kept with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from scar.aws.requests.rules.s3 import bucket_tags
from scar.local.http.messages import Response
from scar.local.s3.protocol import notifications, xml
from scar.local.s3.protocol.errors import S3Error, malformed_xml, not_implemented
from scar.local.s3.protocol.event_messages import OWNER
from scar.local.s3.protocol.names import check_bucket
from scar.local.s3.protocol.operations import subresource_of
from scar.local.s3.storage import buckets
from scar.local.s3.storage.buckets import Bucket

if TYPE_CHECKING:
    from scar.local.s3.protocol.request import Call
    from scar.local.s3.storage.store import Store

_HOME = "us-east-1"

_ABSENT = {
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
_ROOTS = {
    "cors": "CORSConfiguration",
    "encryption": "ServerSideEncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "ownershipControls": "OwnershipControls",
    "publicAccessBlock": "PublicAccessBlockConfiguration",
    "tagging": "Tagging",
    "versioning": "VersioningConfiguration",
}


class BucketApi:
    """Each method is one operation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list_buckets(self, call: Call) -> Response:
        with self._store.database.read() as db:
            found = buckets.all_buckets(db)
        prefix = call.query.get("prefix", "")
        rows = (
            xml.tag(
                "Bucket",
                xml.text("Name", bucket.name),
                xml.text("CreationDate", xml.timestamp(bucket.created)),
                xml.text("BucketRegion", bucket.region),
            )
            for bucket in found
            if bucket.name.startswith(prefix)
        )
        owner = xml.tag("Owner", xml.text("ID", OWNER))
        return xml.document("ListAllMyBucketsResult", owner, xml.tag("Buckets", *rows))

    def create(self, call: Call) -> Response:
        check_bucket(call.bucket)
        if call.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true":
            raise not_implemented("Object Lock")
        root = _configuration(call)
        region, tags = _region(call, root), _tags(root)
        with self._store.database.write() as transaction:
            found = buckets.find(transaction.db, call.bucket)
            if found and (found.region != _HOME or region != _HOME or tags):
                raise S3Error(
                    409,
                    "BucketAlreadyOwnedByYou",
                    "Your previous request to create the named bucket succeeded and you already"
                    " own it.",
                    details={"BucketName": call.bucket},
                )
            if not found:
                bucket = Bucket(name=call.bucket, region=region, created=self._store.clock())
                buckets.create(transaction.db, bucket)
                if tags:
                    buckets.keep_setting(transaction.db, call.bucket, "tagging", tags)
        return Response(status=200, headers={"location": f"/{call.bucket}"})

    def head(self, call: Call) -> Response:
        with self._store.database.read() as db:
            bucket = buckets.need(db, call.bucket)
        return Response(status=200, headers={"x-amz-bucket-region": bucket.region})

    def delete(self, call: Call) -> Response:
        blobs = self._store.blobs
        with self._store.database.write() as transaction:
            buckets.need(transaction.db, call.bucket)
            if not buckets.is_empty(transaction.db, call.bucket):
                raise S3Error(
                    409,
                    "BucketNotEmpty",
                    "The bucket you tried to delete is not empty",
                    details={"BucketName": call.bucket},
                )
            files = buckets.delete(transaction.db, call.bucket)
            transaction.after_commit.append(lambda: blobs.remove(files))
        return Response(status=204)

    def location(self, call: Call) -> Response:
        with self._store.database.read() as db:
            region = buckets.need(db, call.bucket).region
        return xml.document("LocationConstraint", "" if region == _HOME else region)

    def get_setting(self, call: Call) -> Response:
        name = subresource_of(call)
        with self._store.database.read() as db:
            buckets.need(db, call.bucket)
            document = buckets.setting(db, call.bucket, name)
        if document is None:
            return _absent(call.bucket, name)
        kind = "application/json" if name == "policy" else "application/xml"
        return Response(status=200, headers={"content-type": kind}, body=document)

    def put_setting(self, call: Call) -> Response:
        name = subresource_of(call)
        document = call.document()
        with self._store.database.read() as db:
            bucket = buckets.need(db, call.bucket)
        match name:
            case "acl":
                return _put_acl(call)
            case "notification":
                document = self._notification(call, bucket, document)
            case "policy":
                _check_policy(document)
            case _:
                _check_document(name, document)
        with self._store.database.write() as transaction:
            buckets.need(transaction.db, call.bucket)
            buckets.keep_setting(transaction.db, call.bucket, name, document)
        return Response(status=204 if name in ("policy", "tagging") else 200)

    def delete_setting(self, call: Call) -> Response:
        with self._store.database.write() as transaction:
            buckets.need(transaction.db, call.bucket)
            buckets.drop_setting(transaction.db, call.bucket, subresource_of(call))
        return Response(status=204)

    def _notification(self, call: Call, bucket: Bucket, document: bytes) -> bytes:
        configuration = notifications.read(document)
        skip = call.headers.get("x-amz-skip-destination-validation", "").lower() == "true"
        exists = None if skip else self._store.destination_exists
        notifications.check(configuration, bucket.region, exists)
        return configuration.document()


def _configuration(call: Call) -> ET.Element:
    document = call.document()
    root = xml.parse(document) if document.strip() else ET.Element("CreateBucketConfiguration")
    if root.tag != "CreateBucketConfiguration":
        raise malformed_xml()
    return root


def _tags(root: ET.Element) -> bytes:
    """Return the document of the tags that the bucket is made with; empty without any."""
    pairs = [
        {name: tag.findtext(name) or "" for name in ("Key", "Value")}
        for tag in root.findall("Tags/Tag")
    ]
    for wrong in bucket_tags(pairs):
        raise S3Error(wrong.status, wrong.code, wrong.message)
    rows = (xml.tag("Tag", *(xml.text(name, v) for name, v in pair.items())) for pair in pairs)
    return xml.content("Tagging", xml.tag("TagSet", *rows)) if pairs else b""


def _region(call: Call, root: ET.Element) -> str:
    region = root.findtext("LocationConstraint")
    if region is None and call.region != _HOME:
        raise S3Error(
            400,
            "IllegalLocationConstraintException",
            "The unspecified location constraint is incompatible for the region specific"
            " endpoint this request was sent to.",
        )
    if region == "EU":
        return "eu-west-1"
    if region == _HOME or (region is not None and region.count("-") < 2):
        raise S3Error(
            400,
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
            details={"LocationConstraint": region},
        )
    if region is not None and call.region not in (_HOME, region):
        raise S3Error(
            400,
            "IllegalLocationConstraintException",
            f"The {region} location constraint is incompatible for the region specific endpoint"
            " this request was sent to.",
        )
    return region or _HOME


def _absent(bucket: str, name: str) -> Response:
    if name in _ABSENT:
        code, sentence = _ABSENT[name]
        raise S3Error(404, code, sentence, details={"BucketName": bucket})
    match name:
        case "acl":
            return acl_document()
        case "encryption":
            default = xml.tag("SSEAlgorithm", "AES256")
            by_default = xml.tag("ApplyServerSideEncryptionByDefault", default)
            rule = xml.tag("Rule", by_default, xml.flag("BucketKeyEnabled", value=False))
            return xml.document("ServerSideEncryptionConfiguration", rule)
        case "notification":
            return xml.document("NotificationConfiguration")
        case _:
            return xml.document(_ROOTS[name])


def acl_document() -> Response:
    """The owner may do all, nobody else anything: ACLs are off, as for all new buckets."""
    owner = xml.tag("Owner", xml.text("ID", OWNER))
    grantee = (
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:type="CanonicalUser">{xml.text("ID", OWNER)}</Grantee>'
    )
    grant = xml.tag("Grant", grantee, xml.text("Permission", "FULL_CONTROL"))
    return xml.document("AccessControlPolicy", owner, xml.tag("AccessControlList", grant))


def _put_acl(call: Call) -> Response:
    if call.headers.get("x-amz-acl") in ("private", "bucket-owner-full-control"):
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
    if root.tag != _ROOTS[name]:
        raise malformed_xml()
    if name == "versioning" and root.findtext("Status") == "Enabled":
        raise not_implemented("versioned buckets")
