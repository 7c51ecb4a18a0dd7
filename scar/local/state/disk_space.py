"""Recognizes errors of a full disk, of the file system and of SQLite."""

from __future__ import annotations

import errno

_SQLITE_FULL = 13  # sqlite3.SQLITE_FULL; the command line imports this module, but not SQLite


def is_disk_full(error: BaseException) -> bool:
    """Return whether the error, or one that caused it, is that of a full disk or quota."""
    current: BaseException | None = error
    for _ in range(10):  # chains of causes may be circular
        if current is None:
            return False
        if isinstance(current, OSError) and current.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if getattr(current, "sqlite_errorcode", None) == _SQLITE_FULL:
            return True
        current = current.__cause__ or current.__context__
    return False
