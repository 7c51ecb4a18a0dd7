"""A threaded HTTP/1.1 server on the loopback interface, for one application."""

from __future__ import annotations

import contextlib
import errno
import logging
import resource
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.http.connection import ClientConnection, ConnectionLimits
from scar.local.http.heads import encode_response_head

if TYPE_CHECKING:
    import ssl

    from scar.local.http.messages import HttpApp

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"


class HttpServer:
    """Serves an application: keep-alive, 100-continue, streamed bodies, a thread per connection.

    A server costs a socket and a thread, so that each sandbox can have its own. When
    ``limits.connections`` are open, one is closed for a new one: see ``_evict``. If none may be
    closed, the new one is rejected with 503, which SDKs retry.
    """

    def __init__(
        self,
        app: HttpApp,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        limits: ConnectionLimits | None = None,
    ) -> None:
        self._app = app
        self._port = port
        self._tls = tls
        limits = limits or ConnectionLimits()
        self._limits = replace(limits, connections=min(limits.connections, _most_connections()))
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._lock = threading.Lock()
        self._connections: dict[ClientConnection, threading.Thread] = {}
        self._closing = False

    def start(self) -> int:
        """Listen on 127.0.0.1 and return the port; raise OSError if the port is in use."""
        self._listener = socket.create_server((LOOPBACK, self._port), backlog=512)
        self._port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(
            target=self._accept_connections,
            args=(self._listener,),
            name=f"http-{self._port}",
            daemon=True,
        )
        self._acceptor.start()
        return self._port

    def close(self, grace: float = 5.0) -> None:
        """Stop listening; wait up to ``grace`` seconds for requests in progress."""
        with self._lock:
            self._closing = True
        if self._listener and self._acceptor:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(); close() does not
            self._acceptor.join()
            self._listener.close()
        # First tell all connections to stop, then wait for all, then end the remaining ones:
        # the total time is bounded by ``grace``, not multiplied by their number.
        end = time.monotonic() + grace
        for connection, _ in self._other_connections():
            connection.stop()
        for _, thread in self._other_connections():
            thread.join(max(0.0, end - time.monotonic()))
        for connection, thread in self._other_connections():
            connection.stop(immediately=True)
            thread.join(0.2)

    def _other_connections(self) -> list[tuple[ClientConnection, threading.Thread]]:
        """Return all connections but that of the calling thread.

        A request may close the server that serves it; it must not wait for itself.
        """
        with self._lock:
            current = threading.current_thread()
            return [(c, thread) for c, thread in self._connections.items() if thread is not current]

    def _accept_connections(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError as error:
                if self._closing:
                    return
                log.warning("cannot accept a connection: %s", error)
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._evict()
                time.sleep(0.1)  # out of file descriptors: do not spin
                continue
            try:
                self._serve_in_thread(sock)
            except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
                log.warning("cannot serve a connection: %s", error)
                sock.close()

    def _serve_in_thread(self, sock: socket.socket) -> None:
        connection = ClientConnection(sock, self._app, self._limits, self._tls)
        thread = threading.Thread(
            target=self._run, args=(connection,), name=f"http-{self._port}-client", daemon=True
        )
        if not self._make_room():
            self._reject_connection(sock)
            return
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                del self._connections[connection]
            raise

    def _run(self, connection: ClientConnection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.pop(connection, None)

    def _make_room(self) -> bool:
        with self._lock:
            if sum(not c.stopping for c in self._connections) < self._limits.connections:
                return True
        return self._evict()

    def _evict(self) -> bool:
        """Close the connection that is missed least; return whether there is one.

        Clients that were not authenticated are first: those that are idle, then those that have
        been sending one request for long (``limits.slow``). Then idle clients that were
        authenticated; one with a request in progress is never disconnected. Of each kind, the
        oldest. All clients have the same address, so there is no limit for each.
        """
        with self._lock:
            now = time.monotonic()
            candidates = [c for c in self._connections if c.idle or not c.trusted]
            candidates = [c for c in candidates if not c.stopping]
            if not candidates:
                return False

            def rank(connection: ClientConnection) -> tuple[int, float]:
                if connection.trusted:
                    return 2, connection.since
                is_slow = now - connection.since > self._limits.slow
                return (0 if connection.idle else 1 if is_slow else 3), connection.since

            chosen = min(candidates, key=rank)
        # It closes in its own thread, so that the limit is exceeded for a moment.
        chosen.stop(immediately=not chosen.trusted)
        return True

    def _reject_connection(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            # With TLS, a response would need a handshake, for which the acceptor has no time.
            if not self._tls:
                sock.settimeout(0.2)
                headers = {"content-length": "0", "retry-after": "1"}
                sock.sendall(encode_response_head(503, headers, close=True))
        sock.close()


def _most_connections() -> int:
    """Return how many connections leave two thirds of the file descriptors for other files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else max(soft // 3, 8)


def start_on_port(app: HttpApp, preferred: int) -> tuple[HttpServer, int]:
    """Return a started server and its port: the usual one, so that exported URLs stay valid.

    If the usual port is in use, the kernel chooses one.
    """
    for port in (preferred, 0):
        server = HttpServer(app, port=port)
        try:
            return server, server.start()
        except OSError:
            if port == 0:
                raise
    raise AssertionError
