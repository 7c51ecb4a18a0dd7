"""A run's own folder: new, private (0700), removed at the end of the run."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# NAME_MAX of Linux.
MAX_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of one run; scripts start in ``root``."""

    root: Path

    @property
    def inputs(self) -> Path:
        return self.root / "input"

    @property
    def outputs(self) -> Path:
        return self.root / "output"


@contextlib.contextmanager
def create_workspace(parent: Path, *, exclusive: bool = False) -> Iterator[Workspace]:
    """Create the folders, mode 0700, and remove them at the end of the block.

    ``exclusive``: no other process uses ``parent``, so entries that programs leave there are
    removed too.
    """
    workspace = Workspace(parent / f"scar-{os.urandom(8).hex()}")
    _create_if_missing(parent)
    # Files that existed before the run may belong to the image or to Lambda.
    before = frozenset(parent.iterdir()) if exclusive else None
    workspace.root.mkdir(mode=0o700)
    try:
        workspace.inputs.mkdir(mode=0o700)
        workspace.outputs.mkdir(mode=0o700)
        yield workspace
    finally:
        remove_tree(workspace.root)
        if before is not None:
            _remove_new_entries(parent, before)


def _remove_new_entries(parent: Path, before: frozenset[Path]) -> None:
    for path in set(parent.iterdir()) - before:
        # The run has ended: an entry that cannot be removed must not make it fail.
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink()


def safe_file_name(key: str) -> str:
    """Return a file name from the last part of a key: no path, at most 255 bytes.

    A name that is too long is shortened, but keeps its suffix.
    """
    name = key.rpartition("/")[2].replace("\0", "_")
    if name in ("", ".", ".."):
        return "input"
    data = name.encode("utf-8", "backslashreplace")
    if len(data) <= MAX_NAME_BYTES:
        return data.decode()
    suffix = os.path.splitext(name)[1].encode("utf-8", "backslashreplace")  # noqa: PTH122
    suffix = suffix if len(suffix) <= 32 else b""
    return (data[: MAX_NAME_BYTES - len(suffix)].decode(errors="ignore")) + suffix.decode()


def _create_if_missing(parent: Path) -> None:
    """Create the folder for temporary files: minimal images have none."""
    if not parent.exists():
        parent.mkdir(parents=True, exist_ok=True)
        parent.chmod(0o1777)  # as /tmp: scripts may run as another user
