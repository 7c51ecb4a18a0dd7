"""Unpacked images, shared by sandboxes: one folder per stack of layers, made once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.engines.port import EngineError
from scar.local.engines.unpack import remove_path, unpack_layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scar.local.engines.port import LocalImage, LocalLayer

SCAR_HOME = "/opt/scar"
FUNCTION_HOME = f"{SCAR_HOME}/function"
# What a sandbox mounts over or needs to exist; images from scratch have none of it.
FOLDERS = ("dev", "proc", "sys", "tmp", "etc", SCAR_HOME[1:])
# The network is the host's, and so are the files that describe it.
NETWORK_FILES = ("/etc/hosts", "/etc/resolv.conf")


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFs:
    """Folders that together are an image: its own root, and what is mounted into it."""

    root: Path
    binds: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RootFsStore:
    """Unpacks images below ``folder``.

    The base image, the supervisor and the function are three folders, because they change at
    different times: a new script does not unpack the base again.
    """

    folder: Path

    def get(self, image: LocalImage) -> RootFs:
        """Return the image's folders, unpacked if they were not; raises EngineError."""
        if len(image.layers) < 2:
            raise EngineError(
                f"{image.reference} was not composed by scar: it has no supervisor layer.",
                remedy="Run `scar init` again.",
            )
        *base, supervisor, function = image.layers
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
        key = hashlib.sha256("\n".join(layer.diff_id for layer in layers).encode()).hexdigest()
        done = self.folder / key[:32]
        if done.is_dir():
            return done
        with self._exclusive_lock():
            if done.is_dir():
                return done
            half = self.folder / f"{key[:32]}.half"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            half.chmod(0o755)
            for layer in layers:
                unpack_layer(layer.path, half)
            for name in folders:
                _make_folder(half, name)
            if "tmp" in folders:
                (half / "tmp").chmod(0o1777)
            for name in files:
                _make_file(half / name[1:])
            half.rename(done)
        return done

    @contextmanager
    def _exclusive_lock(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _make_file(path: Path) -> None:
    """Have a file there: mounting on a link would mount on what it leads to outside."""
    if path.is_symlink() or not path.is_file():
        remove_path(path)
        path.touch(0o644)


def _make_folder(root: Path, name: str) -> None:
    """Have a folder there and on the way to it; links would lead out of the root."""
    at = root
    for part in name.split("/"):
        at = at / part
        if at.is_symlink() or (at.exists() and not at.is_dir()):
            at.unlink()
        if not at.exists():
            at.mkdir()
            at.chmod(0o755)
