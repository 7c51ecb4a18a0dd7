"""The local cloud in one process: its services, wired to each other behind one HTTP server."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING

from scar.local.access_keys import Keys
from scar.local.batch.app import BatchPlane
from scar.local.batch.change_guard import BatchGuard
from scar.local.batch.service import BatchService
from scar.local.batch.service import Settings as BatchSettings
from scar.local.control import control_token
from scar.local.destinations import Destinations
from scar.local.engines.selection import choose
from scar.local.http.auth import Authenticator
from scar.local.http.messages import Response
from scar.local.http.router import Route, Router
from scar.local.http.server import HttpServer
from scar.local.lambda_.app import InvokePlane
from scar.local.lambda_.function_registry import ConfiguredFunctions
from scar.local.lambda_.model import NOT_EMULATED
from scar.local.lambda_.service import LambdaService, Ports, Settings
from scar.local.logs.service import LogsPlane
from scar.local.logs.store import LogStore
from scar.local.moto.service import MotoPlane
from scar.local.registry.ecr_api import EcrImages
from scar.local.registry.images import ImageStore
from scar.local.registry.service import RegistryPlane
from scar.local.s3.service import S3Plane
from scar.local.wiring import forget_logs, lets_s3_send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.home import Home
    from scar.local.http.messages import Plane, Request

ACCOUNT = "123456789012"
"""The account that every request is for; moto's default."""
PREFERRED_PORT = 4580


class Cloud:
    """All services over one state folder. Made, it answers; ``close`` ends all it runs."""

    def __init__(self, home: Home, engine: str, environment: Mapping[str, str]) -> None:
        self._home = home
        self._door = _Door()
        self._server, self.port = _listen(self._door)
        self._closers: list[Callable[[], None]] = [self._server.close]
        try:
            # Opened first and closed last: sandboxes of a killed server end here.
            self.engine = choose(engine, home.data / "engines", environment)
            self._closers.insert(0, self.engine.close)
            self._assemble(home, environment)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """End all services, the newest first; what is kept is there at the next start."""
        self._door.shut()
        while self._closers:
            self._closers.pop()()

    def status(self) -> dict[str, object]:
        """Return what ``scar local status`` shows."""
        return {
            "url": self.url,
            "home": str(self._home.path),
            "engine": self.engine.name,
            "guarantees": asdict(self.engine.guarantees),
            "lambda": asdict(self._lambda.status()),
            "batch": self._batch.status(),
            "not_emulated": [*self._moto.status(), *NOT_EMULATED],
        }

    def _assemble(self, home: Home, environment: Mapping[str, str]) -> None:
        secret, data = home.secret(), home.data
        keys = Keys(secret)
        password = secrets.token_urlsafe(24)
        self._moto = moto = MotoPlane(
            data / "moto", account=ACCOUNT, registry=lambda: (self.url, password)
        )
        self._closers.append(moto.close)
        groups = moto.log_groups
        logs = LogStore(data / "logs", ensure_group=groups.ensure, retention=groups.retention)
        self._closers.append(logs.close)
        registry = RegistryPlane(data / "registry", password)
        images, of_ecr = ImageStore(registry.store), EcrImages(registry.store)
        self._lambda = self._functions(moto, images, logs, keys)
        self._batch = self._jobs(moto, images, logs, keys)
        s3 = S3Plane(
            data / "s3",
            ACCOUNT,
            deliver=self._enqueue,
            destination_exists=lets_s3_send(moto.functions),
            durable=environment.get("SCAR_LOCAL_DURABLE") == "1",
        )
        self._closers.append(s3.close)
        planes: dict[Route, Plane] = {
            Route.CONTROL: _ControlPlane(control_token(secret), self.status),
            Route.REGISTRY: registry,
            Route.S3: s3,
            Route.LAMBDA: InvokePlane(self._lambda),
            Route.BATCH: BatchPlane(self._batch, moto.batch),
            Route.LOGS: LogsPlane(logs, group_exists=groups.exists),
            Route.REST: moto,
        }
        moto.watch(forget_logs(logs))
        moto.watch(of_ecr.forget)
        moto.serve(of_ecr.answer)
        self._lambda.start()
        self._batch.start()
        self._door.open(Router(planes, Authenticator(secret)))

    def _functions(
        self, moto: MotoPlane, images: ImageStore, logs: LogStore, keys: Keys
    ) -> LambdaService:
        service = LambdaService(
            self._home.data / "lambda.sqlite",
            Ports(
                functions=ConfiguredFunctions(moto.functions),
                images=images,
                logs=logs,
                credentials=lambda function: keys.of(f"lambda/{function.name}"),
                send=Destinations(lambda: self.url, keys.of("destinations"), self._enqueue).send,
                engine=self.engine,
            ),
            Settings(endpoint_url=self.url),
        )
        self._closers.append(service.close)
        return service

    def _jobs(
        self, moto: MotoPlane, images: ImageStore, logs: LogStore, keys: Keys
    ) -> BatchService:
        service = BatchService(
            self._home.data / "batch",
            directory=moto.batch,
            images=images,
            engine=self.engine,
            logs=logs,
            credentials=keys.of,
            settings=BatchSettings(endpoint_url=self.url),
        )
        self._closers.append(service.close)
        guard = BatchGuard(moto.batch, service)
        moto.guard(guard.refuse)
        moto.watch(guard.changed)
        return service

    def _enqueue(self, arn: str, payload: bytes) -> None:
        self._lambda.enqueue(arn, payload)


class _Door:
    """The plane in front of all others: says 503 until they are there, and when they go."""

    def __init__(self) -> None:
        self._plane: Plane | None = None

    def open(self, plane: Plane) -> None:
        self._plane = plane

    def shut(self) -> None:
        self._plane = None

    def handle(self, request: Request) -> Response:
        if self._plane is None:
            return Response(status=503, headers={"retry-after": "1"})
        return self._plane.handle(request)


class _ControlPlane:
    """What the command line asks of its own server."""

    def __init__(self, token: str, status: Callable[[], dict[str, object]]) -> None:
        self._token = token
        self._status = status

    def handle(self, request: Request) -> Response:
        shown = request.headers.get("x-scar-token", "")
        if not secrets.compare_digest(shown.encode(), self._token.encode()):
            return Response(status=403)
        if request.path != "/_scar/status":
            return Response(status=404)
        body = json.dumps(self._status()).encode()
        return Response(status=200, headers={"content-type": "application/json"}, body=body)


def _listen(plane: Plane) -> tuple[HttpServer, int]:
    """Take the usual port, so that notes and shells stay valid, or any if it is taken."""
    for port in (PREFERRED_PORT, 0):
        server = HttpServer(plane, port=port)
        try:
            return server, server.start()
        except OSError:
            if port == 0:
                raise
    raise AssertionError
