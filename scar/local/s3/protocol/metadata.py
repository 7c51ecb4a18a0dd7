"""An object's metadata: parsed from request headers, stored as JSON, sent as response headers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from scar.aws.model.limits import SSE_ALGORITHMS
from scar.local.s3.protocol.errors import S3Error, invalid_argument, not_implemented

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_USER_BYTES = 2048
MAX_TAGS = 10

_STORED_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)
_ENCRYPTION = "x-amz-server-side-encryption"
_USER_PREFIX = "x-amz-meta-"
_STORAGE_CLASSES = (
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "REDUCED_REDUNDANCY",
)


_FIELDS = ("headers", "user", "tags", "sums", "sums_type")
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectMetadata:
    """An object's metadata; ``headers`` and ``user`` by lower-case name, ``sums`` by algorithm.

    ``user`` are the ``x-amz-meta-`` headers without this prefix, ``sums`` the base64 checksums,
    ``sums_type`` is FULL_OBJECT or COMPOSITE.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    user: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    sums_type: str = ""

    def to_json(self) -> str:
        # Not asdict, which copies each part first.
        return _ENCODER.encode({name: getattr(self, name) for name in _FIELDS})

    @classmethod
    def from_json(cls, text: str) -> ObjectMetadata:
        return cls(**json.loads(text))

    @property
    def storage_class(self) -> str:
        return self.headers.get("x-amz-storage-class", "STANDARD")

    def response_headers(self) -> dict[str, str]:
        """Return the headers of GetObject and HeadObject, those with checksums excepted."""
        headers = {"content-type": "binary/octet-stream", **self.headers}
        if headers.get("x-amz-storage-class") == "STANDARD":
            del headers["x-amz-storage-class"]
        headers.setdefault("x-amz-server-side-encryption", "AES256")
        headers |= {_USER_PREFIX + name: value for name, value in self.user.items()}
        if self.tags:
            headers["x-amz-tagging-count"] = str(len(self.tags))
        return headers

    def encryption_headers(self) -> dict[str, str]:
        """Return the headers of the responses to writes that name the encryption."""
        names = (_ENCRYPTION, f"{_ENCRYPTION}-aws-kms-key-id")
        stored = {name: self.headers[name] for name in names if name in self.headers}
        return {_ENCRYPTION: "AES256", **stored}

    def checksum_headers(self) -> dict[str, str]:
        headers = {f"x-amz-checksum-{name}": value for name, value in self.sums.items()}
        if self.sums:
            headers["x-amz-checksum-type"] = self.sums_type
        return headers


def read_listed_metadata(stored: str) -> tuple[Iterable[str], str]:
    """Return the checksum algorithms and the storage class of metadata stored as JSON.

    A listing reads those of a thousand objects, so not all of their metadata.
    """
    content = _DECODER.raw_decode(stored)[0]
    return content["sums"], content["headers"].get("x-amz-storage-class", "STANDARD")


def parse_metadata(headers: Mapping[str, str]) -> ObjectMetadata:
    """Parse the request headers of a write; raise S3Error for features that are not emulated."""
    _reject_unsupported_headers(headers)
    stored = {name: headers[name] for name in _STORED_HEADERS if headers.get(name)}
    # aws-chunked encodes the request only; S3 does not store it.
    codings = [coding.strip() for coding in stored.pop("content-encoding", "").split(",")]
    if encoding := ",".join(coding for coding in codings if coding not in ("", "aws-chunked")):
        stored["content-encoding"] = encoding
    user = {
        name.removeprefix(_USER_PREFIX): v
        for name, v in headers.items()
        if name.startswith(_USER_PREFIX)
    }
    if sum(len(name) + len(value.encode()) for name, value in user.items()) > MAX_USER_BYTES:
        raise S3Error(
            400,
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            details={"MaxSizeAllowed": str(MAX_USER_BYTES)},
        )
    tagging = headers.get("x-amz-tagging")
    tags = validate_tags(parse_qsl(tagging, keep_blank_values=True)) if tagging else {}
    return ObjectMetadata(headers=stored, user=user, tags=tags)


def validate_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return object tags as a dictionary; raise S3Error for those that S3 rejects.

    S3 allows at most 10 tags, keys of 1 to 128 and values of up to 256 characters.
    """
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise S3Error(400, "InvalidTag", "Cannot provide multiple Tags with the same key")
    if len(tags) > MAX_TAGS:
        raise S3Error(400, "BadRequest", "Object tags cannot be greater than 10")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128:
            raise S3Error(400, "InvalidTag", "The TagKey you have provided is invalid")
        if len(value) > 256:
            raise S3Error(400, "InvalidTag", "The TagValue you have provided is invalid")
    return tags


_UNSUPPORTED_HEADERS = {
    "x-amz-object-lock-": "Object Lock",
    "x-amz-server-side-encryption-customer-": "encryption with customer-provided keys",
    "x-amz-copy-source-server-side-encryption-customer-": "encryption with customer-provided keys",
    "x-amz-write-offset-bytes": "appending to objects",
    "x-amz-rename-source": "renaming objects",
}

_UNUSUAL_PREFIXES = (*_UNSUPPORTED_HEADERS, "x-amz-grant-")


def _reject_unsupported_headers(headers: Mapping[str, str]) -> None:
    own = [name for name in headers if name.startswith(_UNUSUAL_PREFIXES)]
    for prefix, feature in _UNSUPPORTED_HEADERS.items():
        if any(name.startswith(prefix) for name in own):
            raise not_implemented(feature)
    acl = headers.get("x-amz-acl", "private")
    grants = any(name.startswith("x-amz-grant-") for name in own)
    if grants or acl not in ("private", "bucket-owner-full-control"):
        raise S3Error(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
    storage_class = headers.get("x-amz-storage-class", "STANDARD")
    if storage_class in ("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "EXPRESS_ONEZONE", "OUTPOSTS"):
        raise not_implemented(f"the storage class {storage_class}")
    if storage_class not in _STORAGE_CLASSES:
        raise S3Error(400, "InvalidStorageClass", "The storage class you specified is not valid")
    encryption = headers.get(_ENCRYPTION, "AES256")
    if encryption not in SSE_ALGORITHMS:
        raise invalid_argument("The encryption method specified is not supported")
    if encryption == "AES256" and f"{_ENCRYPTION}-aws-kms-key-id" in headers:
        raise invalid_argument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header"
            f" {_ENCRYPTION} : aws:kms",
            name=_ENCRYPTION,
            value=headers.get(_ENCRYPTION, "null"),
        )
