"""Removal of folder trees that programs left behind, whatever is in them."""

from __future__ import annotations

import contextlib
import errno
import os
from itertools import islice
from typing import TYPE_CHECKING

from supervisor.descriptors import closing, open_listing, open_trusted_folder

if TYPE_CHECKING:
    from pathlib import Path

# Names that are read at a time: a folder may have millions of entries.
BATCH_SIZE = 1000
_NOT_A_FILE = frozenset({errno.EISDIR, errno.EPERM, errno.EACCES})


def remove_tree(folder: Path) -> None:
    """Remove a folder and everything in it; do nothing if it does not exist.

    A symbolic link is removed itself, its target stays. Raise OSError if an entry belongs to
    another user.
    """
    try:
        parent = open_trusted_folder(folder.parent)
    except (FileNotFoundError, NotADirectoryError):
        return
    with closing(parent):
        remove_entry(parent, folder.name)


def remove_entry(parent: int, name: str) -> None:
    """Remove the entry of an open folder, as ``remove_tree`` does; no link is followed."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in _NOT_A_FILE:
            raise
    else:
        return
    with closing(_open_accessible(parent, name)) as folder:
        empty_folder(folder)
    os.rmdir(name, dir_fd=parent)


def empty_folder(top: int) -> None:
    """Remove everything in a folder that is open for listing."""
    # Subfolders are moved up to the top one by one. So neither descriptors nor recursion grow with
    # the depth of the tree, and ".." is never used, which could lead elsewhere.
    number = 0
    while names := _next_names(top):
        for name, is_folder in names:
            if not is_folder:
                os.unlink(name, dir_fd=top)
                continue
            with closing(_open_accessible(top, name)) as folder:
                number = _remove_files_and_lift_folders(folder, top, number)
            os.rmdir(name, dir_fd=top)


def _remove_files_and_lift_folders(folder: int, top: int, number: int) -> int:
    while names := _next_names(folder):
        for name, is_folder in names:
            if not is_folder:
                os.unlink(name, dir_fd=folder)
                continue
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=folder)  # the usual case: nothing is in it
                continue
            # A folder is moved only if it is writable: its ".." changes.
            os.close(_open_accessible(folder, name))
            number += 1
            os.rename(name, _unused_name(top, number), src_dir_fd=folder, dst_dir_fd=top)
    return number


def _unused_name(top: int, number: int) -> str:
    """Return a name that no entry of the folder has: rename() would replace an empty folder."""
    while True:
        name = f".remove-{number}-{os.urandom(4).hex()}"
        try:
            os.stat(name, dir_fd=top, follow_symlinks=False)
        except FileNotFoundError:
            return name


def _next_names(folder: int) -> list[tuple[str, bool]]:
    """Return some entries, and which of them are folders; none if the folder is empty."""
    with closing(open_listing(folder)) as listing, os.scandir(listing) as entries:
        return [
            (entry.name, entry.is_dir(follow_symlinks=False))
            for entry in islice(entries, BATCH_SIZE)
        ]


def _open_accessible(parent: int, name: str) -> int:
    """Open a folder with all rights for its owner: without them even he cannot remove entries."""
    try:
        folder = open_listing(parent, name)
    except PermissionError:
        _make_accessible(parent, name)
        folder = open_listing(parent, name)
    try:
        if os.fstat(folder).st_mode & 0o700 != 0o700:
            with contextlib.suppress(PermissionError):  # another user's; removing may fail then
                os.fchmod(folder, 0o700)
    except BaseException:
        os.close(folder)
        raise
    return folder


def _make_accessible(parent: int, name: str) -> None:
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with closing(os.open(name, flags, dir_fd=parent)) as handle:
        # Without the right to read the folder it cannot be opened for fchmod(). The kernel resolves
        # this path to the folder that is open, whatever its name leads to now.
        os.chmod(f"/proc/self/fd/{handle}", 0o700)  # noqa: PTH101
