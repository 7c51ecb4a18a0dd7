"""What a sandbox mounts and its limits, in Docker's ContainerCreate request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scar.local.engines.storage import SandboxStorage


def add_storage(host: dict[str, object], storage: SandboxStorage) -> None:
    """Add the mounts and limits to a HostConfig, in place."""
    if storage.folders:
        host["Mounts"] = [
            {
                "Type": "bind",
                "Source": mount.source,
                "Target": mount.target,
                "ReadOnly": mount.read_only,
            }
            for mount in storage.folders
        ]
    if storage.tmpfs:
        host["Tmpfs"] = {
            mount.target: ",".join((f"size={mount.size_mb}m", *mount.options))
            for mount in storage.tmpfs
        }
    if storage.shared_memory_mb:
        host["ShmSize"] = storage.shared_memory_mb << 20
    if storage.limits:
        host["Ulimits"] = [
            {"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard} for limit in storage.limits
        ]
