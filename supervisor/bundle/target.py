"""The two platforms that a bundle can be built for, with their names in several tools."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from supervisor.bundle.errors import BundleError


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPlatform:
    """``name`` is Debian's and Docker's, ``machine`` the kernel's, ``triplet`` GNU's."""

    name: str
    machine: str
    triplet: str
    loader: str
    elf_machine: int


TARGETS = {
    "amd64": TargetPlatform(
        name="amd64",
        machine="x86_64",
        triplet="x86_64-linux-gnu",
        loader="ld-linux-x86-64.so.2",
        elf_machine=62,
    ),
    "arm64": TargetPlatform(
        name="arm64",
        machine="aarch64",
        triplet="aarch64-linux-gnu",
        loader="ld-linux-aarch64.so.1",
        elf_machine=183,
    ),
}


def find_target(name: str) -> TargetPlatform:
    """Return the target with this name; raise BundleError for any other name."""
    if name not in TARGETS:
        raise BundleError(
            f"There is no bundle for the architecture {name!r}.",
            remedy=f"Choose one of {', '.join(TARGETS)}.",
        )
    return TARGETS[name]


def host_target() -> TargetPlatform:
    """Return this machine's target; raise BundleError if it is not supported."""
    for candidate in TARGETS.values():
        if candidate.machine == platform.machine():
            return candidate
    raise BundleError(
        f"Bundles cannot be built on {platform.machine()}.",
        remedy="Use a Linux machine with an x86_64 or aarch64 processor.",
    )
