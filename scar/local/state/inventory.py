"""The list of databases that were created in a state folder, so that a missing one is noticed.

It is kept twice, in the state folder and in its data folder: one is left if the other one, or the
whole data folder, is lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from scar.local.state.files import (
    CHANGE_JOURNAL,
    LOG_EVENTS,
    STATE_FILES,
    StateFileError,
    damaged_file_error,
    lost_name,
    missing_file_error,
)
from scar.local.state.folders import create_folder
from scar.local.state.private_files import dated_name, write_private
from scar.local.state.regular_files import read_regular

if TYPE_CHECKING:
    from scar.local.state.files import StateFile

LOG = logging.getLogger(__name__)
_NAME = "databases"


def create_data_folder(data: Path) -> None:
    """Create the data folder of a new state folder.

    Raise StateFileError if there was one, or if it is not a folder; the user permits a start
    without it by a file ``data.lost``.
    """
    permit = Path(lost_name(data))
    if not os.path.lexists(data):
        if os.path.lexists(permit):
            permit.rename(dated_name(data, "lost"))
            remove_inventory(data)
        elif _read_names(data.parent / _NAME):
            raise _missing_data_error(data, "is missing", "touch")
    try:
        create_folder(data)
    except StateFileError as error:
        raise _missing_data_error(data, "is not a folder", f"mv {_quote(data)}") from error


def check_inventory(data: Path) -> None:
    """Raise StateFileError if a database that was created is now missing or empty.

    A missing or damaged list is no error: ``write_inventory`` writes it again. Nor is a missing
    log database: log events are no reason not to start.
    """
    for file in _created(data):
        path = data / file.name
        if file is LOG_EVENTS:
            if not path.exists():
                LOG.warning("%s is missing: the log events are lost", path)
        elif not os.path.lexists(path):
            if not os.path.lexists(lost_name(path)):
                raise missing_file_error(path, file)
        elif path.is_file() and not path.stat().st_size:
            raise damaged_file_error(path, file, "is empty")


def was_created(path: Path, file: StateFile) -> bool:
    """Return whether the database of this path was created before; not for the log events."""
    data = path.parents[file.name.count("/")]
    return file is not LOG_EVENTS and data / file.name == path and file in _created(data)


def has_inventory(data: Path) -> bool:
    """Return whether a server has used the folder."""
    return any(map(os.path.lexists, _lists(data)))


def write_inventory(data: Path) -> None:
    """List the databases that exist now."""
    names = [file.name for file in STATE_FILES if (data / file.name).is_file()]
    for path in _lists(data):
        if _read_names(path) != frozenset(names):
            if path.is_dir():  # whatever it is, it is not needed
                path.rename(dated_name(path, "damaged"))
            write_private(path, "".join(f"{name}\n" for name in names))


def remove_inventory(data: Path) -> None:
    """Delete the lists, before everything else: an interrupted deletion is not a loss."""
    for path in _lists(data):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            path.unlink()


def _created(data: Path) -> list[StateFile]:
    names = frozenset[str]().union(*map(_read_names, _lists(data)))
    if not names and any((data / f.name).exists() for f in STATE_FILES if f is not CHANGE_JOURNAL):
        return [CHANGE_JOURNAL]  # every release creates it first
    return [file for file in STATE_FILES if file.name in names]


def _lists(data: Path) -> tuple[Path, Path]:
    return data / _NAME, data.parent / _NAME


def _read_names(path: Path) -> frozenset[str]:
    try:
        return frozenset(read_regular(path).decode(errors="replace").split())
    except OSError:
        return frozenset()


def _missing_data_error(data: Path, state: str, command: str) -> StateFileError:
    return StateFileError(
        f"{data} {state}. It contains all buckets, functions, images, jobs and logs.",
        remedy="Restore the folder from a backup (if it is on another disk, mount that), or start"
        f" without it: `{command} {_quote(Path(lost_name(data)))}`. Then all of these are lost;"
        " the access keys are kept.",
    )


def _quote(path: Path) -> str:
    return shlex.quote(str(path))
