"""Handle one event: find its runs, and handle each; answer requests that start none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import (
    EventError,
    RequestRefused,
)
from supervisor.events import parser
from supervisor.events.direct_invocation import refuse_script
from supervisor.execution.run_handler import RunHandler
from supervisor.invocation import DirectInvocation, ObjectEvent
from supervisor.model import ComputeService
from supervisor.results import InvocationResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.invocation import Invocation, Trigger
    from supervisor.results import EndpointResponse


def no_webhook_token(provider: str, until: float | None) -> str:
    """Return no token: that of a function without stores that send events."""
    del provider, until
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor(RunHandler):
    """Handles the events of one function.

    ``read_webhook_token`` returns a provider's ``webhook_token``, empty without one; its deadline
    is in epoch seconds.
    """

    read_webhook_token: Callable[[str, float | None], str] = no_webhook_token

    def handle(self, invocation: Invocation) -> InvocationResult:
        """Execute or submit every run of an event; the failure of a run is in its result.

        Raise EventError for an event that cannot be parsed, Terminated after TERM.
        """
        if self.config.array_size and invocation.owner.site is ComputeService.LAMBDA:
            gathered = self._handle_messages(invocation)
            if gathered is not None:
                return gathered
        try:
            return self._handle_event(invocation)
        except RequestRefused as error:
            if invocation.owner.site is not ComputeService.LAMBDA:
                raise
            # Imported here: only requests of an endpoint need it.
            from supervisor.events.http_response import build_refusal

            self.log.info(f"The request is refused, status {error.status}: {error.problem}")
            return self._answered(build_refusal(error))

    def _handle_event(self, invocation: Invocation) -> InvocationResult:
        parsed = parser.parse_event(invocation.event)
        if answer := self._answer_at_once(parsed, invocation):
            return self._answered(answer)
        triggers = self._assign_stores(parsed)
        if invocation.run_id and len(triggers) != 1:
            raise EventError(
                f"The event of run {invocation.run_id} names {len(triggers)} objects, not one.",
                remedy="Submit jobs through the function: it submits one job per object.",
            )
        for trigger in triggers:
            if isinstance(trigger, DirectInvocation) and not self.config.allow_script:
                refuse_script(trigger)
        if not triggers:
            self.log.info("The event starts no run.")
        return InvocationResult(
            results=tuple(self.handle_run(trigger, invocation) for trigger in triggers),
            is_api_request=any(
                isinstance(trigger, DirectInvocation) and trigger.is_api_request
                for trigger in triggers
            ),
            is_public=self._is_public,
        )

    def _assign_stores(self, triggers: tuple[Trigger, ...]) -> tuple[Trigger, ...]:
        """Return the triggers with the function's stores; raise as ``assign_stores`` does."""
        if not self.config.providers and all(
            not isinstance(trigger, ObjectEvent) or trigger.source.provider == parser.S3
            for trigger in triggers
        ):
            return triggers  # most events; the time of a start counts
        from supervisor.events.event_stores import assign_stores

        return assign_stores(triggers, self.config)

    def _answer_at_once(
        self, triggers: tuple[Trigger, ...], invocation: Invocation
    ) -> EndpointResponse | None:
        """Return the response to a request that starts no run here; None for all other events."""
        request = triggers[0] if triggers else None
        if (
            invocation.owner.site is not ComputeService.LAMBDA
            or not isinstance(request, DirectInvocation)
            or not request.is_api_request
        ):
            return None
        # Imported here: only requests of an endpoint need it.
        from supervisor.endpoint.front import EndpointFront

        front = EndpointFront(
            config=self.config,
            open_services=self.open_services,
            open_store=self.open_store,
            now=self.now(),
            today=self.today(),
            read_webhook_token=self.read_webhook_token,
            log=self.log,
        )
        return front.answer(request, invocation)

    def _answered(self, response: EndpointResponse) -> InvocationResult:
        return InvocationResult(is_api_request=True, response=response, is_public=self._is_public)

    @property
    def _is_public(self) -> bool:
        endpoint = self.config.endpoint
        return endpoint is not None and endpoint.authentication.value == "NONE"

    def _handle_messages(self, invocation: Invocation) -> InvocationResult | None:
        """Handle the messages of an SQS event one by one; None for every other event."""
        # Imported here: only functions with `batch.array` need them.
        from supervisor.events.queue_messages import parse_queue_messages
        from supervisor.execution.gathered_events import GatheredEvents

        messages = parse_queue_messages(invocation.event, self.config)
        if not messages:
            return None
        return GatheredEvents(
            config=self.config,
            invocation=invocation,
            store=self.open_store("s3"),
            open_submitter=self.open_submitter,
            handle_event=self.handle_run,
            until=self.throttled_until(invocation),
            now=self.now,
            log=self.log,
        ).handle(messages)
