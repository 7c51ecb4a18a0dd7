"""The command line's side of the local cloud: start it, find it, stop it, forget it."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.errors import ConfigurationError, ScarError, StillWaiting, UsageError
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scar.local.home import Home, Running

LOCKED = 75  # a server's exit status: another one works on the folder
ENGINES = ("docker", "sandbox", "process")
START_SECONDS = 60.0
STOP_SECONDS = 20.0
ANSWER_SECONDS = 10.0
COMMAND_LINE_KEY = "AKIALOCALCOMMANDLINE"


class NotStarted(ScarError):
    """The local cloud's process ended before it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCloud:
    """A running local cloud, and the key with which the command line signs its requests."""

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str
    engine: str

    @property
    def description(self) -> str:
        return f"local cloud at {self.endpoint_url} ({self.engine} engine)"


@dataclass(frozen=True, slots=True)
class Control:
    """Start and stop the local cloud of one state folder."""

    home: Home
    environment: Mapping[str, str]

    def ensure_started(self, engine: str = "") -> LocalCloud:
        """Return the running local cloud; start it if there is none.

        Raises UsageError for an unknown engine or one other than the running server's,
        NotStarted with the end of the server's log, StillWaiting.
        """
        engine = engine or self.environment.get("SCAR_LOCAL_ENGINE", "")
        if engine not in ("", *ENGINES):
            raise UsageError(
                f"There is no engine {engine!r}.", remedy=f"Choose one of {', '.join(ENGINES)}."
            )
        self.home.create()
        with self._exclusive():
            running = self.home.running() or self._start(engine)
        if engine not in ("", running.engine):
            raise UsageError(
                f"The local cloud runs already, with the {running.engine} engine.",
                remedy=f"Run `scar local stop`, then `scar local start --engine {engine}`.",
            )
        return self._cloud(running)

    def find(self) -> LocalCloud | None:
        """Return the running local cloud, or None; starts nothing."""
        running = self.home.running()
        return self._cloud(running) if running else None

    def status(self) -> Mapping[str, object] | None:
        """Return what the running server says about itself, or None if none runs."""
        running = self.home.running()
        if running is None:
            return None
        try:
            return _ask(running, "/_scar/status", control_token(self.home.secret()))
        except OSError as error:
            raise NotStarted(
                f"The local cloud (process {running.pid}) does not answer: {error}.",
                remedy=f"See {self.home.log}; `scar local stop` ends it.",
            ) from error

    def stop(self) -> bool:
        """End the server and everything it runs; say whether one was running."""
        with self._exclusive():
            return self._stop()

    def reset(self) -> None:
        """Stop, and forget every bucket, function, job and log of the local cloud."""
        if not self.home.path.exists():
            return
        with self._exclusive():
            self._stop()
            for entry in self.home.path.iterdir():
                if entry.name == "lock":
                    continue
                _remove(entry)

    def _cloud(self, running: Running) -> LocalCloud:
        from scar.local.http.auth import secret_for

        region = self.environment.get("AWS_REGION") or self.environment.get("AWS_DEFAULT_REGION")
        return LocalCloud(
            endpoint_url=running.url,
            access_key=COMMAND_LINE_KEY,
            secret_key=secret_for(self.home.secret(), COMMAND_LINE_KEY),
            region=region or "us-east-1",
            engine=running.engine,
        )

    def _start(self, engine: str) -> Running:
        self.home.retire()
        command = [sys.executable, "-m", "scar.local.server", "--home", str(self.home.path)]
        if engine:
            command += ["--engine", engine]
        descriptor = os.open(self.home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as log:
            begin = log.tell()
            server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home.path,
                env=dict(self.environment),
                start_new_session=True,
            )
        waited = 0.0
        while waited < START_SECONDS:
            running = self.home.running()
            if running is not None:
                return running
            # One that lost its announcement makes it again.
            if (status := server.poll()) not in (None, LOCKED):
                raise NotStarted(
                    f"The local cloud did not start (status {status}):\n{self._log_from(begin)}",
                    remedy=f"The whole log is {self.home.log}.",
                )
            time.sleep(0.05)
            waited += 0.05
        server.kill()
        server.wait()
        raise StillWaiting(
            f"The local cloud did not answer within {START_SECONDS:.0f} s.",
            remedy=f"See {self.home.log}.",
        )

    def _log_from(self, begin: int) -> str:
        with self.home.log.open("rb") as log:
            log.seek(begin)
            return "\n".join(log.read().decode(errors="replace").strip().splitlines()[-8:])

    def _stop(self) -> bool:
        running = self.home.running()
        if running is None:
            return False
        os.kill(running.pid, signal.SIGTERM)
        if not _gone(running, STOP_SECONDS):
            os.kill(running.pid, signal.SIGKILL)
            _gone(running, STOP_SECONDS)
        self.home.retire()
        return True

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Let one command at a time start or stop the server of this folder."""
        self.home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.home.path / "lock").open("w") as lock:
            waited = 0.0
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if waited > START_SECONDS + STOP_SECONDS:
                        raise StillWaiting(
                            "Another command is starting or stopping the local cloud.",
                            remedy="Try again; if it hangs, end that command.",
                        ) from error
                    time.sleep(0.1)
                    waited += 0.1
            yield


def control_token(secret: bytes) -> str:
    """Return what a request to the server's own routes must show."""
    from scar.local.http.auth import secret_for

    return secret_for(secret, "control")


def _ask(running: Running, path: str, token: str) -> Mapping[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path, headers={"x-scar-token": token})
        answer: dict[str, object] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer


def _gone(running: Running, seconds: float) -> bool:
    waited = 0.0
    while running.alive():
        if waited >= seconds:
            return False
        time.sleep(0.05)
        waited += 0.05
    return True


def _remove(entry: Path) -> None:
    try:
        if entry.is_dir() and not entry.is_symlink():
            remove_tree(entry)
        else:
            entry.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename} cannot be removed: {error.strerror}.",
            remedy="Remove it by hand; it belongs to another user.",
        ) from error
