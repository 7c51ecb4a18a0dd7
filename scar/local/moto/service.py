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
from scar.local.moto.batch_registry import BatchDirectory
from scar.local.moto.compat import Bridge
from scar.local.moto.error_responses import Refusal, respond
from scar.local.moto.function_records import FunctionDirectory
from scar.local.moto.journal import Journal
from scar.local.moto.journal_keys import footprint
from scar.local.moto.log_groups import LogGroups
from scar.local.moto.moto_app import Upstream
from scar.local.moto.validation import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scar.local.http.messages import Request
    from scar.local.moto.calls import Call, Wire

LOG = logging.getLogger(__name__)
MAX_BODY = 8 << 20  # no configuration call of the served services comes near it
TOKEN_SECONDS = 12 * 3600


class MotoPlane:
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
        check: Callable[[str, str, Mapping[str, object]], Refusal | None] = judge,
        region: str = "us-east-1",
        clock: Callable[[], float] = time.time,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.account = account
        self._check = check
        self._registry = registry
        self._clock = clock
        self._guards: list[Callable[[Call], Refusal | None]] = []
        self._watchers: list[Callable[[Call], None]] = []
        self._servers: list[Callable[[Call], Response | None]] = []
        self._upstream = Upstream(account)
        self._bridge = Bridge(account)
        self._journal = Journal(folder / "journal.sqlite")
        self.lost: tuple[str, ...] = self._replay()
        self.functions = FunctionDirectory(account, self._upstream.lock, region)
        self.log_groups = LogGroups(account, self._upstream.lock, self.perform, region)
        self.batch = BatchDirectory(account, self._upstream.lock, region)

    def guard(self, guard: Callable[[Call], Refusal | None]) -> None:
        """Let another service refuse changes, e.g. the end of a queue that has jobs."""
        self._guards.append(guard)

    def watch(self, watcher: Callable[[Call], None]) -> None:
        """Tell another service about each successful change, e.g. a deleted log group."""
        self._watchers.append(watcher)

    def serve(self, answer: Callable[[Call], Response | None]) -> None:
        """Let another service answer calls about what moto knows nothing of, e.g. images."""
        self._servers.append(answer)

    def handle(self, request: Request) -> Response:
        scope = calls.scope(request)
        if scope is None:
            return respond("", _UNSIGNED)
        service, region = scope
        body = read_all(request.body, MAX_BODY)
        if body is None:
            return respond(service, _TOO_LARGE)
        sent = calls.wire(request, service, region, body)
        try:
            call = calls.parse(sent)
        except ValueError as error:
            return respond(service, Refusal(code="SerializationException", message=str(error)))
        refusal = offer.refuse_unserved(call) or self._refuse(call)
        if refusal is not None:
            return respond(service, refusal)
        return self._elsewhere(call) or (
            self._change(call, sent) if offer.changes_state(call) else self._ask(call, sent)
        )

    def _elsewhere(self, call: Call) -> Response | None:
        """Ask those who know what moto does not."""
        if call.operation == "GetAuthorizationToken":
            return self._token()
        answers = (answer(call) for answer in self._servers)
        return next((found for found in answers if found is not None), None)

    def perform(self, sent: Wire) -> Response:
        """Carry out a change on behalf of the local cloud itself."""
        return self._change(calls.parse(sent), sent)

    def _refuse(self, call: Call) -> Refusal | None:
        return offer.refuse_untrue(call) or self._check(
            call.service, call.operation, call.parameters
        )

    def _ask(self, call: Call, sent: Wire) -> Response:
        answer = self._upstream.call(sent, secrets.token_hex(8))
        return self._bridge.after(call, answer) if answer.status < 300 else answer

    def _change(self, call: Call, sent: Wire) -> Response:
        with self._upstream.lock:
            for guard in self._guards:
                refusal = guard(call)
                if refusal is not None:
                    return respond(call.service, refusal)
            seed = secrets.token_hex(8)
            answer = self._apply(call, sent, seed)
            if answer.status < 300:
                self._journal.append(seed, sent, footprint(call))
                for watcher in self._watchers:
                    watcher(call)
        return answer

    def _apply(self, call: Call, sent: Wire, seed: str) -> Response:
        with self._upstream.lock:
            # Before the call proper, so that what the bridge makes has the call's ids too.
            self._upstream.seed(sent, seed)
            adapted = self._bridge.before(call, sent)
            with self._bridge.around(call):
                answer = self._upstream.call(adapted, seed)
            return self._bridge.after(call, answer) if answer.status < 300 else answer

    def _replay(self) -> tuple[str, ...]:
        """Repeat all changes; return a sentence for each that did not succeed again."""
        lost = []
        for seed, sent in self._journal.replay():
            call = calls.parse(sent)
            answer = self._apply(call, sent, seed)
            if answer.status >= 300:
                lost.append(
                    f"{call.service} {call.operation} could not be repeated at start "
                    f"(status {answer.status})."
                )
                LOG.error("%s", lost[-1])
        return tuple(lost)

    def _token(self) -> Response:
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

    def status(self) -> Sequence[str]:
        """Sentences for ``scar local status``: what is lost, what is not emulated."""
        return (*self.lost, *offer.NOT_EMULATED)

    def close(self) -> None:
        self._journal.close()


_UNSIGNED = Refusal(
    code="MissingAuthenticationToken",
    message="The request names no service: it carries no signature.",
    status=403,
)
_TOO_LARGE = Refusal(
    code="RequestEntityTooLargeException",
    message=f"Configuration requests are limited to {MAX_BODY >> 20} MiB.",
    status=413,
)
