"""Unpacks image layers into one root file system, as a union file system would show them.

Names inside a layer never point outside the root: ``..`` is refused, and symbolic links in a path
are resolved inside the root, as in the container. Devices are skipped (a sandbox has its own /dev),
set-user-ID bits are removed, and owners are set only if the local cloud runs as root.
Format: <https://github.com/opencontainers/image-spec/blob/main/layer.md>.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.image.errors import ImageError
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.decompression import decompress, detect_compression
from scar.image.formats.recompression import read_chunks
from scar.image.formats.tar_stream import TAR_ERRORS, open_tar_stream
from scar.image.formats.unpacking_limits import MAX_ENTRIES, UnpackedSize
from scar.local.engines.port import EngineError

if TYPE_CHECKING:
    import tarfile
    from pathlib import Path

    from scar.image.formats.tar_stream import TarStream

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
MAX_LINKS = 40  # as Linux: path_resolution(7)


class UnsafeLayerError(EngineError):
    """A layer contains a name that points outside its root."""


def unpack_layer(layer: Path, root: Path, unpacked: UnpackedSize | None = None) -> None:
    """Apply one layer (tar, compressed or not) to ``root``.

    ``unpacked`` adds up the bytes of several layers of an image. Raise UnsafeLayerError for names
    that point outside the root, EngineError for damaged archives and for images that are larger
    than AWS Lambda allows.
    """
    unpacked = unpacked or UnpackedSize(f"The image with layer {layer.name}")
    packed = UnpackedSize(f"Layer {layer.name}")
    try:
        with layer.open("rb") as file:
            compression = detect_compression(file.peek(8)[:8])
            content = chunks_to_file(decompress(read_chunks(file), compression, packed))
            with content, open_tar_stream(content, MAX_ENTRIES) as archive:
                _LayerUnpacker(root, layer.name, unpacked).apply(archive)
    except ImageError as error:
        raise EngineError(error.problem, remedy=error.remedy) from error
    except (*TAR_ERRORS, OSError) as error:
        # ValueError: a name with a null byte; OverflowError: an owner out of range
        raise EngineError(
            f"Layer {layer.name} cannot be unpacked: {error}.",
            remedy="Run `scar init` again; if the error persists, rebuild the base image.",
        ) from error


@dataclass(slots=True)
class _LayerUnpacker:
    root: Path
    name: str
    unpacked: UnpackedSize
    written: set[Path] = field(default_factory=set)

    def apply(self, archive: TarStream) -> None:
        for member in archive:
            self._apply_member(archive, member)

    def _apply_member(self, archive: TarStream, member: tarfile.TarInfo) -> None:
        parts = self._safe_path_parts(member.name)
        if not parts:
            return
        folder = self._resolve_folder(parts[:-1])
        if not folder.is_relative_to(self.root):  # cannot happen; a second check
            raise self._unsafe_name_error(member.name)
        name = parts[-1]
        if name == OPAQUE:
            # It hides what earlier layers put here, but not what this layer has written already.
            for entry in folder.iterdir():
                if entry not in self.written:
                    remove_path(entry)
        elif name.startswith(WHITEOUT):
            remove_path(folder / self._whiteout_target(name))
        else:
            self._create_member(archive, member, folder / name)

    def _whiteout_target(self, whiteout: str) -> str:
        name = whiteout.removeprefix(WHITEOUT)
        if name in {"", ".", ".."}:
            raise self._unsafe_name_error(whiteout)
        return name

    def _create_member(self, archive: TarStream, member: tarfile.TarInfo, path: Path) -> None:
        if not (member.isdir() and path.is_dir() and not path.is_symlink()):
            remove_path(path)
        mode = member.mode & 0o1777
        if member.isdir():
            path.mkdir(exist_ok=True)
            path.chmod(mode | 0o700)  # for later layers, and for the removal
        elif member.issym():
            path.symlink_to(member.linkname)
        elif member.islnk():
            os.link(self._hard_link_target(member.linkname), path, follow_symlinks=False)
        elif member.isreg():
            self._write_file(archive, member, path)
            path.chmod(mode)
        elif member.isfifo():
            os.mkfifo(path, mode)
        else:
            return
        # With its parents, which a layer need not list: an opaque marker must not remove them.
        self.written |= {path, *path.parents}
        if os.geteuid() == 0 and not member.islnk():
            os.chown(path, member.uid, member.gid, follow_symlinks=False)

    def _write_file(self, archive: TarStream, member: tarfile.TarInfo, path: Path) -> None:
        # Added before it is written: a sparse file of a few bytes may announce a terabyte.
        self.unpacked.add(member.size)
        with path.open("xb") as file:
            for chunk in archive.read(member):
                file.write(chunk)

    def _hard_link_target(self, name: str) -> Path:
        parts = self._safe_path_parts(name)
        if not parts:
            raise self._unsafe_name_error(name)
        return self._resolve_folder(parts[:-1]) / parts[-1]

    def _safe_path_parts(self, name: str) -> tuple[str, ...]:
        parts = _split_path(name)
        if ".." in parts:
            raise self._unsafe_name_error(name)
        return parts

    def _unsafe_name_error(self, name: str) -> UnsafeLayerError:
        return UnsafeLayerError(
            f"Layer {self.name} contains {name!r}, which points outside the image.",
            remedy="Do not use this image.",
        )

    def _resolve_folder(self, parts: tuple[str, ...]) -> Path:
        """Resolve a folder's path inside the root, as chroot would; create missing folders."""
        pending, path, links = list(reversed(parts)), self.root, 0
        while pending:
            part = pending.pop()
            if part == "..":
                path = path.parent if path != self.root else path  # as /.. is /
                continue
            path = path / part
            if path.is_symlink():
                links += 1
                if links > MAX_LINKS:
                    raise UnsafeLayerError(
                        f"Layer {self.name} has a loop of symbolic links at {'/'.join(parts)}.",
                        remedy="Do not use this image.",
                    )
                target = os.readlink(path)  # noqa: PTH115 - the text, not a Path
                path = self.root if target.startswith("/") else path.parent
                pending += reversed(_split_path(target))
            elif not path.is_dir():
                remove_path(path)
                path.mkdir()
        return path


def _split_path(path: str) -> tuple[str, ...]:
    """Split a path into names; pathlib would treat two leading slashes as a special root."""
    return tuple(name for name in path.split("/") if name not in {"", "."})


def remove_path(path: Path) -> None:
    """Remove a file, a symbolic link or a whole folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
