"""A run's own folder: new, private (0700), removed at the end of the run."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor import descriptors
from supervisor.errors import RunInterrupted, Terminated
from supervisor.execution.run_files import RunFiles
from supervisor.folders import empty_folder, remove_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# NAME_MAX of Linux.
MAX_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of one run; scripts start in ``root``.

    The paths are for the script and for what happens before its start. Afterwards it may have
    replaced any of them: ``files`` reaches the folders through descriptors.
    """

    root: Path
    files: RunFiles

    @property
    def inputs(self) -> Path:
        return self.root / "input"

    @property
    def outputs(self) -> Path:
        return self.root / "output"


@contextlib.contextmanager
def create_workspace(
    parent: Path, *, exclusive: bool = False, warn: Callable[[str], None] = lambda _: None
) -> Iterator[Workspace]:
    """Create the folders, mode 0700, and remove them at the end of the block.

    ``exclusive``: no other process uses ``parent``, so entries that programs leave there are
    removed too. What cannot be removed is reported to ``warn``: the run has succeeded or failed
    before that.
    """
    _create_if_missing(parent)
    with descriptors.closing(descriptors.open_trusted_folder(parent)) as above:
        # Files that existed before the run may belong to the image or to Lambda.
        before = frozenset(_list_names(above)) if exclusive else None
        name = f"scar-{os.urandom(8).hex()}"
        try:
            os.mkdir(name, 0o700, dir_fd=above)
            with descriptors.closing(descriptors.open_listing(above, name)) as root:
                try:
                    for folder in ("input", "output", "home"):
                        os.mkdir(folder, 0o700, dir_fd=root)
                    # Open until the end: the inode of a removed folder could be used again.
                    with descriptors.closing(descriptors.open_folder(root, ("home",))) as home:
                        yield _new_workspace(parent / name, root, home)
                finally:
                    # The folder itself, wherever the script has moved it.
                    _complete(lambda: _try(warn, lambda: empty_folder(root)))
        finally:
            # What has its name now.
            _complete(lambda: _try(warn, lambda: remove_entry(above, name)))
            if before is not None:
                _complete(lambda: _try(warn, lambda: _remove_new_entries(above, before)))


def _new_workspace(path: Path, root: int, home: int) -> Workspace:
    files = RunFiles(
        root=root,
        # Links have the path that the script was given, or the one that the kernel shows.
        paths=tuple(dict.fromkeys((os.path.abspath(path), os.path.realpath(path)))),  # noqa: PTH100
        home=descriptors.identity(os.fstat(home)),
    )
    return Workspace(path, files)


def _complete(clean_up: Callable[[], None]) -> None:
    """Run a clean-up to its end; then raise what interrupted it.

    Signal handlers raise Terminated and RunInterrupted, each at most once in a process.
    """
    interruption: BaseException | None = None
    for _ in range(3):
        try:
            clean_up()
        except (Terminated, RunInterrupted) as error:
            interruption = error
        else:
            break
    if interruption is not None:
        raise interruption


def _try(warn: Callable[[str], None], remove: Callable[[], None]) -> None:
    try:
        remove()
    except OSError as error:
        shown = ascii(error.filename) if error.filename else "a file"
        warn(f"What the script left cannot be removed: {shown}: {error.strerror}.")


def _list_names(folder: int) -> list[str]:
    with descriptors.closing(descriptors.open_listing(folder)) as listing:
        return os.listdir(listing)  # noqa: PTH208 - a descriptor


def _remove_new_entries(folder: int, before: frozenset[str]) -> None:
    for name in set(_list_names(folder)) - before:
        # The run has ended: an entry that cannot be removed must not make it fail.
        with contextlib.suppress(OSError):
            remove_entry(folder, name)


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
