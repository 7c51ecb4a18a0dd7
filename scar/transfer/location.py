"""Where objects lie: a bucket and, perhaps, a folder in it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from scar.errors import UsageError

MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket and a path in it, without slashes at its ends; empty for the whole bucket."""

    bucket: str
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``bucket/folder``, as people write it; raise UsageError if it is none."""
        bucket, _, path = text.removeprefix("s3://").strip("/").partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise UsageError(
                f"{text!r} does not begin with a bucket's name.",
                remedy="Write bucket or bucket/folder; a name is 3 to 63 of a-z, 0-9, '.' and '-'.",
            )
        return cls(bucket, path.strip("/"))

    @property
    def prefix(self) -> str:
        """What the keys of the folder begin with: ``folder/``, or nothing."""
        return f"{self.path}/" if self.path else ""

    def __str__(self) -> str:
        return f"{self.bucket}/{self.path}" if self.path else self.bucket
