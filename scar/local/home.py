"""The local cloud's state folder: its location, its secret and the record of its server.

Everything is readable by the owner only (folder 0700, files 0600): the folder contains the
secret from which all access keys are derived, and the objects of every bucket.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from scar.errors import ConfigurationError
from scar.local.processes import is_running
from scar.local.state.disk_space import is_disk_full
from scar.local.state.files import StateFileError
from scar.local.state.inventory import create_data_folder, has_inventory
from scar.local.state.private_files import dated_name, write_private
from scar.local.state.regular_files import read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYOUT_VERSION = 1
_SECRET = re.compile("[0-9a-fA-F]{64,1000}")


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

    def is_well_formed(self) -> bool:
        """Return whether the values have their types: the record may be damaged."""
        numbers, texts = (self.pid, self.started, self.port), (self.engine, self.version)
        return all(type(number) is int for number in numbers) and all(
            isinstance(text, str) for text in (*texts, self.chaos)
        )

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
    def file_systems(self) -> Path:
        """A folder for each access point of EFS and S3 Files, for the user's files too."""
        return self.path / "file-systems"

    @property
    def _server_record(self) -> Path:
        return self.path / "server.json"

    @property
    def _engine_record(self) -> Path:
        return self.path / "engine"

    def create(self) -> None:
        """Create the folder; raise ConfigurationError if that fails or its layout is another."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            create_data_folder(self.data)
            layout = self.path / "layout"
            if not os.path.lexists(layout):
                write_private(layout, f"{LAYOUT_VERSION}\n")
        except OSError as error:
            raise self._unusable_error(error) from error
        self._check_layout(_read_text(layout, "the version of this folder's format"))

    def _check_layout(self, text: str) -> None:
        path, version = self.path / "layout", text.strip()
        if version == str(LAYOUT_VERSION):
            return
        if re.fullmatch("[1-9][0-9]{0,8}", version):
            raise ConfigurationError(
                f"{self.path} was written by another release of scar (layout {version}, in"
                f" {path}; this release has layout {LAYOUT_VERSION}).",
                remedy="Use that release, or set SCAR_LOCAL_HOME to another folder.",
            )
        raise StateFileError(
            f"{path} is empty or damaged. It contains the version of this folder's format,"
            f" {LAYOUT_VERSION} in this release and all before it.",
            remedy="If no later release has used the folder, write it again:"
            f" `echo {LAYOUT_VERSION} > {shlex.quote(str(path))}`. Nothing is lost.",
        )

    def load_secret(self) -> bytes:
        """Return the secret of this folder; it is generated on first use.

        Raise StateFileError if it is damaged: from a short secret, anybody can compute all keys.
        """
        path = self.path / "secret"
        try:
            if not os.path.lexists(path):
                write_private(path, secrets.token_hex(32))
        except OSError as error:
            raise self._unusable_error(error) from error
        secret = _read_text(path, "the secret from which all access keys are derived")
        if not _SECRET.fullmatch(secret):
            raise StateFileError(
                f"{path} is empty or damaged: it must have 64 hexadecimal digits or more. It"
                " contains the secret from which all access keys are derived.",
                remedy=f"{_restart_without(path)} Keys of `scar local env` and presigned URLs"
                " become invalid; buckets, functions, jobs and logs are kept.",
            )
        return secret.encode()

    def kept_engine(self) -> str:
        """Return the name of the engine that this folder uses, empty before its first start.

        Raise StateFileError if the file is damaged or missing.
        """
        path = self._engine_record
        if not os.path.lexists(path):
            if not has_inventory(self.data):
                return ""  # a new folder, or one of a release that did not keep the engine
            raise self._unknown_engine_error("missing")
        name = _read_text(path, "the name of the container engine").strip()
        if not re.fullmatch("[a-z]{1,20}", name):
            raise self._unknown_engine_error("empty or damaged")
        return name

    def _unknown_engine_error(self, state: str) -> StateFileError:
        return StateFileError(
            f"{self._engine_record} is {state}. It contains the name of the container engine that"
            " runs functions and jobs.",
            remedy="Name the engine again: `scar local start --engine sandbox`, for example."
            " Nothing is lost.",
        )

    def keep_engine(self, name: str) -> None:
        """Use this engine from now on."""
        path = self._engine_record
        if path.is_dir():
            path.rename(dated_name(path, "damaged"))
        write_private(path, f"{name}\n")

    def running_server(self) -> RunningServer | None:
        """Return the server that uses this folder, or None."""
        server = self.last_server()
        return server if server is not None and server.is_alive() else None

    def last_server(self) -> RunningServer | None:
        """Return the server that wrote the record, which may have been killed since, or None."""
        try:
            server = RunningServer(**json.loads(read_regular(self._server_record)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        return server if server.is_well_formed() else None

    def write_server_record(self, server: RunningServer) -> None:
        """Write the record from which commands learn the server's port."""
        write_private(self._server_record, json.dumps(asdict(server)))

    def remove_server_record(self) -> None:
        """Delete the server record, if there is one; rename a folder of that name."""
        path = self._server_record
        if path.is_dir() and not path.is_symlink():
            path.rename(dated_name(path, "damaged"))
        path.unlink(missing_ok=True)

    def _unusable_error(self, error: OSError) -> ConfigurationError:
        if is_disk_full(error):
            return disk_full_error(self.path)
        return ConfigurationError(
            f"The local cloud cannot use its state folder {self.path}:"
            f" {error.filename or self.path}: {error.strerror}.",
            remedy="Set SCAR_LOCAL_HOME to a folder that you can write to.",
        )


def disk_full_error(folder: Path) -> ConfigurationError:
    """Return the error for a server that cannot start because the disk is full."""
    return ConfigurationError(
        f"The disk is full: the local cloud cannot write to its state folder {folder}.",
        remedy="Free disk space, or set SCAR_LOCAL_HOME to a folder on another disk. Nothing that"
        " was stored is lost.",
    )


def _read_text(path: Path, contents: str) -> str:
    """Return the text of a small file; raise StateFileError if it cannot be read."""
    try:
        return read_regular(path).decode(errors="replace")
    except OSError as error:
        raise StateFileError(
            f"{path} cannot be read: {error.strerror}. It contains {contents}.",
            remedy=f"{_restart_without(path)} Buckets, functions, jobs and logs are kept.",
        ) from error


def _restart_without(path: Path) -> str:
    name = shlex.quote(str(path))
    return (
        "Restore it from a backup, or stop the local cloud and move it aside: `scar local stop;"
        f" mv {name} {name}.lost`. It is then written anew."
    )
