"""Refuses mounts and limits that functions and jobs would not get here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from scar.local.engines.storage import LIMIT_NUMBERS, highest_limit
from scar.local.engines.tmpfs_options import unsupported_option
from scar.local.file_systems.folders import access_point_of
from scar.local.moto.error_responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.local.engines.port import Engine
    from scar.local.moto.calls import MotoCall


@dataclass(frozen=True, slots=True)
class StorageGuard:
    """Refuses mounts and limits that this engine, or this user, cannot give.

    ``can_mount`` is the engine's guarantee; ``can_raise``: limits above those of this process.
    """

    engine: str
    can_mount: bool
    can_raise: bool

    @classmethod
    def for_engine(cls, engine: Engine) -> Self:
        """Return the guard for an engine of this process; Docker sets limits as root."""
        return cls(
            engine=engine.name,
            can_mount=engine.guarantees.storage,
            can_raise=os.geteuid() == 0 or engine.name == "docker",
        )

    def check_change(self, call: MotoCall) -> ApiError | None:
        """Return the error for a function or job definition that could not run here, or None."""
        reason = next(self._refusals(call), "")
        return ApiError(code="NotImplemented", message=reason, status=501) if reason else None

    def _refusals(self, call: MotoCall) -> Iterator[str]:
        if call.service == "lambda" and call.parameters.get("FileSystemConfigs"):
            yield from self._refuse_mounts("FileSystemConfigs of functions")
        if (call.service, call.operation) != ("batch", "RegisterJobDefinition"):
            return
        container = call.parameters.get("containerProperties")
        if not isinstance(container, dict):
            return
        for key in ("volumes", "mountPoints", "linuxParameters", "ulimits"):
            if container.get(key):
                yield from self._refuse_mounts(f"containerProperties.{key}")
        yield from _refuse_volumes(container)
        yield from _refuse_options(container)
        yield from self._refuse_limits(container)

    def _refuse_mounts(self, what: str) -> Iterator[str]:
        if not self.can_mount:
            yield (
                f"The {self.engine} engine of the local cloud has no {what}: its scripts see this"
                " machine's own files and limits. Use the sandbox or docker engine: `scar local"
                " stop`, then `scar local start --engine sandbox`."
            )

    def _refuse_limits(self, container: Mapping[str, object]) -> Iterator[str]:
        if self.can_raise:
            return
        for limit in _items(container, "ulimits"):
            name, hard = str(limit.get("name", "")), limit.get("hardLimit")
            highest = highest_limit(name) if name in LIMIT_NUMBERS else -1
            if highest != -1 and isinstance(hard, int) and (hard > highest or hard == -1):
                yield (
                    f"The local cloud cannot set the limit {name} to {hard} (containerProperties"
                    f".ulimits): without root, the highest is {highest}, the hard limit of the user"
                    " who started it."
                )


def _refuse_volumes(container: Mapping[str, object]) -> Iterator[str]:
    for volume in _items(container, "volumes"):
        if not access_point_of(volume):
            name = volume.get("name", "")
            yield (
                f"The local cloud does not emulate the volume {name} (containerProperties"
                ".volumes): only access points of EFS and S3 Files are folders here."
            )


def _refuse_options(container: Mapping[str, object]) -> Iterator[str]:
    linux = container.get("linuxParameters")
    for mount in _items(linux if isinstance(linux, dict) else {}, "tmpfs"):
        options = mount.get("mountOptions")
        if option := unsupported_option(map(str, options if isinstance(options, list) else ())):
            yield (
                f"The local cloud does not emulate the mount option {option} (containerProperties"
                ".linuxParameters.tmpfs.mountOptions)."
            )


def _items(container: Mapping[str, object], key: str) -> list[dict[str, object]]:
    value = container.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
