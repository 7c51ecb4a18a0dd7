"""What the engine tells ``init`` about one sandbox."""

from __future__ import annotations

import enum
import marshal
from base64 import b64encode
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Protection(enum.StrEnum):
    """What a sandbox has beside its file system, user and processes, where the kernel offers it.

    ``user_namespace``: root in the sandbox is not this machine's root. (Without root, each sandbox
    has a user namespace, or there are no sandboxes at all.) ``session_keyring``: an own one, so
    that keys of the user who started the server cannot be found. ``cgroup_namespace``: the paths of
    control groups are not visible. ``seccomp``: a filter of system calls. ``process_limit``:
    on the processes of each sandbox.
    """

    USER_NAMESPACE = "user_namespace"
    SESSION_KEYRING = "session_keyring"
    CGROUP_NAMESPACE = "cgroup_namespace"
    SECCOMP = "seccomp"
    PROCESS_LIMIT = "process_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPlan:
    """One sandbox: its folders on the host and its restrictions.

    ``upper`` and ``work`` are the folders of the writable overlay, or empty for a read-only root
    (the lambda profile). ``binds`` are read-only mounts: (source, target in the root). ``tmp_mb``
    is the size of a tmpfs on /tmp, or 0 for none. ``first_id`` is the user and group id on the
    host that is 0 in the sandbox, if root started the server; 0 for none. ``seccomp`` is the
    filter in hexadecimal digits, or empty. ``processes`` and ``files`` are limits, 0 for none.
    ``devices`` are further nodes of the host's /dev.

    ``folders`` are mounts of folders of the host: (source, path in the root, read only). ``tmpfs``
    are arguments of mount(2): (path in the root, flags, data). ``limits`` are arguments of
    setrlimit(2): (number, soft, hard).

    ``network`` is the descriptor of a network namespace to join, ``network_owner`` that of the user
    namespace it belongs to; -1 for the host's network, and for the host's user namespace.
    """

    root: str
    upper: str
    work: str
    binds: Sequence[tuple[str, str]]
    tmp_mb: int
    uid: int
    gid: int
    first_id: int
    id_count: int
    own_keyring: bool
    own_cgroups: bool
    seccomp: str
    processes: int
    files: int
    command: tuple[str, ...]
    folders: Sequence[tuple[str, str, bool]]
    tmpfs: Sequence[tuple[str, int, str]]
    shared_memory_mb: int
    limits: Sequence[tuple[int, int, int]]
    devices: Sequence[str] = ()
    network: int = -1
    network_owner: int = -1

    def encode(self) -> str:
        """Return the plan as an argument of ``init``, which decodes it without further modules."""
        return b64encode(marshal.dumps(asdict(self))).decode()
