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
class ReceivedRequest:
    """A request; ``connection`` is the number of its connection, from 1."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Reply; ``only`` sends that many bytes of the body and closes, ``close`` closes."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    only: int | None = None
    close: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """Read the request, then close the connection without a reply."""


@dataclass(frozen=True, slots=True)
class ReplyThenClose:
    """Reply, keep the connection, and close it when the next request arrives."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class ReplyEarly:
    """Reply after the request's headers, without reading the body, and close."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class NoReply:
    """Read the request and never reply."""


Step = Reply | Close | ReplyThenClose | ReplyEarly | NoReply


class ScriptedServer:
    """Executes its steps in order, on as many connections as the client opens."""

    def __init__(self, steps: tuple[Step | Callable[[list[ReceivedRequest]], Step], ...]) -> None:
        self.steps = list(steps)
        self.requests: list[ReceivedRequest] = []
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
                self.requests.append(seen)
                if not self._act(connection, seen.method):
                    return

    def _request(self, line: bytes, stream: BinaryIO, number: int) -> ReceivedRequest:
        method, target, _ = line.decode("latin-1").split()
        headers = {}
        while header := stream.readline().strip():
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        size = int(headers.get("content-length", 0))
        body = b"" if isinstance(self.steps[0], ReplyEarly) else stream.read(size)
        return ReceivedRequest(
            method=method, target=target, headers=headers, body=body, connection=number
        )

    def _act(self, connection: socket.socket, method: str) -> bool:
        """Execute the next step; return whether the connection stays open."""
        step = self.steps.pop(0)
        match step(self.requests) if callable(step) else step:
            case Reply() as reply:
                _send(connection, reply, method)
                return reply.only is None and not reply.close
            case Close():
                return False
            case ReplyThenClose(reply):
                _send(connection, reply, method)
                connection.recv(1)
                return False
            case ReplyEarly(reply):
                _send(connection, reply, method)
                # Closing with unread bytes in the buffer resets the connection.
                connection.recv(1)
                return False
            case NoReply():
                connection.recv(1)
                return False


def _send(connection: socket.socket, reply: Reply, method: str) -> None:
    headers = {"content-length": str(len(reply.body)), **reply.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    body = b"" if method == "HEAD" else reply.body[: reply.only]
    connection.sendall(f"HTTP/1.1 {reply.status} -\r\n{lines}\r\n".encode() + body)


@contextlib.contextmanager
def scripted(*steps: Step | Callable[[list[ReceivedRequest]], Step]) -> Iterator[ScriptedServer]:
    """Run a server; assert at the end that all of its steps were executed."""
    server = ScriptedServer(steps)
    try:
        yield server
    finally:
        server.close()
    assert not server.steps, f"steps not executed: {server.steps}"
