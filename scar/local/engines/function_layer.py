"""Extracts the function's own files from its image, for the engine without a root file system."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from scar.local.engines.port import EngineError

if TYPE_CHECKING:
    from scar.local.engines.port import LocalLayer

SCAR_FOLDER: Final = PurePosixPath("opt/scar")


def unpack_function_layer(layer: LocalLayer, target: Path) -> None:
    """Extract the layer's ``opt/scar/`` to ``target``, atomically; do nothing if it exists.

    Other folders of the layer are skipped. Raise EngineError for a layer that is damaged, points
    outside its root, or contains anything but files and folders.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    try:
        with tarfile.open(layer.path, "r:*") as archive:
            for member in archive:
                _extract_member(archive, member, partial, layer)
        partial.chmod(0o755)
        partial.rename(target)
    except (tarfile.TarError, OSError, EOFError) as error:
        if target.exists():  # another thread was faster
            return
        raise EngineError(
            f"The layer {layer.digest} cannot be unpacked: {error}.",
            remedy="Run `scar init` again to store the image again.",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, layer: LocalLayer
) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise EngineError(
            f"The layer {layer.digest} contains {member.name!r}, which points outside its root.",
            remedy="Rebuild the image with `scar init`, which writes no such layer.",
        )
    if not path.is_relative_to(SCAR_FOLDER):
        return
    destination = folder / path.relative_to(SCAR_FOLDER)
    if member.isdir():
        destination.mkdir(parents=True, exist_ok=True)
        return
    source = archive.extractfile(member) if member.isreg() else None
    if source is None:
        raise EngineError(
            f"The layer {layer.digest} contains {member.name!r}, which is neither file nor folder.",
            remedy="Rebuild the image with `scar init`, which writes no such layer.",
        )
    destination.parent.mkdir(parents=True, exist_ok=True)
    with source, destination.open("xb") as file:
        shutil.copyfileobj(source, file)
    os.chmod(destination, 0o755 if member.mode & 0o100 else 0o644)  # noqa: PTH101
