"""A TCP proxy that cuts connections after a number of bytes, in either direction."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class CuttingProxy:
    """Forwards connections to a port of this machine.

    ``cut_requests`` and ``cut_responses`` are numbers of bytes, one for each connection to cut;
    later connections are forwarded whole. The response to a request that contains a text of
    ``drop_response_to`` is not forwarded, once for each text. ``cuts`` counts.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut_requests: list[int] = []
        self.cut_responses: list[int] = []
        self.drop_response_to: list[bytes] = []
        self.cuts = 0
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Stop; the connections must have ended or end with their clients."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            dropped = threading.Event()
            for source, sink, limits in (
                (client, server, self.cut_requests),
                (server, client, self.cut_responses),
            ):
                thread = threading.Thread(target=self._copy, args=(source, sink, limits, dropped))
                thread.start()
                self._threads.append(thread)

    def _copy(
        self,
        source: socket.socket,
        sink: socket.socket,
        limits: list[int],
        dropped: threading.Event,
    ) -> None:
        is_request = limits is self.cut_requests
        copied = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if is_request and (found := [t for t in self.drop_response_to if t in data]):
                    self.drop_response_to.remove(found[0])
                    dropped.set()
                elif not is_request and dropped.is_set():
                    self.cuts += 1
                    break
                if limits and copied + len(data) > limits[0]:
                    sink.sendall(data[: limits.pop(0) - copied])
                    self.cuts += 1
                    break
                copied += len(data)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    """Run a proxy before the port."""
    proxy = CuttingProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
