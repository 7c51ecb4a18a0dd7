"""The local cloud's state folder: where it is, what lies in it, and the files that name it.

Everything is private to the user (0700, files 0600): the folder holds the secret from which
all access keys are derived, and the objects of every bucket.
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
    """What a server writes once it answers; ``started`` is the process's start time in ticks."""

    pid: int
    started: int
    port: int
    engine: str
    version: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_alive(self) -> bool:
        """Say whether that very process still runs."""
        return is_running(self.pid, self.started)


@dataclass(frozen=True, slots=True)
class LocalCloudHome:
    """One state folder; one server at a time works on it."""

    path: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Take SCAR_LOCAL_HOME, else the user's state folder (XDG base directories)."""
        if chosen := environment.get("SCAR_LOCAL_HOME"):
            return cls(Path(chosen).absolute())
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
        """Make the folder; refuse one that another layout of the local cloud has written."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.data.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The local cloud cannot use its folder {self.path}: {error.strerror}.",
                remedy="Set SCAR_LOCAL_HOME to a folder that you may write.",
            ) from error
        layout = self.path / "layout"
        if not layout.exists():
            write_private(layout, f"{LAYOUT_VERSION}\n")
        elif (found := layout.read_text().strip()) != str(LAYOUT_VERSION):
            raise ConfigurationError(
                f"{self.path} was written by another release of scar (layout {found}).",
                remedy="Run `scar local reset`, which forgets its buckets and functions.",
            )

    def load_secret(self) -> bytes:
        """Return the secret of this folder, drawn when the folder was first used."""
        path = self.path / "secret"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path.read_text().encode()

    def running_server(self) -> RunningServer | None:
        """Return the server that works on this folder, or None."""
        try:
            found = RunningServer(**json.loads(self._server_record.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return found if found.is_alive() else None

    def write_server_record(self, server: RunningServer) -> None:
        """Tell commands where the server listens."""
        write_private(self._server_record, json.dumps(asdict(server)))

    def remove_server_record(self) -> None:
        """Forget the announced server."""
        self._server_record.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file in one step that nobody else can read, at no moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
