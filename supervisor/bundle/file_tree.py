"""File trees in memory, and how they are written: to a folder or as a deterministic layer."""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A regular file; its mode is 0644 or 0755."""

    data: bytes
    mode: int = 0o644


FileTree: TypeAlias = dict[str, BundleFile]


def write_tree(tree: FileTree, folder: Path) -> None:
    """Write the files into a folder."""
    for name, file in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(file.mode)


def read_tree(folder: Path) -> FileTree:
    """Read the files that ``write_tree`` wrote."""
    return {
        path.relative_to(folder).as_posix(): BundleFile(
            path.read_bytes(), path.stat().st_mode & 0o777
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def build_layer(tree: FileTree) -> bytes:
    """Return a gzipped layer: sorted, without times, owned by root, folders 0755."""
    folders = {str(parent) for path in tree for parent in PurePosixPath(path).parents} - {"."}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted({*folders, *tree}):
            info = tarfile.TarInfo(path)
            if path in tree:
                info.size, info.mode = len(tree[path].data), tree[path].mode
                archive.addfile(info, io.BytesIO(tree[path].data))
            else:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
    packed = gzip.compress(raw.getvalue(), 6, mtime=0)
    # The byte for the operating system differs between versions of Python: set it to "unknown".
    return packed[:9] + b"\xff" + packed[10:]
