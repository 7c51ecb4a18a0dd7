"""The resource limits (ulimits) of containers in AWS Batch, by Docker's names."""

from __future__ import annotations

from typing import Final, Literal, get_args

UlimitName = Literal[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
]  # model: Batch, Ulimit.name
ULIMIT_NAMES: Final = frozenset(get_args(UlimitName))
UNLIMITED: Final = -1


def exceeds_hard_limit(soft: float, hard: float) -> bool:
    """Return whether the soft limit is above the hard one, which the kernel refuses."""
    return hard != UNLIMITED and (soft == UNLIMITED or soft > hard)
