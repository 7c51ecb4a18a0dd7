"""What a job mounts and its limits, from the container properties of its definition."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scar.local.engines.storage import ResourceLimit, SandboxStorage, TmpfsFolder
from scar.local.file_systems import access_point_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.file_systems import FileSystemFolders

STORAGE_KEYS = ("volumes", "mountPoints", "linuxParameters", "ulimits")


def storage_to_json(container: Mapping[str, Any]) -> str:
    """Return the storage of container properties as JSON; empty if there is none."""
    storage = {key: container[key] for key in STORAGE_KEYS if container.get(key)}
    return json.dumps(storage) if storage else ""


def storage_from_json(text: str) -> dict[str, Any]:
    """Return the storage as container properties have it."""
    storage: dict[str, Any] = json.loads(text) if text else {}
    return storage


def sandbox_storage(text: str, folders: FileSystemFolders) -> SandboxStorage:
    """Return the mounts and limits of a sandbox; raise EngineError if a folder is unusable."""
    storage = storage_from_json(text)
    linux = storage.get("linuxParameters") or {}
    points = {v.get("name", ""): access_point_of(v) for v in storage.get("volumes") or ()}
    return SandboxStorage(
        folders=tuple(
            folders.mount(
                points.get(point.get("sourceVolume", ""), ""),
                point.get("containerPath", ""),
                read_only=bool(point.get("readOnly")),
            )
            for point in storage.get("mountPoints") or ()
        ),
        tmpfs=tuple(
            TmpfsFolder(
                target=item["containerPath"],
                size_mb=int(item["size"]),
                options=tuple(item.get("mountOptions") or ()),
            )
            for item in linux.get("tmpfs") or ()
        ),
        shared_memory_mb=int(linux.get("sharedMemorySize") or 0),
        limits=tuple(
            ResourceLimit(name=item["name"], soft=item["softLimit"], hard=item["hardLimit"])
            for item in storage.get("ulimits") or ()
        ),
    )
