"""EC2's instance types: which of them a compute environment can start, and which fit a job.

Families that the table does not know are not judged: AWS adds families every year.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scar.aws.model.instance_sizes import SIZES
from scar.meter import format_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MIB_PER_GIB = 1024
# The families behind Batch's names of groups (model: ComputeResource.instanceTypes).
_X86_DEFAULTS = ("c6i", "c7i", "m6i", "r6i")
_ARM_DEFAULTS = ("c6g", "c7g", "m6g", "r6g")
FAMILY_GROUPS: Mapping[str, tuple[str, ...]] = {
    "optimal": _X86_DEFAULTS,
    "default_x86_64": _X86_DEFAULTS,
    "default_arm64": _ARM_DEFAULTS,
}
# The cheapest family whose largest type has enough GPUs: 4 and 8.
_GPU_DEFAULTS = ("g4dn", "g5")
# GPU families whose GPUs the image type ECS_AL2023_NVIDIA does not support. The model of
# Ec2Configuration.imageType names p3, g3 and all Graviton families; the drivers of Amazon Linux
# 2023 need NVIDIA's Turing architecture or a later one, and g4ad has GPUs of AMD. ECS_AL2_NVIDIA,
# which supports p3 and g3, is blocked for new environments since 2026-06-30.
_UNSUPPORTED_GPUS: Mapping[str, str] = {
    "g2": "its GPUs need an older driver",
    "g3": "its GPUs need an older driver",
    "g3s": "its GPUs need an older driver",
    "p2": "its GPUs need an older driver",
    "p3": "its GPUs need an older driver",
    "p3dn": "its GPUs need an older driver",
    "g4ad": "its GPUs are not NVIDIA's",
    "g5g": "it is a Graviton family",
}
# Accelerators that are no GPUs: AWS's Trainium and Inferentia, Habana's Gaudi, Qualcomm's, video
# transcoders, FPGAs (docs: "Amazon EC2 instance types", accelerated computing).
_OTHER_ACCELERATORS = re.compile(r"(trn|inf|dl|vt|f)\d.*")
# The agent's and the kernel's memory is not available to jobs (docs: "Compute resource memory
# management"): of 8,192 MiB of an m4.large, 7,985 are visible, of which the agent reserves 32.
_AGENT_MIB = 32
_MOST_USABLE = 7985 / 8192
# Larger instance types keep up to 5 % for the kernel (observed: registered ECS instances).
_SURELY_USABLE = 0.95


@dataclass(frozen=True, slots=True, order=True)
class InstanceType:
    """One instance type; ``memory`` is the advertised memory in MiB."""

    vcpus: int
    memory: int
    name: str
    gpus: int = 0
    architecture: Literal["x86_64", "arm64"] = "x86_64"

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def most_usable_memory(self) -> int:
        """The most memory in MiB that a job can have on it: one with more never starts."""
        return int(self.memory * _MOST_USABLE) - _AGENT_MIB

    @property
    def surely_usable_memory(self) -> int:
        """The memory in MiB that a job can have on it without doubt."""
        return int(self.memory * _SURELY_USABLE) - _AGENT_MIB

    def fits(self, vcpus: float, memory: int, gpus: int = 0) -> bool:
        """Return whether a job may fit: memory close to the instance's is not refused."""
        return vcpus <= self.vcpus and memory <= self.most_usable_memory and gpus <= self.gpus

    def __str__(self) -> str:
        gpus = f", {self.gpus} GPU" if self.gpus else ""
        return f"{self.name} ({format_count(self.vcpus, 'vCPU')}, {self.memory:,} MiB{gpus})"


@functools.cache
def instance_families() -> Mapping[str, tuple[InstanceType, ...]]:
    """Return the instance types of each known family, smallest first."""
    families: dict[str, list[InstanceType]] = {}
    for paragraph in SIZES.strip().replace("\n  ", " ").splitlines():
        names, architecture, *sizes = paragraph.split()
        for family in names.split(","):
            for text in sizes:
                size, _, numbers = text.partition("=")
                vcpus, gib, *gpus = numbers.split(":")
                families.setdefault(family, []).append(
                    InstanceType(
                        int(vcpus),
                        int(float(gib) * MIB_PER_GIB),
                        f"{family}.{size}",
                        int(gpus[0]) if gpus else 0,
                        "arm64" if architecture == "arm64" else "x86_64",
                    )
                )
    return {family: tuple(sorted(types)) for family, types in families.items()}


def find_instance_types(names: Iterable[str]) -> tuple[InstanceType, ...] | None:
    """Return the instance types of these names, smallest first.

    A name is a type, a family, or one of Batch's groups of families. None if one of them is not
    in the table, or is a bare-metal size: then the choice is not known.
    """
    found: set[InstanceType] = set()
    for name in names:
        family, has_size, _ = name.partition(".")
        families = FAMILY_GROUPS.get(name, (family,))
        types = [t for f in families for t in instance_families().get(f, ())]
        matching = [t for t in types if not has_size or t.name == name]
        if not matching:
            return None
        found.update(matching)
    return tuple(sorted(found))


def known_architecture(name: str) -> str:
    """Return the architecture of an instance type, family or group; empty if it is not known."""
    family = FAMILY_GROUPS.get(name, (name.partition(".")[0],))[0]
    types = instance_families().get(family, ())
    return types[0].architecture if types else ""


def unsupported_gpu(name: str) -> str:
    """Return why ECS_AL2023_NVIDIA does not serve an instance type or family; empty if it does."""
    family = name.partition(".")[0]
    if _OTHER_ACCELERATORS.fullmatch(family):
        return "its accelerators are not GPUs"
    return _UNSUPPORTED_GPUS.get(family, "")


def default_instance_types(architecture: str, *, gpus: int) -> tuple[str, ...]:
    """Return the families that jobs run on if the FDL names none; ``gpus`` are those of a job.

    ``optimal`` is Batch's older name of ``default_x86_64``. No group has GPUs.
    """
    if architecture == "arm64":
        return ("g5g",) if gpus else ("default_arm64",)
    if not gpus:
        return ("optimal",)
    large_enough = (f for f in _GPU_DEFAULTS if max(t.gpus for t in instance_families()[f]) >= gpus)
    return (next(large_enough, _GPU_DEFAULTS[-1]),)


def fitting_types(
    types: Iterable[InstanceType], vcpus: float, memory: int, gpus: int = 0
) -> tuple[InstanceType, ...]:
    """Return the types that a job fits, smallest first; ``memory`` in MiB."""
    return tuple(sorted(t for t in types if t.fits(vcpus, memory, gpus)))


_SUGGESTED = re.compile(r"(?:[cmr][5-9]\w*|t4g|g4dn|g5|g6|p4d|p5)\.")


def suggest_type(
    architecture: str, vcpus: float, memory: int, gpus: int = 0
) -> InstanceType | None:
    """Return the smallest known instance type that certainly fits a job; None if none does.

    Types of present generations come first, and whole GPUs.
    """
    fitting = (
        t
        for types in instance_families().values()
        for t in types
        if t.architecture == architecture
        and t.fits(vcpus, memory, gpus)
        and memory <= t.surely_usable_memory
        and bool(t.gpus) == bool(gpus)
        and not (gpus and unsupported_gpu(t.name))
    )
    return min(
        fitting,
        key=lambda t: (not _SUGGESTED.match(t.name), t.vcpus, t.memory, t.name),
        default=None,
    )
