"""The local cloud in one process: its services, wired to each other behind one HTTP server."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING

from scar.local.access_keys import AccessKeys
from scar.local.batch.app import BatchApp
from scar.local.batch.change_guard import BatchChangeGuard
from scar.local.batch.service import BatchService
from scar.local.batch.service import BatchServiceSettings as BatchSettings
from scar.local.control import control_token
from scar.local.destinations import DestinationSender
from scar.local.engines.selection import select_engine
from scar.local.http.auth import Authenticator
from scar.local.http.messages import Response
from scar.local.http.router import Route, Router
from scar.local.http.server import HttpServer
from scar.local.lambda_.app import InvokeApp
from scar.local.lambda_.function_registry import MotoFunctionRegistry
from scar.local.lambda_.model import NOT_EMULATED
from scar.local.lambda_.service import LambdaPorts, LambdaService, LambdaServiceSettings
from scar.local.logs.service import LogsService
from scar.local.logs.store import LogStore
from scar.local.moto.service import MotoService
from scar.local.registry.ecr_api import EcrImageApi
from scar.local.registry.images import RegistryImageResolver
from scar.local.registry.service import RegistryService
from scar.local.s3.service import S3Service
from scar.local.wiring import log_group_cleaner, s3_destination_check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.home import LocalCloudHome
    from scar.local.http.messages import HttpApp, Request

ACCOUNT = "123456789012"
"""The account that every request is for; moto's default."""
PREFERRED_PORT = 4580


class LocalCloud:
    """All services over one state folder. Made, it answers; ``close`` ends all it runs."""

    def __init__(self, home: LocalCloudHome, engine: str, environment: Mapping[str, str]) -> None:
        self._home = home
        self._door = _StartupGate()
        self._server, self.port = _start_http_server(self._door)
        self._closers: list[Callable[[], None]] = [self._server.close]
        try:
            # Opened first and closed last: sandboxes of a killed server end here.
            self.engine = select_engine(engine, home.data / "engines", environment)
            self._closers.insert(0, self.engine.close)
            self._start_services(home, environment)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """End all services, the newest first; what is kept is there at the next start."""
        self._door.close()
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
            "not_emulated": [*self._moto.status_messages(), *NOT_EMULATED],
        }

    def _start_services(self, home: LocalCloudHome, environment: Mapping[str, str]) -> None:
        secret, data = home.load_secret(), home.data
        keys = AccessKeys(secret)
        password = secrets.token_urlsafe(24)
        self._moto = moto = MotoService(
            data / "moto", account=ACCOUNT, registry=lambda: (self.url, password)
        )
        self._closers.append(moto.close)
        groups = moto.log_groups
        logs = LogStore(data / "logs", ensure_group=groups.ensure, retention=groups.retention_days)
        self._closers.append(logs.close)
        registry = RegistryService(data / "registry", password)
        images, of_ecr = RegistryImageResolver(registry.store), EcrImageApi(registry.store)
        self._lambda = self._build_lambda_service(moto, images, logs, keys)
        self._batch = self._build_batch_service(moto, images, logs, keys)
        s3 = S3Service(
            data / "s3",
            ACCOUNT,
            deliver=self._enqueue_event,
            destination_exists=s3_destination_check(moto.functions),
            durable=environment.get("SCAR_LOCAL_DURABLE") == "1",
        )
        self._closers.append(s3.close)
        planes: dict[Route, HttpApp] = {
            Route.CONTROL: _ControlApp(control_token(secret), self.status),
            Route.REGISTRY: registry,
            Route.S3: s3,
            Route.LAMBDA: InvokeApp(self._lambda),
            Route.BATCH: BatchApp(self._batch, moto.batch),
            Route.LOGS: LogsService(logs, group_exists=groups.exists),
            Route.MOTO: moto,
        }
        moto.add_change_listener(log_group_cleaner(logs))
        moto.add_change_listener(of_ecr.drop_deleted_repository)
        moto.add_handler(of_ecr.handle_call)
        self._lambda.start()
        self._batch.start()
        self._door.open(Router(planes, Authenticator(secret)))

    def _build_lambda_service(
        self, moto: MotoService, images: RegistryImageResolver, logs: LogStore, keys: AccessKeys
    ) -> LambdaService:
        service = LambdaService(
            self._home.data / "lambda.sqlite",
            LambdaPorts(
                functions=MotoFunctionRegistry(moto.functions),
                images=images,
                logs=logs,
                credentials=lambda function: keys.credentials_for(f"lambda/{function.name}"),
                send=DestinationSender(
                    lambda: self.url, keys.credentials_for("destinations"), self._enqueue_event
                ).send,
                engine=self.engine,
            ),
            LambdaServiceSettings(endpoint_url=self.url),
        )
        self._closers.append(service.close)
        return service

    def _build_batch_service(
        self, moto: MotoService, images: RegistryImageResolver, logs: LogStore, keys: AccessKeys
    ) -> BatchService:
        service = BatchService(
            self._home.data / "batch",
            registry=moto.batch,
            images=images,
            engine=self.engine,
            logs=logs,
            credentials=keys.credentials_for,
            settings=BatchSettings(endpoint_url=self.url),
        )
        self._closers.append(service.close)
        guard = BatchChangeGuard(moto.batch, service)
        moto.add_guard(guard.check_change)
        moto.add_change_listener(guard.on_change)
        return service

    def _enqueue_event(self, arn: str, payload: bytes) -> None:
        self._lambda.enqueue(arn, payload)


class _StartupGate:
    """The plane in front of all others: says 503 until they are there, and when they go."""

    def __init__(self) -> None:
        self._plane: HttpApp | None = None

    def open(self, app: HttpApp) -> None:
        self._plane = app

    def close(self) -> None:
        self._plane = None

    def handle(self, request: Request) -> Response:
        if self._plane is None:
            return Response(status=503, headers={"retry-after": "1"})
        return self._plane.handle(request)


class _ControlApp:
    """What the command line asks of its own server."""

    def __init__(self, token: str, read_status: Callable[[], dict[str, object]]) -> None:
        self._token = token
        self._status = read_status

    def handle(self, request: Request) -> Response:
        shown = request.headers.get("x-scar-token", "")
        if not secrets.compare_digest(shown.encode(), self._token.encode()):
            return Response(status=403)
        if request.path != "/_scar/status":
            return Response(status=404)
        body = json.dumps(self._status()).encode()
        return Response(status=200, headers={"content-type": "application/json"}, body=body)


def _start_http_server(app: HttpApp) -> tuple[HttpServer, int]:
    """Take the usual port, so that notes and shells stay valid, or any if it is taken."""
    for port in (PREFERRED_PORT, 0):
        server = HttpServer(app, port=port)
        try:
            return server, server.start()
        except OSError:
            if port == 0:
                raise
    raise AssertionError
