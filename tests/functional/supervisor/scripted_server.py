"""An HTTP server on loopback that follows the script of a test, including failures."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it arrived; ``connection`` counts connections from 1."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Answer; ``only`` sends that many bytes of the body and hangs up, ``close`` hangs up."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    only: int | None = None
    close: bool = False


@dataclass(frozen=True, slots=True)
class HangUp:
    """Read the request, then close the connection without an answer."""


@dataclass(frozen=True, slots=True)
class HangUpAfter:
    """Answer, keep the connection, and close it when the next request is on its way."""

    answer: Say


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer as soon as the head is there, without reading the body, and close."""

    answer: Say


@dataclass(frozen=True, slots=True)
class Silent:
    """Read the request and never answer."""


Act = Say | HangUp | HangUpAfter | Refuse | Silent


class Server:
    """Plays its steps in order, over as many connections as the client opens."""

    def __init__(self, steps: tuple[Act | Callable[[list[Seen]], Act], ...]) -> None:
        self.steps = list(steps)
        self.seen: list[Seen] = []
        self.connections = 0
        self.ended: queue.Queue[int] = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, self.connections))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        self._converse(connection, number)
        self.ended.put(number)

    def _converse(self, connection: socket.socket, number: int) -> None:
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            while line := stream.readline():
                seen = self._request(line, stream, number)
                self.seen.append(seen)
                if not self._act(connection, seen.method):
                    return

    def _request(self, line: bytes, stream: BinaryIO, number: int) -> Seen:
        method, target, _ = line.decode("latin-1").split()
        headers = {}
        while header := stream.readline().strip():
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        size = int(headers.get("content-length", 0))
        body = b"" if isinstance(self.steps[0], Refuse) else stream.read(size)
        return Seen(method=method, target=target, headers=headers, body=body, connection=number)

    def _act(self, connection: socket.socket, method: str) -> bool:
        """Do the next step; return whether the connection stays open."""
        step = self.steps.pop(0)
        match step(self.seen) if callable(step) else step:
            case Say() as said:
                _say(connection, said, method)
                return said.only is None and not said.close
            case HangUp():
                return False
            case HangUpAfter(said):
                _say(connection, said, method)
                connection.recv(1)
                return False
            case Refuse(said):
                _say(connection, said, method)
                # A reset, as of a server that closes with unread bytes in its buffer.
                connection.recv(1)
                return False
            case Silent():
                connection.recv(1)
                return False


def _say(connection: socket.socket, said: Say, method: str) -> None:
    headers = {"content-length": str(len(said.body)), **said.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    body = b"" if method == "HEAD" else said.body[: said.only]
    connection.sendall(f"HTTP/1.1 {said.status} -\r\n{lines}\r\n".encode() + body)


@contextlib.contextmanager
def scripted(*steps: Act | Callable[[list[Seen]], Act]) -> Iterator[Server]:
    """Run a server; at the end all of its steps must have been played."""
    server = Server(steps)
    try:
        yield server
    finally:
        server.close()
    assert not server.steps, f"not asked for: {server.steps}"
