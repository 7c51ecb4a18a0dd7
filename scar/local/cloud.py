"""All services of the local cloud, connected to each other behind one HTTP server."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING

from scar.local.access_keys import AccessKeys
from scar.local.batch.app import BatchApp
from scar.local.batch.change_guard import BatchChangeGuard
from scar.local.batch.service import BatchService, BatchServiceSettings
from scar.local.caller_roles import CallerRoles
from scar.local.conditions.layer import apply_conditions
from scar.local.conditions.local_services import ServiceConditions
from scar.local.conditions.settings import ConditionsSettings
from scar.local.control import control_token
from scar.local.control_app import ControlApp
from scar.local.destinations import DestinationSender
from scar.local.endpoints.app import EndpointApp, EndpointPorts
from scar.local.endpoints.authorization import CallAuthorizer
from scar.local.engines.selection import select_kept_engine
from scar.local.file_systems import FileSystemFolders, MountTargetApi, StorageGuard
from scar.local.gpus import find_gpus
from scar.local.http.auth import Authenticator
from scar.local.http.router import Route, Router
from scar.local.http.server import start_on_port
from scar.local.http.spooled_bodies import BodySpool
from scar.local.http.startup_gate import StartupGate
from scar.local.lambda_.app import InvokeApp
from scar.local.lambda_.function_registry import MotoFunctionRegistry
from scar.local.lambda_.model import NOT_EMULATED
from scar.local.lambda_.service import LambdaPorts, LambdaService, LambdaServiceSettings
from scar.local.logs.service import LogsService
from scar.local.logs.store import LogStore
from scar.local.moto.service import MotoService
from scar.local.moto.vpc_endpoints import VpcEndpointApi
from scar.local.queues import LocalQueues, is_queue
from scar.local.registry.ecr_api import EcrImageApi
from scar.local.registry.images import RegistryImageResolver
from scar.local.registry.service import RegistryService
from scar.local.s3.service import S3Service
from scar.local.state.inventory import check_inventory, write_inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.home import LocalCloudHome
    from scar.local.http.messages import HttpApp
    from scar.local.lambda_.model import LambdaInvokeResult, LogSink
    from scar.local.moto.calls import MotoCall
    from scar.local.moto.function_records import FunctionRecords

ACCOUNT = "123456789012"
"""The account id of every request; moto's default."""
PREFERRED_PORT = 4580


class LocalCloud:
    """All services over one state folder.

    Serves requests once constructed; ``close`` stops everything it started.
    """

    def __init__(
        self,
        home: LocalCloudHome,
        engine: str,
        environment: Mapping[str, str],
        conditions: ConditionsSettings | None = None,
    ) -> None:
        self._home = home
        self._conditions = ServiceConditions(conditions or ConditionsSettings())
        # The services need the port of the HTTP server, so the server starts before them.
        # Until they have started, the gate answers 503, which SDKs retry.
        self._gate = StartupGate()
        self._server, self.port = start_on_port(self._gate, PREFERRED_PORT)
        self._closers: list[Callable[[], None]] = [self._server.close]
        try:
            # Opened before the services, since it ends the sandboxes of a killed server;
            # closed after them (they stop their own sandboxes) and after the HTTP server.
            selected = select_kept_engine(home, engine, environment)
            self.engine = self._conditions.engine(selected)
            self._closers.insert(0, self.engine.close)
            self._start_services(home, environment)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def chaos(self) -> str:
        """The seed of its conditions, empty without ``--chaos``."""
        return self._conditions.settings.chaos

    def close(self) -> None:
        """Stop all services, the last started first; stored state survives."""
        self._gate.close()
        while self._closers:
            self._closers.pop()()

    def status(self) -> dict[str, object]:
        """Return what ``scar local status`` shows."""
        return {
            "url": self.url,
            "home": str(self._home.path),
            "engine": self.engine.name,
            "file_systems": str(self._home.file_systems),
            "chaos": self.chaos,
            "conditions": self._conditions.requests.status(),
            "guarantees": asdict(self.engine.guarantees),
            "lambda": asdict(self._lambda.status()),
            "batch": self._batch.status(),
            "not_emulated": [
                *filter(None, [self._log_damage]),
                *self._moto.status_messages(),
                *NOT_EMULATED,
            ],
        }

    def _start_services(self, home: LocalCloudHome, environment: Mapping[str, str]) -> None:
        secret, data = home.load_secret(), home.data
        check_inventory(data)
        keys = AccessKeys(secret)
        # New at each start; clients get it from ECR's GetAuthorizationToken, which moto serves.
        password = secrets.token_urlsafe(24)
        self._moto = moto = MotoService(
            data / "moto", account=ACCOUNT, registry=lambda: (self.url, password)
        )
        self._closers.append(moto.close)
        self._roles = CallerRoles(keys, moto.role_policies)
        groups = moto.log_groups
        logs = LogStore(data / "logs", ensure_group=groups.ensure, retention=groups.retention_days)
        self._log_damage = logs.damage
        self._closers.append(logs.close)
        registry = RegistryService(data / "registry", password)
        sink = self._conditions.log_sink(logs)
        self._closers.append(self._conditions.close)  # stores late log events
        images, ecr_images = (
            RegistryImageResolver(registry.store),
            EcrImageApi(registry.store, moto.has_repository),
        )
        # Closed after the Lambda service, which ends the invocations; it starts none before.
        self._queues = queues = LocalQueues(data / "sqs.sqlite", moto, self._invoke)
        self._closers.append(queues.close)
        self._lambda = self._build_lambda_service(moto, images, sink)
        self._closers.append(queues.poller.loop.stop)
        self._batch = self._build_batch_service(moto, images, sink)
        # After Lambda: once constructed, S3 delivers the events that the last server left.
        s3 = S3Service(
            data / "s3",
            ACCOUNT,
            deliver=self._conditions.event_delivery(self._enqueue_event),
            destination_exists=self._accepts_s3_events,
            durable=environment.get("SCAR_LOCAL_DURABLE") == "1",
        )
        self._closers.append(s3.close)
        spool = BodySpool(data)
        authenticator = Authenticator(secret, spool=spool)
        apps: dict[Route, HttpApp] = {
            Route.CONTROL: ControlApp(control_token(secret), self.status),
            Route.REGISTRY: registry,
            Route.S3: s3,
            Route.LAMBDA: InvokeApp(self._lambda, self._may_invoke),
            Route.ENDPOINTS: self._build_endpoint_app(moto, authenticator, spool),
            Route.BATCH: BatchApp(self._batch, moto.batch),
            Route.LOGS: LogsService(logs, group_exists=groups.exists),
            Route.MOTO: moto,
        }
        _connect_to_moto(moto, logs, ecr_images)
        moto.add_handler(MountTargetApi(moto.default_vpc).handle_call)
        moto.add_handler(VpcEndpointApi(moto.default_vpc).handle_call)
        moto.add_guard(StorageGuard.for_engine(self.engine).check_change)
        write_inventory(data)
        # Last: queued events and jobs of the last server start to run now.
        self._lambda.start()
        self._batch.start()
        queues.poller.loop.start()
        self._gate.open(
            Router(
                apply_conditions(apps, self._conditions.requests),
                authenticator,
                folder=data,
            )
        )

    def _build_lambda_service(
        self, moto: MotoService, images: RegistryImageResolver, logs: LogSink
    ) -> LambdaService:
        service = LambdaService(
            self._home.data / "lambda.sqlite",
            LambdaPorts(
                functions=MotoFunctionRegistry(moto.functions, self._conditions.function_state),
                is_throttled=self._conditions.is_throttled,
                images=images,
                logs=logs,
                credentials=lambda function: self._roles.issue(
                    f"lambda/{function.name}", function.role
                ),
                send=DestinationSender(
                    lambda: self.url,
                    self._roles.issue("destinations", ""),
                    self._enqueue_event,
                ).send,
                engine=self.engine,
                file_systems=FileSystemFolders(self._home.file_systems),
            ),
            LambdaServiceSettings(endpoint_url=self.url),
        )
        self._closers.append(service.close)
        return service

    def _build_batch_service(
        self, moto: MotoService, images: RegistryImageResolver, logs: LogSink
    ) -> BatchService:
        service = BatchService(
            self._home.data / "batch",
            registry=self._conditions.batch_registry(moto.batch),
            images=images,
            engine=self.engine,
            logs=logs,
            non_blocking_logs=self._conditions.non_blocking_log_sink(logs),
            credentials=lambda role: self._roles.issue(role, role),
            file_systems=FileSystemFolders(self._home.file_systems),
            settings=BatchServiceSettings(endpoint_url=self.url),
            gpus=find_gpus(),
        )
        self._closers.append(service.close)
        # moto stores queues and compute environments but does not know of their jobs.
        guard = BatchChangeGuard(moto.batch, service)
        moto.add_guard(guard.check_change)
        moto.add_change_listener(guard.on_change)
        return service

    def _build_endpoint_app(
        self, moto: MotoService, authenticator: Authenticator, spool: BodySpool
    ) -> EndpointApp:
        return EndpointApp(
            EndpointPorts(
                endpoints=moto.endpoints,
                functions=moto.functions,
                authorizer=CallAuthorizer(authenticator, self._roles),
                invoke=self._invoke,
                delays=self._conditions.requests,
                spool=spool,
            )
        )

    def _may_invoke(self, access_key: str, function_arn: str) -> bool:
        return self._roles.allow(access_key, "lambda:InvokeFunction", function_arn)

    def _enqueue_event(self, arn: str, payload: bytes, trace: str = "", delay: float = 0.0) -> None:
        if is_queue(arn):
            self._queues.send(arn, payload, trace, delay)
        else:
            self._lambda.enqueue(arn, payload, trace, delay=delay)

    def _invoke(self, arn: str, payload: bytes, trace: str) -> LambdaInvokeResult:
        return self._lambda.invoke(arn, payload, trace)

    def _accepts_s3_events(self, arn: str) -> bool:
        """Return whether a notification may name this ARN."""
        if is_queue(arn):
            return self._queues.accepts_s3_events(arn)
        return _can_s3_invoke(self._moto.functions, arn)


def _connect_to_moto(moto: MotoService, logs: LogStore, ecr_images: EcrImageApi) -> None:
    moto.add_change_listener(lambda call: _delete_log_events(logs, call))
    moto.add_change_listener(ecr_images.drop_deleted_repository)
    moto.add_handler(ecr_images.handle_call)


def _can_s3_invoke(functions: FunctionRecords, arn: str) -> bool:
    """Return whether a notification may name this ARN: the function exists and permits S3."""
    function = functions.get(arn)
    return function is not None and any(
        permission.principal == "s3.amazonaws.com" for permission in function.policy
    )


def _delete_log_events(logs: LogStore, call: MotoCall) -> None:
    """Delete the events of a log group that moto has deleted."""
    if call.operation == "DeleteLogGroup":
        logs.delete_group(call.text("logGroupName"))
