"""Rules of containerProperties that only EC2 or only Fargate has (model: ContainerProperties)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.requests.rules.batch.common import client_exception
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_structure,
    get_structures,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINUX_ON_EC2 = ("devices", "maxSwap", "sharedMemorySize", "swappiness", "tmpfs")


def check_platform(container: Parameters, *, fargate: bool) -> Iterator[RuleViolation]:
    """Check that the platform has each field of the container."""
    platform = "FARGATE" if fargate else "EC2"
    for name in _fields_of_ec2(container) if fargate else _fields_of_fargate(container):
        yield client_exception(f"{name} is not applicable to {platform} jobs.")


def _fields_of_ec2(container: Parameters) -> Iterator[str]:
    yield from (name for name in ("privileged", "ulimits") if container.get(name))
    linux = get_structure(container, "linuxParameters")
    yield from (f"linuxParameters.{name}" for name in _LINUX_ON_EC2 if name in linux)
    if any("host" in volume for volume in get_structures(container, "volumes")):
        yield "volumes.host"


def _fields_of_fargate(container: Parameters) -> Iterator[str]:
    fields = ("networkConfiguration", "fargatePlatformConfiguration")
    yield from (name for name in fields if container.get(name))
