"""Options of a tmpfs as mount(8) has them, for the system call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scar.local.engines.storage import DEFAULT_TMPFS_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.local.engines.storage import TmpfsFolder

# linux/mount.h; an option without a flag of its own clears that of its opposite.
_FLAGS: Final[Mapping[str, tuple[int, int]]] = {  # bits to set, bits to clear
    "defaults": (0, 1 | 2 | 4 | 8 | 16),
    "ro": (1, 0),
    "rw": (0, 1),
    "nosuid": (2, 0),
    "suid": (0, 2),
    "nodev": (4, 0),
    "dev": (0, 4),
    "noexec": (8, 0),
    "exec": (0, 8),
    "sync": (16, 0),
    "async": (0, 16),
    "dirsync": (128, 0),
    "noatime": (1024, 0),
    "atime": (0, 1024),
    "nodiratime": (2048, 0),
    "diratime": (0, 2048),
    "relatime": (1 << 21, 0),
    "norelatime": (0, 1 << 21),
    "strictatime": (1 << 24, 0),
    "nostrictatime": (0, 1 << 24),
}
_SETTINGS: Final = frozenset({"mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"})


def unsupported_option(options: Iterable[str]) -> str:
    """Return the first option that tmpfs does not have, or an empty string."""
    for option in options:
        name, equals, _ = option.partition("=")
        if not (name in _SETTINGS and equals) and option not in _FLAGS:
            return option
    return ""


def mount_arguments(mount: TmpfsFolder, first_id: int) -> tuple[str, int, str]:
    """Return path, flags and data of the system call.

    ``first_id`` is the id on this machine of the sandbox's user 0.
    """
    flags = 0
    settings = {"mode": "1777", "uid": "0", "gid": "0"}
    for option in (*DEFAULT_TMPFS_OPTIONS, *mount.options):
        name, equals, value = option.partition("=")
        if equals:
            settings[name] = value
        else:
            added, removed = _FLAGS[option]
            flags = (flags & ~removed) | added
    for owner in ("uid", "gid"):
        settings[owner] = str(first_id + int(settings[owner]))
    data = ",".join(f"{name}={value}" for name, value in settings.items())
    return mount.target, flags, f"size={mount.size_mb}m,{data}"
