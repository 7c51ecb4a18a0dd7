"""Serves the configuration APIs: checks requests, executes them in moto, records changes."""

from __future__ import annotations

import base64
import json
import logging
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scar.local.http.bodies import read_all
from scar.local.http.messages import Response
from scar.local.http.protocol_errors import (
    ProtocolError,
    build_protocol_error,
    find_error_format,
)
from scar.local.moto import calls, supported_operations
from scar.local.moto.batch_registry import MotoBatchRegistry
from scar.local.moto.compat import MotoCompat
from scar.local.moto.endpoints.configuration import EndpointConfiguration, name_created_api
from scar.local.moto.endpoints.records import EndpointRecords
from scar.local.moto.error_responses import (
    MAX_BODY,
    TOO_LARGE,
    UNEXPECTED_VALUE,
    UNSIGNED,
    ApiError,
    render_error,
    unexpected_value_error,
)
from scar.local.moto.function_records import FunctionRecords
from scar.local.moto.journal import ChangeJournal
from scar.local.moto.journal_keys import journal_key
from scar.local.moto.loading.start import import_ec2, import_moto
from scar.local.moto.log_groups import LogGroups
from scar.local.moto.moto_app import MotoApp
from scar.local.moto.queue_records import QueueRecords
from scar.local.moto.recursion_config import execute_recursion_call
from scar.local.moto.role_policies import RolePolicies
from scar.local.moto.validation import find_violation
from scar.local.state.folders import create_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from scar.local.http.messages import Request
    from scar.local.moto.calls import MotoCall, MotoRequest

LOG = logging.getLogger(__name__)
TOKEN_SECONDS = 12 * 3600


class MotoService:
    """Serves the configuration APIs; every acknowledged change survives a restart.

    ``check`` validates (service, operation, parameters) by AWS's rules; ``registry`` returns the
    registry's base URL and a password for the user AWS. ``region`` applies to names without one.
    ``failed_replays`` describes the changes that could not be repeated at start.
    """

    def __init__(
        self,
        folder: Path,
        *,
        account: str,
        registry: Callable[[], tuple[str, str]],
        check: Callable[[str, str, Mapping[str, object]], ApiError | None] = find_violation,
        region: str = "us-east-1",
        clock: Callable[[], float] = time.time,
    ) -> None:
        create_folder(folder)
        self.account = account
        self._check = check
        self._registry = registry
        self._clock = clock
        self._guards: list[Callable[[MotoCall], ApiError | None]] = []
        self._change_listeners: list[Callable[[MotoCall], None]] = []
        self._handlers: list[Callable[[MotoCall], Response | None]] = []
        self._moto = MotoApp(account)
        self._compat = MotoCompat(account)
        self._endpoints = EndpointConfiguration(account, lambda: registry()[0])
        self._journal = ChangeJournal(folder / "journal.sqlite")
        self.functions = FunctionRecords(account, self._moto.lock, region)
        self.failed_replays: tuple[str, ...] = self._replay_journal()
        self.log_groups = LogGroups(account, self._moto.lock, self.execute_change, region)
        self.batch = MotoBatchRegistry(account, self._moto.lock, region)
        self.queues = QueueRecords(account, self._moto.lock)
        self.role_policies = RolePolicies(account, self._moto.lock)
        self.endpoints = EndpointRecords(self._endpoints, self._moto.lock)

    def add_guard(self, guard: Callable[[MotoCall], ApiError | None]) -> None:
        """Add a check that can reject changes, e.g. the deletion of an enabled job queue.

        It is called under moto's lock.
        """
        self._guards.append(guard)

    def add_change_listener(self, listener: Callable[[MotoCall], None]) -> None:
        """Add a function to be called after each successful change, e.g. a deleted log group.

        It is called under moto's lock, so listeners see changes in their order.
        """
        self._change_listeners.append(listener)

    def add_handler(self, handler: Callable[[MotoCall], Response | None]) -> None:
        """Add a handler for calls about data outside of moto, e.g. images.

        It returns None for calls that moto shall execute.
        """
        self._handlers.append(handler)

    def handle(self, request: Request) -> Response:
        scope = calls.signing_scope(request)
        if scope is None:
            return render_error("", UNSIGNED)
        service, region = scope
        body = read_all(request.body, MAX_BODY)
        if body is None:
            return render_error(service, TOO_LARGE)
        moto_request = calls.build_moto_request(request, service, region, body)
        try:
            call = calls.parse_call(moto_request)
        except ValueError as error:
            return render_error(
                service, ApiError(code="SerializationException", message=str(error))
            )
        api_error = supported_operations.check_operation(call)
        if api_error is not None:
            return self._render_refusal(request, service, api_error)
        try:
            return self._execute_call(call, moto_request)
        except UNEXPECTED_VALUE as error:
            LOG.exception("%s of %s failed", call.operation, service)
            return render_error(service, unexpected_value_error(call, error))

    def _execute_call(self, call: MotoCall, request: MotoRequest) -> Response:
        api_error = self._validate_call(call)
        if api_error is not None:
            return render_error(call.service, api_error)
        return self._call_handlers(call) or (
            self._execute_and_record(call, request)
            if supported_operations.changes_state(call)
            else self._execute_read(call, request)
        )

    def _render_refusal(self, request: Request, service: str, error: ApiError) -> Response:
        """Return the error in the protocol of the service, which may be an unknown one."""
        if service in calls.PROTOCOLS:
            return render_error(service, error)
        return build_protocol_error(
            ProtocolError(status=error.status, code=error.code, message=error.message),
            find_error_format(request, service),
        )

    def default_vpc(self, region: str) -> str:
        """Return the id of a Region's only VPC."""
        import_ec2()
        from moto.ec2.models import ec2_backends

        with self._moto.lock:
            vpc = ec2_backends[self.account][region].get_default_vpc()
        return str(vpc.id) if vpc else ""

    def has_repository(self, name: str, region: str) -> bool:
        """Return whether an ECR repository was created."""
        import_moto()
        from moto.ecr.models import ecr_backends

        with self._moto.lock:
            return name in ecr_backends[self.account][region].repositories

    def _call_handlers(self, call: MotoCall) -> Response | None:
        """Return the response of the first handler that serves this call, or None."""
        if call.operation == "GetAuthorizationToken":
            return self._authorization_token_response()
        responses = (handler(call) for handler in self._handlers)
        return next((response for response in responses if response is not None), None)

    def execute_change(self, request: MotoRequest) -> Response:
        """Execute a change that the local cloud itself makes, e.g. to create a log group."""
        return self._execute_and_record(calls.parse_call(request), request)

    def _validate_call(self, call: MotoCall) -> ApiError | None:
        return supported_operations.check_parameters(call) or self._check(
            call.service, call.operation, call.parameters
        )

    def _execute_read(self, call: MotoCall, request: MotoRequest) -> Response:
        with self._moto.lock:
            response = self._execute_own(call) or self._moto.call(request, secrets.token_hex(8))
        return self._compat.adapt_response(call, response) if response.status < 300 else response

    def _execute_and_record(self, call: MotoCall, request: MotoRequest) -> Response:
        with self._moto.lock:
            for guard in self._guards:
                api_error = guard(call)
                if api_error is not None:
                    return render_error(call.service, api_error)
            seed = secrets.token_hex(8)
            with self._undoing_on_error(call):
                response = self._call_moto(call, request, seed)
                # Recorded after moto has accepted the change and before the client knows of it: a
                # crash in between loses a change that was never acknowledged.
                if response.status < 300:
                    key = journal_key(name_created_api(call, response))
                    self._journal.append(seed, request, key)
            if response.status < 300:
                for listener in self._change_listeners:
                    listener(call)
        return response

    @contextmanager
    def _undoing_on_error(self, call: MotoCall) -> Iterator[None]:
        """If the block raises, make moto's state that of the journal again.

        moto may have changed it in part, or the disk may be too full for the journal.
        """
        try:
            yield
        except Exception:
            # The journal has no messages: those that wait would be lost.
            if call.service not in {"sqs", "sns"}:
                self._moto.clear()
                self.functions.forget()
                self._endpoints.clear()
                self.failed_replays = self._replay_journal()
            raise

    def _call_moto(self, call: MotoCall, request: MotoRequest, seed: str) -> Response:
        with self._moto.lock:
            # Seeded before the request is adapted, which may create resources (a service-linked
            # role): their IDs too must be the same in every replay. MotoApp.call seeds again.
            self._moto.seed_random(request, seed)
            try:
                adapted = self._compat.adapt_request(call, request)
                with self._compat.placeholder_resources(call):
                    response = self._execute_own(call) or self._moto.call(adapted, seed)
            finally:  # also after an error: it may have changed a part
                self.functions.forget()
            return (
                self._compat.adapt_response(call, response) if response.status < 300 else response
            )

    def _execute_own(self, call: MotoCall) -> Response | None:
        """Return the response to a call that moto lacks or gets wrong, None for others."""
        return execute_recursion_call(call, self.account) or self._endpoints.execute(call)

    def _replay_journal(self) -> tuple[str, ...]:
        """Repeat all changes; return one message for each that failed this time."""
        failed = []
        for seed, request in self._journal.read_changes():
            call = calls.parse_call(request)
            try:
                status = str(self._call_moto(call, request, seed).status)
            except UNEXPECTED_VALUE as error:
                status = repr(error)
            if not status.startswith("2"):
                failed.append(
                    f"{call.operation} of {call.service} could not be replayed at start "
                    f"(HTTP status {status}); the change is missing."
                )
                LOG.error("%s", failed[-1])
        return tuple(failed)

    def _authorization_token_response(self) -> Response:
        endpoint, password = self._registry()
        token = base64.b64encode(f"AWS:{password}".encode()).decode()
        content = {
            "authorizationData": [
                {
                    "authorizationToken": token,
                    "expiresAt": int(self._clock()) + TOKEN_SECONDS,
                    "proxyEndpoint": endpoint,
                }
            ]
        }
        return Response(
            status=200,
            headers={"content-type": "application/x-amz-json-1.1"},
            body=json.dumps(content).encode(),
        )

    def status_messages(self) -> Sequence[str]:
        """Return the lines of ``scar local status``: failed replays, what is not emulated."""
        return (*self.failed_replays, *supported_operations.NOT_EMULATED)

    def close(self) -> None:
        self._journal.close()
