"""Writes small files that only their owner can read, and names files that are moved aside."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scar.local.state.regular_files import open_regular

if TYPE_CHECKING:
    from io import TextIOWrapper


def write_private(path: Path, text: str) -> None:
    """Write a file in one atomic step; only its owner can read it, even while it is written.

    After a loss of power the file has its old or its new content, never an empty one.
    """
    # The mode is given to open(2): chmod afterwards would leave a moment to read the secret.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)  # of a process with the same id that was killed
    descriptor = open_regular(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # on a full disk: an empty file must not replace the old one, nor stay
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def open_private(path: Path) -> TextIOWrapper:
    """Open a file for writing; only its owner can read it. Its content is kept.

    Raise NotRegularFileError if the path is a pipe or a link, for example.
    """
    return os.fdopen(open_regular(path, os.O_WRONLY | os.O_CREAT), "w")


def dated_name(path: Path, reason: str) -> Path:
    """Return ``<path>.<reason>-<date>``, a name that does not exist."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (Path(f"{path}.{reason}-{date}{f'-{n}' if n else ''}") for n in range(1000))
    return next(name for name in names if not os.path.lexists(name))
