"""S3's rules for names of buckets and keys. Source: S3 User Guide, naming rules."""

from __future__ import annotations

import re

from scar.local.s3.protocol.errors import S3Error

MAX_KEY_BYTES = 1024

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_BAD_START = ("xn--", "sthree-")
_BAD_END = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket_name(name: str) -> None:
    """Raise S3Error InvalidBucketName for an invalid name."""
    if (
        not _BUCKET.fullmatch(name)
        or ".." in name
        or _ADDRESS.fullmatch(name)
        or name.startswith(_BAD_START)
        or name.endswith(_BAD_END)
    ):
        raise S3Error(
            400,
            "InvalidBucketName",
            "The specified bucket is not valid.",
            details={"BucketName": name},
        )


def check_object_key(key: str) -> None:
    """Raise S3Error KeyTooLongError for a key of more than 1,024 bytes of UTF-8."""
    size = len(key.encode())
    if size > MAX_KEY_BYTES:
        raise S3Error(
            400,
            "KeyTooLongError",
            "Your key is too long",
            details={"Size": str(size), "MaxSizeAllowed": str(MAX_KEY_BYTES)},
        )
