"""A run's own folder: fresh, private, gone afterwards."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Linux: no file name is longer, in bytes.
MAX_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Workspace:
    """``root`` holds ``input`` and ``output`` and is where scripts start."""

    root: Path

    @property
    def inputs(self) -> Path:
        return self.root / "input"

    @property
    def outputs(self) -> Path:
        return self.root / "output"


@contextlib.contextmanager
def create_workspace(parent: Path, *, exclusive: bool = False) -> Iterator[Workspace]:
    """Make the folders, mode 0700, and remove them however the block ends; keep ``parent``.

    ``alone``: nobody else puts anything into ``parent``, so what programs leave there goes too.
    """
    made = Workspace(parent / f"scar-{os.urandom(8).hex()}")
    _create_if_missing(parent)
    before = frozenset(parent.iterdir()) if exclusive else None
    made.root.mkdir(mode=0o700)
    try:
        made.inputs.mkdir(mode=0o700)
        made.outputs.mkdir(mode=0o700)
        yield made
    finally:
        remove_tree(made.root)
        if before is not None:
            _remove_new_entries(parent, before)


def _remove_new_entries(parent: Path, before: frozenset[Path]) -> None:
    for path in set(parent.iterdir()) - before:
        # What cannot be removed is no reason to fail a run that is over.
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink()


def safe_file_name(key: str) -> str:
    """Name the input file after the key's last part, never outside its folder, ≤ 255 bytes.

    A name that is too long keeps its start and its suffix.
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
    """Make the folder for temporary files: images of a single program may have none."""
    if not parent.exists():
        parent.mkdir(parents=True, exist_ok=True)
        parent.chmod(0o1777)  # as /tmp always is: scripts may run as another user
