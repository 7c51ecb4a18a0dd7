"""The conditions of all requests: admit a call, record its success, adapt its response.

No HTTP here: the local cloud's server (``layer``) and the tests' SDK sessions use the same
decisions. ``now`` is monotonic seconds, so that tests may use a virtual clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.local.conditions.draws import Draws
from scar.local.conditions.faults import (
    INTERNAL_ERROR,
    ConnectionLoss,
    DelayedResponse,
    throttling_refusal,
)
from scar.local.conditions.pending_states import PendingStates
from scar.local.conditions.propagation import Propagation
from scar.local.conditions.request_rates import RequestRateLimiter
from scar.local.conditions.table import Condition

if TYPE_CHECKING:
    from scar.local.conditions.api_call import ApiCall
    from scar.local.conditions.draws import Occurrence
    from scar.local.conditions.faults import Refusal, RequestFault
    from scar.local.conditions.settings import ConditionsSettings

_S3_FAULTS = (
    Condition.SLOW_DOWN,
    Condition.INTERNAL_ERROR,
    Condition.CONNECTION_RESET,
    Condition.SLOW_RESPONSE,
)
# An upload without a condition whose response is lost becomes two uploads and two runs: outputs
# could not be counted any more.
_REPEATABLE_FAULTS = (*_S3_FAULTS, Condition.RESPONSE_LOST)
# Clients of a control plane may take the response of their own first attempt for another's.
_CONTROL_FAULTS = (Condition.THROTTLED, Condition.CONNECTION_RESET, Condition.SLOW_RESPONSE)
# Of two jobs of a run, the supervisor lets only the first run: it stands a lost response.
_SUBMISSION_FAULTS = (*_CONTROL_FAULTS, Condition.RESPONSE_LOST)


class RequestConditions:
    """Decides about each request of one local cloud. Thread-safe."""

    def __init__(self, settings: ConditionsSettings) -> None:
        self.settings = settings
        self.draws = Draws(settings.chaos) if settings.chaos else None
        self._rates = RequestRateLimiter()
        self.pending = PendingStates(self.draws) if self.draws else None
        self._propagation = Propagation(self.draws) if self.draws else None

    def concerns(self, service: str) -> bool:
        """Return whether a request to this service can be refused at all."""
        return self.draws is not None or (self.settings.limits and service in self._rates.services)

    def admit(self, call: ApiCall, now: float) -> RequestFault | None:
        """Return what happens to the call instead of its normal execution, or None."""
        if self.settings.limits and (refusal := self._rates.check(call, now)):
            return refusal
        if self.draws is None:
            return None
        return self._draw_fault(call) or self._check_state(call, now)

    def record(self, call: ApiCall, now: float) -> None:
        """Note the success of a call, which may start delays and states."""
        if self._propagation and self.pending:
            self._propagation.record(call, now)
            self.pending.record(call, now)

    def adapt(self, call: ApiCall, document: dict[str, Any], now: float) -> bool:
        """Put states into the document of a successful response; return whether it changed."""
        return self.pending is not None and self.pending.adapt(call, document, now)

    def is_endpoint_served(self, identity: str, now: float) -> bool:
        """Return whether requests reach an endpoint: the id of an API, or a function's name."""
        return self._propagation is None or self._propagation.is_endpoint_served(identity, now)

    def is_permission_active(self, function: str, now: float) -> bool:
        """Return whether the newest statement of a function's resource policy has effect."""
        return self._propagation is None or self._propagation.is_permission_active(function, now)

    def status(self) -> dict[str, object]:
        """Return what ``scar local status`` shows: the seed, what is on, what has occurred."""
        occurred = self.draws.occurrences if self.draws else {}
        return {
            "on": self.settings.descriptions,
            "refused_above_the_rate": dict(self._rates.refused),
            "occurred": {condition.value: count for condition, count in sorted(occurred.items())},
        }

    def _check_state(self, call: ApiCall, now: float) -> Refusal | None:
        if self._propagation is None or self.pending is None:
            return None
        return self._propagation.check(call, now) or self.pending.check(call, now)

    def _draw_fault(self, call: ApiCall) -> RequestFault | None:
        if self.draws is None:
            return None
        conditions = _possible_faults(call)
        resource = f"{call.service} {call.operation} {call.resource}"
        occurrence = self.draws.draw_fault(conditions, resource)
        return _fault_of(call, occurrence) if occurrence else None


def _possible_faults(call: ApiCall) -> tuple[Condition, ...]:
    if call.service == "s3":
        return _REPEATABLE_FAULTS if call.is_repeatable else _S3_FAULTS
    return _SUBMISSION_FAULTS if call.operation == "SubmitJob" else _CONTROL_FAULTS


def _fault_of(call: ApiCall, occurrence: Occurrence) -> RequestFault:
    match occurrence.condition:
        case Condition.CONNECTION_RESET:
            return ConnectionLoss(executed=False)
        case Condition.RESPONSE_LOST:
            return ConnectionLoss(executed=True)
        case Condition.SLOW_RESPONSE:
            return DelayedResponse(occurrence.seconds)
        case Condition.INTERNAL_ERROR:
            return INTERNAL_ERROR
        case _:
            return throttling_refusal(call.service, call.operation)
