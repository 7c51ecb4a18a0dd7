"""The folders that start functions and receive their outputs: how functions start each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supervisor.model import OutputRule


@dataclass(frozen=True, slots=True, order=True)
class WatchedFolder:
    """A notification of S3: new objects whose keys have this prefix and suffix start a function."""

    bucket: str
    prefix: str = ""
    suffix: str = ""

    def __str__(self) -> str:
        return f"{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionLinks:
    """What starts a function, and where it writes.

    ``allow_loop``: its outputs may start it again, directly or through other functions.
    ``is_deployed``: it is not a part of this deployment, but exists in the account.
    """

    name: str
    inputs: tuple[WatchedFolder, ...] = ()
    outputs: tuple[OutputRule, ...] = ()
    allow_loop: bool = False
    is_deployed: bool = False
