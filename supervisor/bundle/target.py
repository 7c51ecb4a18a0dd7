"""The two machines that a bundle can be for, in everybody's words."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from supervisor.bundle.errors import BundleError


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPlatform:
    """``name`` is Debian's and Docker's word, ``machine`` the kernel's, ``triplet`` GNU's."""

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
    """Find a target by its name; raise BundleError for others."""
    if name not in TARGETS:
        raise BundleError(
            f"No bundle can be built for {name!r}.", remedy=f"Choose one of {', '.join(TARGETS)}."
        )
    return TARGETS[name]


def host_target() -> TargetPlatform:
    """Find this machine's target; raise BundleError if there is none."""
    for candidate in TARGETS.values():
        if candidate.machine == platform.machine():
            return candidate
    raise BundleError(
        f"Bundles cannot be built on {platform.machine()}.",
        remedy="Use a Linux machine with an x86_64 or aarch64 processor.",
    )
