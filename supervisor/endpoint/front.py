"""Answers the requests of an endpoint that start no run in this process, or refuses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.endpoint import asynchronous, bodies
from supervisor.errors import RequestRefused
from supervisor.model import ExecutionMode
from supervisor.results import EndpointResponse
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.invocation import DirectInvocation, HttpRequest, Invocation
    from supervisor.logs import Log
    from supervisor.model import FunctionConfig
    from supervisor.ports import EndpointServices, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFront:
    """The endpoint of one function; ``now`` in epoch seconds, ``today`` as in run records.

    ``read_webhook_token`` is that of the supervisor.
    """

    config: FunctionConfig
    open_services: Callable[[], EndpointServices]
    open_store: Callable[[str], ObjectStore]
    now: float
    today: str
    read_webhook_token: Callable[[str, float | None], str]
    log: Log

    def answer(self, trigger: DirectInvocation, invocation: Invocation) -> EndpointResponse | None:
        """Return the response; None: the request starts a run. Raise RequestRefused."""
        request = trigger.request
        if request is None:
            return None
        if self.config.endpoint is None:
            _refuse_without_endpoint(request)
            return self._deliver(trigger, invocation)
        if request.path.startswith(bodies.OWN_PATHS):
            size = trigger.parameters.get("size", "")
            return bodies.answer_upload(request, size, self.config, self.open_services(), self.now)
        bodies.check_body(trigger, self.config, self.open_store("s3"))
        if answer := self._deliver(trigger, invocation):
            return answer
        # Batch takes the run at once: the answer is 202 anyway.
        if not request.is_asynchronous or self.config.mode is ExecutionMode.BATCH:
            return None
        run = record_format.run_path(
            self.config.name, trigger, invocation.owner.request, self.today, ("", "")
        )
        return asynchronous.accept(
            trigger, run, self.config, self.open_services(), self.open_store("s3")
        )

    def _deliver(
        self, trigger: DirectInvocation, invocation: Invocation
    ) -> EndpointResponse | None:
        """Return the response to an event of a store; None: the body is data."""
        has_webhook = any(rule.provider.startswith("minio.") for rule in self.config.inputs)
        if has_webhook and trigger.request and trigger.request.method == "HEAD":
            return EndpointResponse(status=200, body=b"")  # MinIO checks that its target responds
        from supervisor.endpoint import deliveries
        from supervisor.events.request_events import describe_objects, read_request

        found = read_request(
            trigger,
            self.config,
            invocation.event,
            lambda provider: self.read_webhook_token(provider, invocation.deadline),
        )
        if found is None:
            return None
        if found.delivered and self.config.endpoint is None:
            raise RequestRefused(
                "Events in requests need an endpoint of the function, which it does not have.",
                remedy="Set api_gateway and run `scar init`.",
            )
        if found.unused:
            self.log.warning(
                f"No input has {describe_objects(found.unused)}: no run starts.",
                remedy="Remove the notification (`mc event remove` in MinIO), or add an input.",
            )
        return deliveries.deliver(found, self.config, self.open_services(), self.today)


def _refuse_without_endpoint(request: HttpRequest) -> None:
    """Refuse what needs the permissions that only the role of an endpoint has."""
    for is_used, what in (
        (request.is_asynchronous, "Asynchronous requests"),
        (bool(request.body_id), "Uploaded bodies"),
        (request.path.startswith(bodies.OWN_PATHS), "Paths below /.scar/"),
    ):
        if is_used:
            raise RequestRefused(
                f"{what} need an endpoint of the function, which it does not have.",
                remedy="Set api_gateway.name and run `scar init`.",
            )
