"""Start, find, stop and reset the local cloud of a state folder; used by the command line.

Each command that uses a running local cloud imports this module: what only the start or the status
of a server needs is imported with them.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.errors import ConfigurationError, ScarError, UsageError, WaitTimeoutError
from scar.local.conditions.settings import parse_seed
from scar.local.home import disk_full_error
from scar.local.state.inventory import remove_inventory
from scar.local.state.private_files import dated_name, open_private
from scar.local.state.regular_files import describe_kind, open_regular
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedWriter, TextIOWrapper
    from pathlib import Path

    from scar.local.home import LocalCloudHome, RunningServer

EXIT_LOCKED = 75  # a server's exit status: another server uses the state folder
ENGINES = ("docker", "sandbox", "process")
RANDOM_SEED = "random"
"""Stands for a new seed of ``--chaos``."""
_NEEDED_BYTES = 64 << 10  # free bytes below which a server that left no log had no room for it
START_SECONDS = 60.0
STOP_SECONDS = 20.0
RESPONSE_SECONDS = 10.0
COMMAND_LINE_KEY = "AKIALOCALCOMMANDLINE"


class LocalCloudNotStartedError(ScarError):
    """The local cloud's process exited before it served requests, or does not respond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCloudEndpoint:
    """A running local cloud, and the key with which the command line signs its requests."""

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str
    engine: str
    chaos: str = ""

    @property
    def description(self) -> str:
        chaos = f", --chaos={self.chaos}" if self.chaos else ""
        return f"local cloud at {self.endpoint_url} ({self.engine} engine{chaos})"


@dataclass(frozen=True, slots=True)
class LocalCloudControl:
    """Starts and stops the local cloud of one state folder.

    ``limits``: whether a server that it starts enforces AWS's request rates.
    """

    home: LocalCloudHome
    environment: Mapping[str, str]
    limits: bool = True

    def ensure_started(self, engine: str = "", chaos: str = "") -> LocalCloudEndpoint:
        """Return the running local cloud; start it if none runs.

        ``chaos`` is a seed, or RANDOM_SEED for a new one; empty: as it runs, or as the server
        that was killed. Raise UsageError for an unknown engine, and for an engine or a seed other
        than the running server's; LocalCloudNotStartedError with the end of the server's log;
        WaitTimeoutError.
        """
        engine = engine or self.environment.get("SCAR_LOCAL_ENGINE", "")
        if engine not in ("", *ENGINES):
            raise UsageError(
                f"Unknown engine {engine!r}.", remedy=f"Choose one of {', '.join(ENGINES)}."
            )
        if chaos not in ("", RANDOM_SEED):
            parse_seed(chaos)
        self.home.create()
        with self._exclusive_lock():
            running = self.home.running_server() or self._start_server(engine, chaos)
        if engine not in ("", running.engine):
            raise UsageError(
                f"The local cloud is already running with the {running.engine} engine.",
                remedy=f"Run `scar local stop`, then `scar local start --engine {engine}`.",
            )
        if chaos not in ("", running.chaos) and not (running.chaos and chaos == RANDOM_SEED):
            raise UsageError(
                "The local cloud is already running "
                + (f"with --chaos={running.chaos}." if running.chaos else "without --chaos."),
                remedy="Run `scar local stop`, then start it again with --chaos"
                + (f"={chaos}." if chaos != RANDOM_SEED else "."),
            )
        return self._build_endpoint(running)

    def find(self) -> LocalCloudEndpoint | None:
        """Return the running local cloud, or None; does not start one."""
        running = self.home.running_server()
        return self._build_endpoint(running) if running else None

    def status(self) -> Mapping[str, object] | None:
        """Return the running server's status, or None if none runs.

        Raise LocalCloudNotStartedError if the server does not respond.
        """
        running = self.home.running_server()
        if running is None:
            return None
        try:
            return _get_json(running, "/_scar/status", control_token(self.home.load_secret()))
        except OSError as error:
            raise LocalCloudNotStartedError(
                f"The local cloud (process {running.pid}) does not respond: {error}.",
                remedy=f"See {self.home.log}; `scar local stop` stops it.",
            ) from error

    def stop(self) -> bool:
        """Stop the server and everything it runs; return whether one was running."""
        with self._exclusive_lock():
            return self._stop_server()

    def reset(self) -> None:
        """Stop the server and delete all buckets, functions, jobs and logs of the folder."""
        if not self.home.path.exists():
            return
        with self._exclusive_lock():
            self._stop_server()
            remove_inventory(self.home.data)
            for entry in self.home.path.iterdir():
                if entry.name == "lock":  # held now; a new file would be a second lock
                    continue
                _remove_entry(entry)

    def _build_endpoint(self, server: RunningServer) -> LocalCloudEndpoint:
        from scar.local.http.secret_keys import derive_secret_key

        region = self.environment.get("AWS_REGION") or self.environment.get("AWS_DEFAULT_REGION")
        return LocalCloudEndpoint(
            endpoint_url=server.url,
            access_key=COMMAND_LINE_KEY,
            secret_key=derive_secret_key(self.home.load_secret(), COMMAND_LINE_KEY),
            region=region or "us-east-1",
            engine=server.engine,
            chaos=server.chaos,
        )

    def _server_command(self, engine: str, chaos: str) -> list[str]:
        command = [sys.executable, "-m", "scar.local.server", "--home", str(self.home.path)]
        if engine:
            command += ["--engine", engine]
        # The record of a stopped server is gone: this one was killed, and is continued.
        killed = self.home.last_server()
        seed = chaos or (killed.chaos if killed else "")
        if seed == RANDOM_SEED:
            from secrets import randbelow

            seed = str(randbelow(10**6))
        if seed:
            command += ["--chaos", seed]
        return command if self.limits else [*command, "--no-limits"]

    def _start_server(self, engine: str, chaos: str) -> RunningServer:
        import subprocess

        command = self._server_command(engine, chaos)
        self.home.remove_server_record()
        with self._open_log() as log:
            log_start = log.tell()
            server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home.path,  # not the user's folder, which would stay in use
                env=dict(self.environment),
                start_new_session=True,  # Ctrl-C in this terminal must not stop the server
            )
        waited = 0.0
        while waited < START_SECONDS:
            running = self.home.running_server()
            if running is not None:
                return running
            # EXIT_LOCKED: a server runs, but its record was deleted; it writes the record again.
            if (status := server.poll()) not in (None, EXIT_LOCKED):
                log_text = self._log_from(log_start)
                raise _start_failure(self.home, status, log_text)
            time.sleep(0.05)
            waited += 0.05
        server.kill()
        server.wait()
        raise WaitTimeoutError(
            f"The local cloud did not respond within {START_SECONDS:.0f} s.",
            remedy=f"See {self.home.log}.",
        )

    def _open_log(self) -> BufferedWriter:
        log = self.home.log
        if describe_kind(log):
            log.rename(dated_name(log, "damaged"))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.fdopen(open_regular(log, flags, follow_links=True), "ab")

    def _open_lock(self) -> TextIOWrapper:
        try:
            self.home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return open_private(self.home.path / "lock")
        except OSError as error:
            raise ConfigurationError(
                f"The local cloud cannot use {error.filename}: {error.strerror}.",
                remedy="Move it aside, or set SCAR_LOCAL_HOME to a folder that you can write to.",
            ) from error

    def _log_from(self, offset: int) -> str:
        with self.home.log.open("rb") as log:
            log.seek(offset)
            return "\n".join(log.read().decode(errors="replace").strip().splitlines()[-8:])

    def _stop_server(self) -> bool:
        running = self.home.running_server()
        if running is None:
            # The record of a killed server: the next start does not continue its chaos.
            self.home.remove_server_record()
            return False
        os.kill(running.pid, signal.SIGTERM)
        # Sandboxes of a killed server are ended by the next one.
        if not _wait_until_gone(running, STOP_SECONDS):
            os.kill(running.pid, signal.SIGKILL)
            _wait_until_gone(running, STOP_SECONDS)
        self.home.remove_server_record()
        return True

    @contextmanager
    def _exclusive_lock(self) -> Iterator[None]:
        """Hold the lock with which one command at a time starts or stops this folder's server."""
        with self._open_lock() as lock:
            waited = 0.0
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if waited > START_SECONDS + STOP_SECONDS:
                        raise WaitTimeoutError(
                            "Another command is starting or stopping the local cloud.",
                            remedy="Try again; if it hangs, end that command.",
                        ) from error
                    time.sleep(0.1)
                    waited += 0.1
            yield


def _start_failure(home: LocalCloudHome, status: int | None, log_text: str) -> ScarError:
    """Return the error for a server that has exited; a full disk leaves no room for its log."""
    from shutil import disk_usage

    if not log_text and disk_usage(home.path).free < _NEEDED_BYTES:
        return disk_full_error(home.path)
    return LocalCloudNotStartedError(
        f"The local cloud did not start (status {status}):\n{log_text or '(its log is empty)'}",
        remedy=f"The complete log is {home.log}.",
    )


def control_token(secret: bytes) -> str:
    """Return the token that requests to ``/_scar/…`` must send as ``x-scar-token``."""
    from scar.local.http.secret_keys import derive_secret_key

    # "control" is too short to be an access key id, so no signing key equals the token.
    return derive_secret_key(secret, "control")


def _get_json(server: RunningServer, path: str, token: str) -> Mapping[str, object]:
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", server.port, timeout=RESPONSE_SECONDS)
    try:
        connection.request("GET", path, headers={"x-scar-token": token})
        document: dict[str, object] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return document


def _wait_until_gone(server: RunningServer, seconds: float) -> bool:
    waited = 0.0
    while server.is_alive():
        if waited >= seconds:
            return False
        time.sleep(0.05)
        waited += 0.05
    return True


def _remove_entry(entry: Path) -> None:
    try:
        if entry.is_dir() and not entry.is_symlink():
            remove_tree(entry)
        else:
            entry.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename} cannot be deleted: {error.strerror}.",
            remedy="Delete it yourself, if necessary as the user who owns it.",
        ) from error
