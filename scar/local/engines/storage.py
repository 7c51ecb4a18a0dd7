"""What a sandbox mounts beside its image, and the resource limits of its processes."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# The numbers of Docker's names: asm-generic/resource.h. Python has no constant for some of them.
LIMIT_NUMBERS: Final[Mapping[str, int]] = {
    "cpu": 0,
    "fsize": 1,
    "data": 2,
    "stack": 3,
    "core": 4,
    "rss": 5,
    "nproc": 6,
    "nofile": 7,
    "memlock": 8,
    "locks": 10,
    "sigpending": 11,
    "msgqueue": 12,
    "nice": 13,
    "rtprio": 14,
    "rttime": 15,
}
# What Docker gives a tmpfs without options: https://docs.docker.com/engine/storage/tmpfs/
DEFAULT_TMPFS_OPTIONS: Final = ("noexec", "nosuid", "nodev")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderMount:
    """A folder of this machine, ``source``, at an absolute path of the sandbox."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TmpfsFolder:
    """A file system in memory; ``options`` are those of mount(8), after the default ones."""

    target: str
    size_mb: int
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimit:
    """A limit with a name of ``LIMIT_NUMBERS``."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxStorage:
    """All mounts and limits of one sandbox; ``shared_memory_mb`` is 0 for the default size."""

    folders: tuple[FolderMount, ...] = ()
    tmpfs: tuple[TmpfsFolder, ...] = ()
    shared_memory_mb: int = 0
    limits: tuple[ResourceLimit, ...] = ()


def highest_limit(name: str) -> int:
    """Return the hard limit of this process, which only root can exceed; -1: unlimited."""
    return resource.getrlimit(LIMIT_NUMBERS[name])[1]
