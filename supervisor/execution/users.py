"""The user of an image (USER), resolved with the image's passwd and group files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

ETC = Path("/etc")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAccount:
    """Numeric ids, and the home folder from passwd, else ``/``."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    home: str = "/"


def resolve_user(user: str, etc: Path) -> UserAccount:
    """Resolve Docker's ``name|uid[:group|gid]``; raise ConfigError for an unknown name.

    As in Docker, an unknown number is allowed; its group is then 0.
    """
    name, _, group = user.partition(":")
    line = _find_entry(etc / "passwd", name, 2)
    if line is None and not name.isdecimal():
        raise _unknown_name("user", name, etc / "passwd")
    uid = int(line[2]) if line else int(name)
    gid = int(line[3]) if line else 0
    groups: tuple[int, ...] = ()
    if group:
        entry = _find_entry(etc / "group", group, 2)
        if entry is None and not group.isdecimal():
            raise _unknown_name("group", group, etc / "group")
        gid = int(entry[2]) if entry else int(group)
    elif line:
        groups = tuple(
            int(g[2]) for g in _read_entries(etc / "group", 4) if line[0] in g[3].split(",")
        )
    return UserAccount(uid=uid, gid=gid, groups=groups, home=(line[5] if line else "") or "/")


def find_account(user: str, etc: Path = ETC) -> UserAccount | None:
    """Return the account that programs get; None: they keep the user of this process.

    Without root the user cannot be changed (Lambda, rootless sandboxes), nor to one that is not
    mapped in the sandbox. Raise ConfigError for an unknown name.
    """
    if not user or os.geteuid() != 0:
        return None
    account = resolve_user(user, etc)
    ids = ((account.uid, "uid_map"), (account.gid, "gid_map"))
    mapped = all(is_id_mapped(n, Path("/proc/self", name).read_text()) for n, name in ids)
    return account if mapped else None


def can_enter(folder: str, account: UserAccount | None) -> bool:
    """Return whether a folder exists and its user can make it the working directory.

    ``account`` None: the user of this process.
    """
    if not os.path.isdir(folder):  # noqa: PTH112 - False, not an error, if it is not accessible
        return False
    if account is None:
        return os.access(folder, os.X_OK)
    real = Path(os.path.realpath(folder))
    groups = {account.gid, *account.groups}
    return all(has_access(p.stat(), account.uid, groups, 1) for p in (real, *real.parents))


def has_access(status: os.stat_result, uid: int, groups: Collection[int], rights: int) -> bool:
    """Return whether the mode of an entry gives a user ``rights``: 4 read, 2 write, 1 execute."""
    if uid == 0:
        return True
    if status.st_uid == uid:
        mode = status.st_mode >> 6
    elif status.st_gid in groups:
        mode = status.st_mode >> 3
    else:
        mode = status.st_mode
    return mode & rights == rights


def is_id_mapped(number: int, table: str) -> bool:
    """Return whether an id is mapped; ``table`` is /proc/self/uid_map or gid_map."""
    ranges = (line.split() for line in table.splitlines())
    return any(int(r[0]) <= number < int(r[0]) + int(r[2]) for r in ranges if len(r) == 3)


def _find_entry(path: Path, name: str, number: int) -> list[str] | None:
    for line in _read_entries(path, 4):
        if line[0] == name or (name.isdecimal() and line[number] == name):
            return line
    return None


def _read_entries(path: Path, fields: int) -> list[list[str]]:
    try:
        text = path.read_text(errors="surrogateescape")
    except OSError:
        return []
    rows = (line.strip().split(":") for line in text.splitlines())
    padded = ([*row, *[""] * 7] for row in rows if len(row) >= fields)
    return [row for row in padded if row[2].isdecimal() and (fields < 7 or row[3].isdecimal())]


def _unknown_name(kind: str, name: str, path: Path) -> ConfigError:
    return ConfigError(
        f"The image's {kind} {name!r} is not in its {path}.",
        remedy="Correct the image's USER, or use a number.",
    )
