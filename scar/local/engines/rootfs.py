"""Unpacked images that sandboxes share: one folder per list of layers, created once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.image.formats.unpacking_limits import UnpackedSize
from scar.local.engines.port import EngineError
from scar.local.engines.unpack import remove_path, unpack_layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scar.local.engines.port import LocalImage, LocalLayer

SCAR_HOME = "/opt/scar"
FUNCTION_HOME = f"{SCAR_HOME}/function"
# Mount points and folders that a sandbox needs; an image from scratch lacks them.
FOLDERS = ("dev", "proc", "sys", "tmp", "etc", SCAR_HOME[1:])
# Sandboxes use the host's network, and so these files of the host.
NETWORK_FILES = ("/etc/hosts", "/etc/resolv.conf")
OVERFLOW_ID = 65534  # as the kernel shows ids that a user namespace does not map


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFs:
    """The folders of an unpacked image: its root, and read-only mounts (source, target)."""

    root: Path
    binds: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RootFsStore:
    """Unpacks images below ``folder``.

    The base image, the supervisor and the function have three folders, because they change at
    different times: after a change of the script the base image is not unpacked again.

    With ``first_id`` all owners are shifted: file systems belong to the ids of a user namespace
    whose 0 is ``first_id`` outside. Owners beyond its ``id_count`` become ``OVERFLOW_ID``.
    """

    folder: Path
    first_id: int = 0
    id_count: int = 0

    def get(self, image: LocalImage) -> RootFs:
        """Return the image's folders, after unpacking them if necessary; raise EngineError."""
        if len(image.layers) < 2:
            raise EngineError(
                f"{image.reference} was not built by scar: it has no supervisor layer.",
                remedy="Run `scar init` again.",
            )
        *base, supervisor, function = image.layers
        # Each folder contains the mount points of what is mounted into it.
        home = self._unpack_layers((supervisor,), (FUNCTION_HOME[1:],))
        return RootFs(
            root=self._unpack_layers(base, FOLDERS, NETWORK_FILES),
            binds=(
                (f"{home}{SCAR_HOME}", SCAR_HOME),
                (
                    f"{self._unpack_layers((function,), (FUNCTION_HOME[1:],))}{FUNCTION_HOME}",
                    FUNCTION_HOME,
                ),
                *((name, name) for name in NETWORK_FILES if os.path.isfile(name)),  # noqa: PTH113
            ),
        )

    def _unpack_layers(
        self, layers: Sequence[LocalLayer], folders: Sequence[str] = (), files: Sequence[str] = ()
    ) -> Path:
        # Of another release or another user's server: folders with other owners.
        owners = [f"ids {self.first_id} {self.id_count}"] if self.first_id else []
        names = [*owners, *(layer.diff_id for layer in layers)]
        key = hashlib.sha256("\n".join(names).encode()).hexdigest()
        done = self.folder / key[:32]
        if done.is_dir():
            return done
        # Excludes other threads, and other servers that use the same folder.
        with self._exclusive_lock():
            if done.is_dir():
                return done
            # Renamed when complete: a killed server leaves a partial folder, never a wrong one.
            partial = self.folder / f"{key[:32]}.half"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            partial.chmod(0o755)
            _unpack_bounded(layers, partial)
            for name in folders:
                _make_folder(partial, name)
            if "tmp" in folders:
                (partial / "tmp").chmod(0o1777)
            for name in files:
                _make_file(partial / name[1:])
            if self.first_id:
                _shift_owners(partial, self.first_id, self.id_count)
            partial.rename(done)
        return done

    @contextmanager
    def _exclusive_lock(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _unpack_bounded(layers: Sequence[LocalLayer], folder: Path) -> None:
    """Unpack the layers of one image; raise EngineError above the size that Lambda accepts."""
    unpacked = UnpackedSize("The image")
    try:
        for layer in layers:
            unpack_layer(layer.path, folder, unpacked)
    except EngineError:
        shutil.rmtree(folder, ignore_errors=True)  # it may have gigabytes
        raise


def _shift_owners(root: Path, first_id: int, id_count: int) -> None:
    """Add ``first_id`` to the owner and group of the folder and of everything below it."""
    shifted: set[int] = set()  # inodes of files with several names

    def shift(path: str) -> None:
        status = os.lstat(path)
        if status.st_ino in shifted:
            return
        if status.st_nlink > 1:
            shifted.add(status.st_ino)
        uid, gid = (n if n < id_count else OVERFLOW_ID for n in (status.st_uid, status.st_gid))
        os.chown(path, first_id + uid, first_id + gid, follow_symlinks=False)

    shift(str(root))
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            shift(os.path.join(folder, name))  # noqa: PTH118 - much faster than Path, for each file


def _make_file(path: Path) -> None:
    """Make ``path`` a file: a mount on a symbolic link would be made at the link's target."""
    if path.is_symlink() or not path.is_file():
        remove_path(path)
        path.touch(0o644)


def _make_folder(root: Path, name: str) -> None:
    """Create a folder and its parents; replace symbolic links, which may point outside the root."""
    path = root
    for part in name.split("/"):
        path = path / part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()
        if not path.exists():
            path.mkdir()
            path.chmod(0o755)
