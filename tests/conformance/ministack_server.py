"""Run ministack, an emulator of AWS that shares no code with moto or the local cloud.

It has a virtual environment of its own (``make venv``), because it pins an older botocore. Its
process may open sockets on the loopback interface only, and is ended by its process id.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.engine_harness import unavailable
from tests.waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = Path(sys.prefix) / "ministack" / "bin" / "python"
ACCOUNT = "123456789012"  # moto's, so that ARNs compare equal
REFUSED = "outside connection refused"

# The audit hook sees every use of sockets by Python code, also by libraries.
_MAIN = f"""\
import ipaddress, sys

def is_local(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in (None, "", "localhost")

def guard(event, arguments):
    if event in ("socket.connect", "socket.bind"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.sendto":
        host = arguments[1][0] if isinstance(arguments[1], tuple) else None
    else:
        return
    if isinstance(host, bytes):
        host = host.decode()
    if not is_local(host):
        print("{REFUSED}:", event, host, file=sys.stderr, flush=True)
        raise PermissionError(f"{{event}} {{host}}: loopback only")

sys.addaudithook(guard)
"""
_SERVE = "from ministack.app import main\nmain()\n"


@dataclass(frozen=True, slots=True)
class MinistackServer:
    """A running server; ``log`` is what it printed."""

    url: str
    log: Path
    pid: int

    @property
    def outside_connections(self) -> list[str]:
        """The attempts to use the network beyond this machine, all of them refused."""
        return [line for line in self.log.read_text().splitlines() if line.startswith(REFUSED)]


@contextlib.contextmanager
def ministack(folder: Path) -> Iterator[MinistackServer]:
    """Start ministack on a free port of the loopback interface; skip where it is not installed."""
    if not PYTHON.is_file():
        unavailable("ministack is not installed: run `make venv`")
    port = _free_port()
    log = folder / "ministack.log"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MINISTACK_"))}
    environment = {
        **kept,
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(folder),
        "HOME": str(folder),
        # No containers: functions are deployed here, not run.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PYTHON, "-c", _MAIN + _SERVE],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        server = MinistackServer(f"http://127.0.0.1:{port}", log, process.pid)
        _wait_until_ready(server, process)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_guarded(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code with the audit hook of the server; return what it printed."""
    return subprocess.run(
        [sys.executable, "-c", _MAIN + code], capture_output=True, text=True, check=False
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: MinistackServer, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + TIMEOUT
    while True:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"{server.url}/_ministack/health", timeout=5),  # noqa: S310
        ):
            return
        assert process.poll() is None, server.log.read_text()
        assert time.monotonic() < end, "ministack did not start"
        time.sleep(0.1)
