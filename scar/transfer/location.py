"""Parses where objects are: a bucket and, optionally, a folder in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from scar.errors import UsageError

MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

# A storage provider of the FDL before the bucket: `minio.lab:bucket`, `webdav.cloud:folder`.
_OTHER_STORE = re.compile(r"(?P<kind>minio|webdav|onedata|s3)(\.[A-Za-z0-9_-]+)?:(?!//)")
_CLIENTS = {
    "s3": " or `aws s3 --profile`",
    "minio": " or `mc`",
    "webdav": "",
    "onedata": " or oneclient",
}


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket and a path in it, as written: a key or the name of a folder.

    Only one slash is left out, that between the bucket and the path: ``bucket//x`` is the key
    ``/x``. A path that ends in a slash is a folder, or a key that ends so. An empty one means all
    objects.
    """

    bucket: str
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``bucket``, ``bucket/folder`` or ``s3://bucket/folder/``; raise UsageError."""
        if found := _OTHER_STORE.match(text):
            raise UsageError(
                f"{text!r} is in another store ({found['kind']}); put, get, ls and run are for S3"
                " of the account.",
                remedy=f"Use a client of that store, such as rclone{_CLIENTS[found['kind']]}.",
            )
        after_scheme = text.removeprefix("s3://") if "://" in text else text.lstrip("/")
        bucket, _, path = after_scheme.partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise UsageError(
                f"{text!r} does not start with a valid bucket name.",
                remedy="Write bucket or bucket/folder; a bucket name has 3 to 63 characters:"
                " a-z, 0-9, '.' and '-'.",
            )
        return cls(bucket, path)

    @property
    def prefix(self) -> str:
        """The prefix of the keys in the folder: ``folder/``, or empty."""
        return self.path if not self.path or self.path.endswith("/") else f"{self.path}/"

    @property
    def has_empty_part(self) -> bool:
        """Whether two slashes follow each other, so that a part of the path is empty."""
        return "//" in f"/{self.prefix}"

    def __str__(self) -> str:
        return f"{self.bucket}/{self.path}" if self.path else self.bucket
