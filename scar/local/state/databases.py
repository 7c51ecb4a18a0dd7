"""Opens the SQLite databases of the state folder, and refuses those that cannot be trusted.

SQLite itself takes an empty file for a new database, a database of another service for one that
lacks some tables, and a missing write-ahead log for one without changes. Each would be an empty
index, and what the index should list would look like garbage.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scar.local.state.disk_space import is_disk_full
from scar.local.state.files import (
    StateFileError,
    damaged_file_error,
    lost_name,
    missing_file_error,
)
from scar.local.state.inventory import was_created
from scar.local.state.private_files import dated_name
from scar.local.state.regular_files import describe_kind, open_regular
from scar.local.state.write_ahead_log import find_damage

if TYPE_CHECKING:
    from scar.local.state.files import StateFile

_CHECKED_BYTES = 16 << 20  # of a larger file only the header is checked: a check reads all of it
_SIBLINGS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFormat:
    """The schema of a database: statements that may be executed again.

    ``version`` is incremented if earlier releases cannot use the file any more.
    ``added_columns`` (table, column, definition) and ``added_tables`` are missing in files of
    earlier releases.
    """

    file: StateFile
    schema: str
    version: int = 1
    added_columns: tuple[tuple[str, str, str], ...] = ()
    added_tables: frozenset[str] = frozenset()


def open_database(
    path: Path,
    database_format: DatabaseFormat,
    *,
    synchronous: str = "NORMAL",
    is_used: bool = False,
) -> sqlite3.Connection:
    """Open a database, readable by its owner only; create it if it does not exist.

    The connection is in WAL mode and has no implicit transactions.
    Raise StateFileError if it is damaged, of another service, or of a later release. With
    ``is_used``, or if ``inventory`` lists it, also if it is missing, empty or has no tables:
    otherwise that is a new database, or one whose creation was interrupted.
    """
    accepted = _accept_loss(path)
    is_used = (is_used or was_created(path, database_format.file)) and not accepted
    _check_file(path, database_format.file, is_used=is_used, accepted=accepted)
    os.close(open_regular(path, os.O_WRONLY | os.O_CREAT, follow_links=True))
    path.chmod(0o600)  # files of earlier releases; SQLite gives its other files the same mode
    connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    try:
        # The first statement that reads the file: it fails if this is not a database.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        _check_content(connection, path, database_format, is_used=is_used)
        _apply_schema(connection, database_format)
    except BaseException as error:
        connection.close()
        if not isinstance(error, sqlite3.Error) or is_disk_full(error):
            raise
        reason = (
            "is locked by another process"
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            else f"is damaged ({error})"
        )
        raise damaged_file_error(path, database_format.file, reason) from error
    return connection


def move_database_aside(path: Path, reason: str) -> Path:
    """Rename a database and its write-ahead log to ``<name>.<reason>-<date>``; return that name."""
    name = dated_name(path, reason)
    for suffix in _SIBLINGS:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{name}{suffix}")
    return name


def _accept_loss(path: Path) -> bool:
    """Return whether the user has permitted to start without the file, which does not exist."""
    permit = Path(lost_name(path))
    if os.path.lexists(path) or not os.path.lexists(permit):
        return False
    permit.rename(dated_name(path, "lost"))
    # SQLite would delete the log of a database that does not exist.
    move_database_aside(path, "lost")
    return True


def _check_file(path: Path, file: StateFile, *, is_used: bool, accepted: bool) -> None:
    """Raise StateFileError if the database exists but cannot be opened."""
    if kind := describe_kind(path):
        raise damaged_file_error(path, file, f"is {kind}, not a regular file")
    try:
        status = path.stat()
    except FileNotFoundError as error:
        log = Path(f"{path}-wal")
        if is_used or (not accepted and log.exists() and log.stat().st_size):
            raise missing_file_error(path, file) from error
        return
    except OSError as error:
        raise damaged_file_error(path, file, f"cannot be read ({error.strerror})") from error
    if is_used and not status.st_size:
        raise damaged_file_error(path, file, "is empty, but was used")
    if not os.access(path, os.R_OK | os.W_OK):
        raise damaged_file_error(path, file, "cannot be read and written by this user")
    if damage := find_damage(path):
        raise damaged_file_error(path, file, damage)


def _check_content(
    connection: sqlite3.Connection, path: Path, database_format: DatabaseFormat, *, is_used: bool
) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables, expected = _read_tables(connection), _expected_tables(database_format)
    # The versions of another service's database say nothing about this one.
    if version > database_format.version and (not tables or expected.keys() & tables.keys()):
        raise StateFileError(
            f"{path} was written by a later release of scar (format {version}). It contains"
            f" {database_format.file.contents}.",
            remedy="Use that release, or set SCAR_LOCAL_HOME to another folder.",
        )
    if path.stat().st_size <= _CHECKED_BYTES:
        result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if result != "ok":
            raise damaged_file_error(path, database_format.file, f"is damaged ({result})")
    if tables and (reason := _find_foreign_table(tables, expected, database_format)):
        raise damaged_file_error(path, database_format.file, f"is another database ({reason})")
    # The version is written with the last table: before, the creation was interrupted.
    is_earlier = version < database_format.version
    added = database_format.added_tables if is_earlier else frozenset()
    missing = expected.keys() - tables.keys() - added
    if missing and (is_used or version):
        names = ", ".join(sorted(missing))
        reason = f"lacks the tables {names}" if tables else "is a database without tables"
        raise damaged_file_error(path, database_format.file, reason)


def _apply_schema(connection: sqlite3.Connection, database_format: DatabaseFormat) -> None:
    for table, column, definition in database_format.added_columns:
        if column not in _read_tables(connection).get(table, {column}):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    mark = f"PRAGMA user_version={database_format.version};"
    # One transaction: a process that is killed leaves all tables and the version, or nothing.
    connection.executescript(
        f"BEGIN; {database_format.schema}; {'' if version == database_format.version else mark}"
        " COMMIT;"
    )


def _expected_tables(database_format: DatabaseFormat) -> dict[str, frozenset[str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        model.executescript(database_format.schema)
        return _read_tables(model)


def _find_foreign_table(
    tables: dict[str, frozenset[str]],
    expected: dict[str, frozenset[str]],
    database_format: DatabaseFormat,
) -> str:
    """Return why the tables are not those of the format; empty if they are.

    Later releases may have added tables and columns.
    """
    added = {(table, column) for table, column, _ in database_format.added_columns}
    if not expected.keys() & tables.keys():
        return f"it has the tables {', '.join(sorted(tables))}"
    for table in expected.keys() & tables.keys():
        missing = {c for c in expected[table] - tables[table] if (table, c) not in added}
        if missing:
            return f"its table {table} has no column {min(missing)}"
    return ""


def _read_tables(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    """Return the columns of all tables."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    return {
        name: frozenset(row[1] for row in connection.execute(f'PRAGMA table_info("{name}")'))
        for (name,) in names
    }
