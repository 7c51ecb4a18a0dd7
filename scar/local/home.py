"""The local cloud's state folder: its location, its secret and the record of its server.

Everything is readable by the owner only (folder 0700, files 0600): the folder contains the
secret from which all access keys are derived, and the objects of every bucket.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from scar.errors import ConfigurationError
from scar.local.processes import is_running

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYOUT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """The record that a server writes once it serves requests.

    ``started`` is the start time of the process in clock ticks since boot. ``chaos`` is the seed
    of its conditions, empty without ``--chaos``.
    """

    pid: int
    started: int
    port: int
    engine: str
    version: str
    chaos: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_alive(self) -> bool:
        """Return whether this process, not another one with the same id, still runs."""
        return is_running(self.pid, self.started)


@dataclass(frozen=True, slots=True)
class LocalCloudHome:
    """One state folder; at most one server uses it at a time."""

    path: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return SCAR_LOCAL_HOME, else ``scar/local`` in XDG_STATE_HOME or ~/.local/state."""
        if folder := environment.get("SCAR_LOCAL_HOME"):
            return cls(Path(folder).absolute())
        state = environment.get("XDG_STATE_HOME") or "~/.local/state"
        return cls(Path(state).expanduser() / "scar" / "local")

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def _server_record(self) -> Path:
        return self.path / "server.json"

    def create(self) -> None:
        """Create the folder; raise ConfigurationError if that fails or its layout is another."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.data.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The local cloud cannot use its state folder {self.path}: {error.strerror}.",
                remedy="Set SCAR_LOCAL_HOME to a folder that you can write to.",
            ) from error
        layout = self.path / "layout"
        if not layout.exists():
            write_private(layout, f"{LAYOUT_VERSION}\n")
        elif (version := layout.read_text().strip()) != str(LAYOUT_VERSION):
            raise ConfigurationError(
                f"{self.path} was written by another release of scar (layout {version}).",
                remedy="Run `scar local reset`; it deletes all local buckets and functions.",
            )

    def load_secret(self) -> bytes:
        """Return the secret of this folder; it is generated on first use."""
        path = self.path / "secret"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path.read_text().encode()

    def running_server(self) -> RunningServer | None:
        """Return the server that uses this folder, or None."""
        server = self.last_server()
        return server if server is not None and server.is_alive() else None

    def last_server(self) -> RunningServer | None:
        """Return the server that wrote the record, which may have been killed since, or None."""
        try:
            return RunningServer(**json.loads(self._server_record.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write_server_record(self, server: RunningServer) -> None:
        """Write the record from which commands learn the server's port."""
        write_private(self._server_record, json.dumps(asdict(server)))

    def remove_server_record(self) -> None:
        """Delete the server record, if there is one."""
        self._server_record.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file in one atomic step; only its owner can read it, even while it is written."""
    # The mode is given to open(2): chmod afterwards would leave a moment to read the secret.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
