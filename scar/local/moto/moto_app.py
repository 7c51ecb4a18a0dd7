"""Calls moto 5.2 in this process, one call at a time, with seeded random numbers."""

from __future__ import annotations

import functools
import io
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from scar.local.http.messages import Response
from scar.local.moto.loading.start import import_ec2, import_moto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from scar.local.moto.calls import MotoRequest

_DROPPED_HEADERS = frozenset(
    {"content-length", "connection", "transfer-encoding", "date", "server"}
)


class MotoApp:
    """moto's WSGI application and its random numbers.

    moto is not thread-safe and draws all IDs from one random generator: a single lock and a seed
    per call make every ID depend on that seed alone.
    """

    def __init__(self, account: str) -> None:
        _clear_backends()
        self.account = account
        self.lock = threading.RLock()
        self._regions_with_network: set[str] = set()

    @functools.cached_property
    def _app(self) -> Callable[..., Iterable[bytes]]:
        import_moto()
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        return DomainDispatcherApplication(create_backend_app)

    def clear(self) -> None:
        """Delete all state, as in a new process."""
        with self.lock:
            _clear_backends()
            self._regions_with_network.clear()

    def call(self, request: MotoRequest, seed: str) -> Response:
        """Return moto's response; ``seed`` determines all random values in it."""
        with self.lock:
            self.seed_random(request, seed)
            return _call_wsgi_app(self._app, _wsgi_environ(request, self.account))

    def seed_random(self, request: MotoRequest, seed: str) -> None:
        """Seed the random numbers of one call, after creating the Region's default network."""
        import_moto()
        if request.service in {"batch", "ec2"}:
            self._create_default_network(request.region)
        _seed(seed)

    def _create_default_network(self, region: str) -> None:
        """Create the Region's default VPC with an internet gateway, always with the same IDs."""
        if region in self._regions_with_network:
            return
        import_ec2()
        from moto.ec2.models import ec2_backends

        # moto creates a default VPC on the first use of a Region. With a seed of its own here, its
        # IDs do not depend on which call used the Region first.
        _seed(f"network {self.account} {region}")
        # Without moto's list of AMIs, which takes 0.4 s to load and is not served.
        with _temporary_variable("MOTO_EC2_LOAD_DEFAULT_AMIS", "false"):
            backend = ec2_backends[self.account][region]
        gateway = backend.create_internet_gateway()
        for vpc in list(backend.vpcs.values()):
            backend.attach_internet_gateway(gateway.id, vpc.id)
        for table in list(backend.route_tables.values()):
            backend.create_route(table.id, "0.0.0.0/0", None, gateway_id=gateway.id)
        # The nodes of multi-node jobs have no public address, and reach S3 through an endpoint.
        for vpc in list(backend.vpcs.values()):
            tables = [t.id for t in backend.route_tables.values() if t.vpc_id == vpc.id]
            backend.create_vpc_endpoint(
                vpc.id, f"com.amazonaws.{region}.s3", "Gateway", None, tables
            )
        self._regions_with_network.add(region)


@contextmanager
def _temporary_variable(name: str, value: str) -> Iterator[None]:
    """Set one of moto's settings, which it reads from the environment, within a block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _seed(seed: str) -> None:
    from moto.moto_api._internal import mock_random

    mock_random.seed(seed)


def _clear_backends() -> None:
    """Delete all state of moto, which has one per process, left by an earlier MotoApp."""
    if "moto.core" not in sys.modules:
        return
    from moto.core.base_backend import BackendDict

    for backend in list(BackendDict._instances):  # type: ignore[misc]  # noqa: SLF001
        backend.clear()


def _wsgi_environ(request: MotoRequest, account: str) -> dict[str, object]:
    """Return a request as WSGI environment; moto takes service and Region from the signature."""
    scope = f"{account}/20200101/{request.region}/{request.service}/aws4_request"
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "RAW_URI": f"{request.path}?{request.query}" if request.query else request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, "
        "Signature=checked",
        "HTTP_X_AMZ_TARGET": request.target,
        "CONTENT_TYPE": request.content_type,
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
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

    # A header that the request did not have is empty in MotoRequest; a WSGI server omits it.
    chunks = app({key: value for key, value in environ.items() if value != ""}, start_response)
    try:
        body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return Response(status=status, headers=headers, body=body)
