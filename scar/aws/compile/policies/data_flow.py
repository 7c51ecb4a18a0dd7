"""What one function reads, writes and calls. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model import names

if TYPE_CHECKING:
    from scar.aws.model.account import Account


@dataclass(frozen=True, slots=True)
class BucketFolder:
    """A folder of a bucket; the prefix ends with ``/`` or is empty for the whole bucket."""

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFlow:
    """What one function reads and writes, and where it may hand runs to (names, empty: nowhere).

    ``kms_keys`` are pairs of a bucket and the ARN of the key that encrypts it, ``vpc`` tells
    whether the function has network interfaces of its own, ``file_systems`` are pairs of ARNs:
    file system and access point. ``delegate`` is the ARN of the function that gets lost events.
    """

    account: Account
    function: str
    inputs: tuple[BucketFolder, ...] = ()
    outputs: tuple[BucketFolder, ...] = ()
    queue: str = ""
    kms_keys: tuple[tuple[str, str], ...] = ()
    in_vpc: bool = False
    file_systems: tuple[tuple[str, str], ...] = ()
    failure_handler: str = ""

    @property
    def run_records(self) -> BucketFolder:
        """Where the function's own records live."""
        return BucketFolder(names.state_bucket_name(self.account), f"runs/{self.function}/")
