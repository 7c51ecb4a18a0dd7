"""Extracts the function's own files from its image, for the engine without a root file system."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from scar.image.errors import ImageError
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.decompression import decompress, detect_compression
from scar.image.formats.recompression import read_chunks
from scar.image.formats.tar_stream import TAR_ERRORS, open_tar_stream
from scar.image.formats.unpacking_limits import MAX_ENTRIES, UnpackedSize
from scar.local.engines.port import EngineError

if TYPE_CHECKING:
    import tarfile

    from scar.image.formats.tar_stream import TarStream
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
        _extract(layer, partial)
        partial.chmod(0o755)
        partial.rename(target)
    except (ImageError, *TAR_ERRORS, OSError) as error:
        if target.exists():  # another thread was faster
            return
        problem = error.problem.rstrip(".") if isinstance(error, ImageError) else str(error)
        raise EngineError(
            f"The layer {layer.digest} cannot be unpacked: {problem}.",
            remedy="Run `scar init` again to store the image again.",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract(layer: LocalLayer, folder: Path) -> None:
    packed = UnpackedSize(f"Layer {layer.digest}")
    with layer.path.open("rb") as file:
        compression = detect_compression(file.peek(8)[:8])
        content = chunks_to_file(decompress(read_chunks(file), compression, packed))
        with content, open_tar_stream(content, MAX_ENTRIES) as archive:
            for member in archive:
                _extract_member(archive, member, folder, layer)


def _extract_member(
    archive: TarStream, member: tarfile.TarInfo, folder: Path, layer: LocalLayer
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
    if not member.isreg() or member.issparse():
        raise EngineError(
            f"The layer {layer.digest} contains {member.name!r}, which is neither file nor folder.",
            remedy="Rebuild the image with `scar init`, which writes no such layer.",
        )
    destination.parent.mkdir(parents=True, exist_ok=True)
    with destination.open("xb") as file:
        file.writelines(archive.read(member))
    os.chmod(destination, 0o755 if member.mode & 0o100 else 0o644)  # noqa: PTH101
