"""Take the function's own files out of its image, for an engine that has no root file system."""

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
    """Write what the layer holds under ``opt/scar/`` to ``target``, all of it or nothing.

    Only plain files and folders are taken; what is elsewhere in the layer is left out. Does
    nothing if the target is there. Raise EngineError for a layer that reaches out of its
    folder, or cannot be read.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    try:
        with tarfile.open(layer.path, "r:*") as archive:
            for member in archive:
                _extract_member(archive, member, fresh, layer)
        fresh.chmod(0o755)
        fresh.rename(target)
    except (tarfile.TarError, OSError, EOFError) as error:
        if target.exists():  # another thread was faster
            return
        raise EngineError(
            f"The layer {layer.digest} cannot be unpacked: {error}.",
            remedy="Run `scar init` again, which stores the image anew.",
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _extract_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, layer: LocalLayer
) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise EngineError(
            f"The layer {layer.digest} holds {member.name!r}, outside of its own folder.",
            remedy="Rebuild the image; scar composes no such layer.",
        )
    if not path.is_relative_to(SCAR_FOLDER):
        return
    goal = folder / path.relative_to(SCAR_FOLDER)
    if member.isdir():
        goal.mkdir(parents=True, exist_ok=True)
        return
    source = archive.extractfile(member) if member.isreg() else None
    if source is None:
        raise EngineError(
            f"The layer {layer.digest} holds {member.name!r}, which is neither file nor folder.",
            remedy="Rebuild the image; scar composes no such layer.",
        )
    goal.parent.mkdir(parents=True, exist_ok=True)
    with source, goal.open("xb") as file:
        shutil.copyfileobj(source, file)
    os.chmod(goal, 0o755 if member.mode & 0o100 else 0o644)  # noqa: PTH101
