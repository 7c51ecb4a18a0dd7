"""moto 5.2 itself, called in-process, one call at a time, with seeded random numbers."""

from __future__ import annotations

import io
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from scar.local.moto.calls import MotoRequest

_DROPPED_HEADERS = frozenset(
    {"content-length", "connection", "transfer-encoding", "date", "server"}
)


class MotoApp:
    """moto's WSGI application and its random numbers.

    moto is not safe under threads, and draws its ids from one generator: a single lock and a
    seed per call make every id a function of that seed alone.
    """

    def __init__(self, account: str) -> None:
        from moto.moto_api._internal import mock_random
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        _clear_backends()
        self.account = account
        self.lock = threading.RLock()
        self._random = mock_random
        self._app = DomainDispatcherApplication(create_backend_app)
        self._regions_with_network: set[str] = set()

    def call(self, sent: MotoRequest, seed: str) -> Response:
        """Let moto answer; everything random in the answer follows from ``seed``."""
        with self.lock:
            self.seed_random(sent, seed)
            return _call_wsgi_app(self._app, _wsgi_environ(sent, self.account))

    def seed_random(self, sent: MotoRequest, seed: str) -> None:
        """Start the random numbers of one call; the Region's default network exists before."""
        if sent.service in {"batch", "ec2"}:
            self._create_default_network(sent.region)
        self._random.seed(seed)

    def _create_default_network(self, region: str) -> None:
        """Make the Region's default VPC, always with the same ids, with a way to the internet."""
        if region in self._regions_with_network:
            return
        from moto.ec2.models import ec2_backends

        self._random.seed(f"network {self.account} {region}")
        with _temporary_variable(
            "MOTO_EC2_LOAD_DEFAULT_AMIS", "false"
        ):  # 0.4 s for what nobody asks
            backend = ec2_backends[self.account][region]
        gateway = backend.create_internet_gateway()
        for vpc in list(backend.vpcs.values()):
            backend.attach_internet_gateway(gateway.id, vpc.id)
        for table in list(backend.route_tables.values()):
            backend.create_route(table.id, "0.0.0.0/0", None, gateway_id=gateway.id)
        self._regions_with_network.add(region)


@contextmanager
def _temporary_variable(name: str, value: str) -> Iterator[None]:
    """Set one of moto's switches, which it reads from the environment, for a moment."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _clear_backends() -> None:
    """moto is one per process: let nothing of an earlier plane show through."""
    from moto.core.base_backend import BackendDict

    for backend in list(BackendDict._instances):  # type: ignore[misc]  # noqa: SLF001
        backend.clear()


def _wsgi_environ(sent: MotoRequest, account: str) -> dict[str, object]:
    """Build the request as moto wants it: the signature's scope says service and Region."""
    scope = f"{account}/20200101/{sent.region}/{sent.service}/aws4_request"
    return {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(sent.path).decode("latin-1"),
        "RAW_URI": f"{sent.path}?{sent.query}" if sent.query else sent.path,
        "QUERY_STRING": sent.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, "
        "Signature=checked",
        "HTTP_X_AMZ_TARGET": sent.target,
        "CONTENT_TYPE": sent.content_type,
        "CONTENT_LENGTH": str(len(sent.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(sent.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _call_wsgi_app(app: Callable[..., Iterable[bytes]], environ: Mapping[str, object]) -> Response:
    status = 500
    headers: dict[str, str] = {}

    def start_response(line: str, fields: list[tuple[str, str]], _error: object = None) -> None:
        nonlocal status
        status = int(line.split(" ", 1)[0])
        headers.update(
            (name.lower(), value) for name, value in fields if name.lower() not in _DROPPED_HEADERS
        )

    chunks = app({key: value for key, value in environ.items() if value != ""}, start_response)
    try:
        body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return Response(status=status, headers=headers, body=body)
