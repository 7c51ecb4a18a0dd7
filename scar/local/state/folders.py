"""Creates folders of the state folder, and names what is in their place."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from scar.local.state.files import StateFileError
from scar.local.state.private_files import dated_name

if TYPE_CHECKING:
    from pathlib import Path


def create_folder(path: Path) -> None:
    """Create a folder that only its owner can read, and its parents.

    Raise StateFileError if a file or a link to nothing is in its place.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        places = (*reversed(path.parents), path)
        wrong = (p for p in places if os.path.lexists(p) and not p.is_dir())
        raise not_a_folder_error(next(wrong, path)) from error


def create_or_replace_folder(path: Path) -> str:
    """Create a folder; rename what is in its place, and return a sentence about it, else empty."""
    try:
        create_folder(path)
    except StateFileError as error:
        aside = dated_name(path, "damaged")
        path.rename(aside)
        create_folder(path)
        return f"{error.problem} It was renamed to {aside}."
    return ""


def not_a_folder_error(path: Path) -> StateFileError:
    """Return the error for a file, or a link to nothing, in the place of a folder."""
    state = "a link to a folder that does not exist" if path.is_symlink() else "not a folder"
    name = shlex.quote(str(path))
    return StateFileError(
        f"{path} cannot be used: it is {state}.",
        remedy=f"Restore the folder from a backup, or move aside what is there: `mv {name}"
        f" {name}.aside`. The folder is then created anew, without its content; everything outside"
        " of it is kept.",
    )
