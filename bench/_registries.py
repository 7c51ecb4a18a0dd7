"""Runs Debian's registry on loopback, and counts the bytes of connections to it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 30.0


def missing(*programs: str) -> str:
    """Return a sentence with the programs that are not installed; empty if all are."""
    absent = [program for program in programs if shutil.which(program) is None]
    return f"Not measured: {' and '.join(absent)} not installed." if absent else ""


@dataclass(frozen=True, slots=True)
class AnonymousRegistries:
    """No logins: the registries are anonymous."""

    def login(self, registry: str) -> None:
        del registry


@dataclass(frozen=True, slots=True)
class Running:
    """A running registry; ``log`` has one line per request."""

    host: str
    log: Path

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}"

    def requests(self) -> list[str]:
        """Return the requests so far as ``METHOD /path``, without those to ``/v2/`` (pings)."""
        lines = self.log.read_text(errors="replace").splitlines()
        requests = (line.split('"')[1].rpartition(" ")[0] for line in lines if '"' in line)
        return [request.partition("?")[0] for request in requests if not request.endswith("/v2/")]


@contextmanager
def registry() -> Iterator[Running]:
    """Run an empty registry; stop it and delete its folder afterwards."""
    with tempfile.TemporaryDirectory(prefix="scar-bench-") as name, socket.socket() as free:
        folder = Path(name)
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        config = folder / "registry.yml"
        config.write_text(
            "version: 0.1\nlog: {level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
            f"http: {{addr: '{host}'}}\n"
        )
        log = folder / "log"
        with (
            log.open("wb") as out,
            subprocess.Popen(
                ["docker-registry", "serve", str(config)], stdout=out, stderr=subprocess.DEVNULL
            ) as process,
        ):
            try:
                _wait_for(host)
                yield Running(host, log)
            finally:
                process.terminate()


def _wait_for(host: str) -> None:
    name, _, port = host.rpartition(":")
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((name, int(port)), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


@dataclass(slots=True)
class Meter:
    """A TCP proxy in front of a registry that counts the bytes in both directions."""

    target: str
    host: str = ""
    sent: int = 0
    received: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}"

    def serve(self, listener: socket.socket) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            name, _, port = self.target.rpartition(":")
            server = socket.create_connection((name, int(port)))
            for source, sink, up in ((client, server, True), (server, client, False)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pump, args=(source, sink, up), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with source, suppress(OSError):  # the side that ends first closes both
            while data := source.recv(1 << 16):
                with self._lock:
                    self.sent += len(data) if up else 0
                    self.received += 0 if up else len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def metered(running: Running) -> Iterator[Meter]:
    """Run a meter in front of a registry."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        meter = Meter(running.host, f"127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=meter.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield meter
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
