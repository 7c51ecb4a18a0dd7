"""moto behind the HTTP server: checked, bridged, journalled, replayed."""

from __future__ import annotations

import base64
import json
import logging
import secrets
import time
from typing import TYPE_CHECKING

from scar.local.http.bodies import read_all
from scar.local.http.messages import Response
from scar.local.moto import calls
from scar.local.moto import supported_operations as offer
from scar.local.moto.batch_registry import MotoBatchRegistry
from scar.local.moto.compat import MotoCompat
from scar.local.moto.error_responses import ApiError, render_error
from scar.local.moto.function_records import FunctionRecords
from scar.local.moto.journal import ChangeJournal
from scar.local.moto.journal_keys import journal_key
from scar.local.moto.log_groups import LogGroups
from scar.local.moto.moto_app import MotoApp
from scar.local.moto.validation import find_violation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scar.local.http.messages import Request
    from scar.local.moto.calls import MotoCall, MotoRequest

LOG = logging.getLogger(__name__)
MAX_BODY = 8 << 20  # no configuration call of the served services comes near it
TOKEN_SECONDS = 12 * 3600


class MotoService:
    """Serves the configuration APIs; what it acknowledged is there again after a restart.

    ``check`` judges (service, operation, parameters) as AWS would; ``registry`` returns the
    registry's base URL and a password for user AWS. ``region`` is meant where a name stands
    without one.
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
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.account = account
        self._check = check
        self._registry = registry
        self._clock = clock
        self._guards: list[Callable[[MotoCall], ApiError | None]] = []
        self._change_listeners: list[Callable[[MotoCall], None]] = []
        self._handlers: list[Callable[[MotoCall], Response | None]] = []
        self._moto = MotoApp(account)
        self._compat = MotoCompat(account)
        self._journal = ChangeJournal(folder / "journal.sqlite")
        self.failed_replays: tuple[str, ...] = self._replay_journal()
        self.functions = FunctionRecords(account, self._moto.lock, region)
        self.log_groups = LogGroups(account, self._moto.lock, self.execute_change, region)
        self.batch = MotoBatchRegistry(account, self._moto.lock, region)

    def add_guard(self, guard: Callable[[MotoCall], ApiError | None]) -> None:
        """Let another service refuse changes, e.g. the end of a queue that has jobs."""
        self._guards.append(guard)

    def add_change_listener(self, listener: Callable[[MotoCall], None]) -> None:
        """Tell another service about each successful change, e.g. a deleted log group."""
        self._change_listeners.append(listener)

    def add_handler(self, handler: Callable[[MotoCall], Response | None]) -> None:
        """Let another service answer calls about what moto knows nothing of, e.g. images."""
        self._handlers.append(handler)

    def handle(self, request: Request) -> Response:
        scope = calls.signing_scope(request)
        if scope is None:
            return render_error("", _UNSIGNED)
        service, region = scope
        body = read_all(request.body, MAX_BODY)
        if body is None:
            return render_error(service, _TOO_LARGE)
        sent = calls.build_moto_request(request, service, region, body)
        try:
            call = calls.parse_call(sent)
        except ValueError as error:
            return render_error(
                service, ApiError(code="SerializationException", message=str(error))
            )
        refusal = offer.check_operation(call) or self._validate_call(call)
        if refusal is not None:
            return render_error(service, refusal)
        return self._call_handlers(call) or (
            self._execute_and_record(call, sent)
            if offer.changes_state(call)
            else self._execute_read(call, sent)
        )

    def _call_handlers(self, call: MotoCall) -> Response | None:
        """Ask those who know what moto does not."""
        if call.operation == "GetAuthorizationToken":
            return self._authorization_token_response()
        answers = (answer(call) for answer in self._handlers)
        return next((found for found in answers if found is not None), None)

    def execute_change(self, sent: MotoRequest) -> Response:
        """Carry out a change on behalf of the local cloud itself."""
        return self._execute_and_record(calls.parse_call(sent), sent)

    def _validate_call(self, call: MotoCall) -> ApiError | None:
        return offer.check_parameters(call) or self._check(
            call.service, call.operation, call.parameters
        )

    def _execute_read(self, call: MotoCall, sent: MotoRequest) -> Response:
        answer = self._moto.call(sent, secrets.token_hex(8))
        return self._compat.adapt_response(call, answer) if answer.status < 300 else answer

    def _execute_and_record(self, call: MotoCall, sent: MotoRequest) -> Response:
        with self._moto.lock:
            for guard in self._guards:
                refusal = guard(call)
                if refusal is not None:
                    return render_error(call.service, refusal)
            seed = secrets.token_hex(8)
            answer = self._call_moto(call, sent, seed)
            if answer.status < 300:
                self._journal.append(seed, sent, journal_key(call))
                for watcher in self._change_listeners:
                    watcher(call)
        return answer

    def _call_moto(self, call: MotoCall, sent: MotoRequest, seed: str) -> Response:
        with self._moto.lock:
            # Before the call proper, so that what the bridge makes has the call's ids too.
            self._moto.seed_random(sent, seed)
            adapted = self._compat.adapt_request(call, sent)
            with self._compat.placeholder_resources(call):
                answer = self._moto.call(adapted, seed)
            return self._compat.adapt_response(call, answer) if answer.status < 300 else answer

    def _replay_journal(self) -> tuple[str, ...]:
        """Repeat all changes; return a sentence for each that did not succeed again."""
        lost = []
        for seed, sent in self._journal.read_changes():
            call = calls.parse_call(sent)
            answer = self._call_moto(call, sent, seed)
            if answer.status >= 300:
                lost.append(
                    f"{call.service} {call.operation} could not be repeated at start "
                    f"(status {answer.status})."
                )
                LOG.error("%s", lost[-1])
        return tuple(lost)

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
        """Sentences for ``scar local status``: what is lost, what is not emulated."""
        return (*self.failed_replays, *offer.NOT_EMULATED)

    def close(self) -> None:
        self._journal.close()


_UNSIGNED = ApiError(
    code="MissingAuthenticationToken",
    message="The request names no service: it carries no signature.",
    status=403,
)
_TOO_LARGE = ApiError(
    code="RequestEntityTooLargeException",
    message=f"Configuration requests are limited to {MAX_BODY >> 20} MiB.",
    status=413,
)
