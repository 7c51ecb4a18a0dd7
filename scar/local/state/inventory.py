"""The list of databases that were created in a state folder, so that a missing one is noticed."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from scar.local.state.files import (
    LOG_EVENTS,
    STATE_FILES,
    damaged_file_error,
    lost_name,
    missing_file_error,
)
from scar.local.state.private_files import write_private

if TYPE_CHECKING:
    from pathlib import Path

LOG = logging.getLogger(__name__)
_NAME = "databases"


def check_inventory(data: Path) -> None:
    """Raise StateFileError if a database that was created is now missing or empty.

    A missing or damaged list is no error: ``write_inventory`` writes it again. Nor is a missing
    log database: log events are no reason not to start.
    """
    listed = _read_names(data / _NAME)
    for file in STATE_FILES:
        path = data / file.name
        if file.name not in listed:
            continue
        if file is LOG_EVENTS:
            if not path.exists():
                LOG.warning("%s is missing: the log events are lost", path)
        elif not os.path.lexists(path):
            if not os.path.lexists(lost_name(path)):
                raise missing_file_error(path, file)
        elif path.is_file() and not path.stat().st_size:
            raise damaged_file_error(path, file, "is empty")


def has_inventory(data: Path) -> bool:
    """Return whether a server has used the folder."""
    return os.path.lexists(data / _NAME)


def write_inventory(data: Path) -> None:
    """List the databases that exist now."""
    names = [file.name for file in STATE_FILES if (data / file.name).is_file()]
    path = data / _NAME
    if _read_names(path) != frozenset(names):
        if path.is_dir():  # whatever it is, it is not needed
            path.rename(f"{path}.aside")
        write_private(path, "".join(f"{name}\n" for name in names))


def _read_names(path: Path) -> frozenset[str]:
    try:
        return frozenset(path.read_text(errors="replace").split())
    except OSError:
        return frozenset()
