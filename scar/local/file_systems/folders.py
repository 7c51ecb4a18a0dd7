"""The folders of access points.

Functions and jobs that name the same access point share its folder. It is created when it is first
mounted, or by the user, who puts files there; only ``scar local reset`` deletes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.engines.port import EngineError
from scar.local.engines.storage import FolderMount

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ACCESS_POINT = re.compile(r"(?:arn:[^/]*[:/](?:.*/)?)?(fsap-[0-9a-f]{1,40})")
# Everybody in a sandbox can write, as with an access point that sets the user of all requests.
_MODE = 0o777


@dataclass(frozen=True, slots=True)
class FileSystemFolders:
    """The folders of all access points, below ``root``; without it there are none."""

    root: Path | None = None

    def mount(self, access_point: str, path: str, *, read_only: bool = False) -> FolderMount:
        """Return the mount of an access point (ARN or id); create its folder.

        Raise EngineError if that fails, or if a link is in its place.
        """
        found = _ACCESS_POINT.fullmatch(access_point)
        if found is None:
            raise EngineError(
                f"{access_point} is not the ARN or id of an access point.",
                remedy="Correct file_system.",
            )
        if self.root is None:
            raise EngineError(
                f"{access_point} cannot be mounted: there is no folder for it.",
                remedy="Start the local cloud with a state folder.",
            )
        folder = self.root / found[1]
        try:
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(_MODE)
        except OSError as error:
            raise EngineError(
                f"{folder} cannot be created: {error.strerror}.",
                remedy="Check the permissions and the disk of the state folder.",
            ) from error
        if folder.is_symlink() or not folder.is_dir():
            raise EngineError(
                f"{folder} must be a folder, not a file or a link.",
                remedy="Move it aside, and copy its files into a folder of this name.",
            )
        return FolderMount(source=str(folder), target=path, read_only=read_only)


def access_point_of(volume: Mapping[str, object]) -> str:
    """Return the access point of a job definition's volume, ARN or id; empty if it has none."""
    s3_files, efs = volume.get("s3filesVolumeConfiguration"), volume.get("efsVolumeConfiguration")
    if isinstance(s3_files, dict):
        return str(s3_files.get("accessPointArn") or "")
    access = efs.get("authorizationConfig") if isinstance(efs, dict) else None
    return str(access.get("accessPointId") or "") if isinstance(access, dict) else ""
