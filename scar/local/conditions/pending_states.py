"""Functions, compute environments and job queues that are not ready when they are made.

The service stores what was asked for at once. Until it is ready, reads show AWS's states instead
(``Pending``, ``CREATING``, ``INVALID``), and requests that need a ready resource are refused.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.local.conditions.api_call import resource_name
from scar.local.conditions.faults import Refusal
from scar.local.conditions.table import Condition

if TYPE_CHECKING:
    from scar.local.conditions.api_call import ApiCall
    from scar.local.conditions.draws import Draws

_INVALID_REASON = (
    "CLIENT_ERROR - Unable to assume the service linked role. Please verify that the ECS service "
    "linked role exists."
)
_UPDATES = frozenset({"UpdateFunctionCode", "UpdateFunctionConfiguration"})


@dataclass(frozen=True, slots=True)
class _NotReady:
    """A resource is ``status`` until ``until``, then ``invalid_until`` INVALID, then ready."""

    status: str
    until: float
    invalid_until: float = 0.0

    def state(self, now: float) -> str:
        """Return the status that AWS reports, or an empty string if the resource is ready."""
        if now < self.until:
            return self.status
        return "INVALID" if now < self.invalid_until else ""


class PendingStates:
    """Resources that are not ready yet; ``now`` is monotonic seconds. Thread-safe."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._not_ready: dict[tuple[str, str], _NotReady] = {}
        self._lock = threading.Lock()

    def function_state(self, name: str, now: float) -> str:
        """Return ``Pending``, or ``Active`` once the function can run."""
        state = self._state("function", name, now)
        return "Pending" if state == "Pending" else "Active"

    def is_environment_ready(self, name: str, now: float) -> bool:
        """Return whether jobs can start in a compute environment."""
        return not self._state("environment", name, now)

    def check(self, call: ApiCall, now: float) -> Refusal | None:
        """Return AWS's error if the call needs a resource that is not ready."""
        match call.service, call.operation:
            case "lambda", operation if operation in _UPDATES or operation == "DeleteFunction":
                return self._check_function(call, now)
            case "batch", "CreateJobQueue" | "UpdateJobQueue":
                return self._check_environment_order(call, now)
            case "batch", "UpdateComputeEnvironment" | "DeleteComputeEnvironment":
                state = self._state("environment", call.resource, now)
                if state in ("CREATING", "UPDATING"):
                    return _batch_error("Cannot modify, resource is being modified.")
                return None
            case _:
                return None

    def record(self, call: ApiCall, now: float) -> None:
        """Start the states of a resource that was made or changed."""
        match call.service, call.operation:
            case "lambda", "CreateFunction":
                self._start("function", call.resource, "Pending", now)
            case "lambda", operation if operation in _UPDATES:
                self._start("function", call.resource, "InProgress", now)
            case "batch", "CreateComputeEnvironment":
                self._start("environment", call.resource, "CREATING", now)
            case "batch", "UpdateComputeEnvironment":
                self._repair(call.resource, now)
            case "batch", "CreateJobQueue":
                self._start("queue", call.resource, "CREATING", now)
            case _:
                pass

    def adapt(self, call: ApiCall, document: dict[str, Any], now: float) -> bool:
        """Put the states into a response's document; return whether it was changed."""
        match call.service, call.operation:
            case "lambda", "GetFunction":
                return self._adapt_function(document.get("Configuration"), now)
            case "lambda", operation if operation in (
                "CreateFunction",
                "GetFunctionConfiguration",
                *_UPDATES,
            ):
                return self._adapt_function(document, now)
            case "batch", "DescribeComputeEnvironments":
                return self._adapt_batch(
                    document.get("computeEnvironments"), "environment", "computeEnvironmentName",
                    now,
                )  # fmt: skip
            case "batch", "DescribeJobQueues":
                return self._adapt_batch(document.get("jobQueues"), "queue", "jobQueueName", now)
            case _:
                return False

    def _start(self, kind: str, name: str, status: str, now: float) -> None:
        condition = {
            "function": Condition.FUNCTION_PENDING,
            "environment": Condition.ENVIRONMENT_CREATING,
            "queue": Condition.QUEUE_CREATING,
        }[kind]
        first = self._draws.draw(condition, name)
        invalid = (
            self._draws.draw(Condition.ENVIRONMENT_INVALID, name) if kind == "environment" else None
        )
        until = now + (first.seconds if first else 0.0)
        self._store(kind, name, _NotReady(status, until, until + invalid.seconds if invalid else 0))

    def _repair(self, name: str, now: float) -> None:
        """An update validates the environment again: UPDATING, and then it is VALID."""
        occurrence = self._draws.draw(Condition.ENVIRONMENT_CREATING, name)
        seconds = occurrence.seconds if occurrence else 0.0
        self._store("environment", name, _NotReady("UPDATING", now + seconds))

    def _store(self, kind: str, name: str, state: _NotReady) -> None:
        with self._lock:
            self._not_ready[(kind, name)] = state

    def _state(self, kind: str, name: str, now: float) -> str:
        with self._lock:
            found = self._not_ready.get((kind, name))
            state = found.state(now) if found else ""
            if found and not state:
                del self._not_ready[(kind, name)]
        return state

    def _check_function(self, call: ApiCall, now: float) -> Refusal | None:
        state = self._state("function", call.resource, now)
        if state == "Pending" and call.operation != "DeleteFunction":
            message = (
                "The operation cannot be performed at this time. The function is currently in the "
                "following state: Pending"
            )
        elif state == "InProgress":
            message = (
                "The operation cannot be performed at this time. An update is in progress for "
                f"resource: {call.resource}"
            )
        else:
            return None
        return Refusal(code="ResourceConflictException", message=message, status=409)

    def _check_environment_order(self, call: ApiCall, now: float) -> Refusal | None:
        order = call.parameters.get("computeEnvironmentOrder")
        for entry in order if isinstance(order, list) else ():
            name = resource_name({"computeEnvironment": entry.get("computeEnvironment")})
            if state := self._state("environment", name, now):
                return _batch_error(f"{name} is not VALID, but {state}")
        return None

    def _adapt_function(self, configuration: object, now: float) -> bool:
        if not isinstance(configuration, dict):
            return False
        state = self._state("function", str(configuration.get("FunctionName", "")), now)
        if state == "Pending":
            configuration |= {
                "State": "Pending",
                "StateReason": "The function is being created.",
                "StateReasonCode": "Creating",
                "LastUpdateStatus": "InProgress",
            }
        elif state:
            configuration |= {
                "LastUpdateStatus": "InProgress",
                "LastUpdateStatusReason": "The function is being created.",
                "LastUpdateStatusReasonCode": "Creating",
            }
        return bool(state)

    def _adapt_batch(self, entries: object, kind: str, name_field: str, now: float) -> bool:
        changed = False
        for entry in entries if isinstance(entries, list) else ():
            if state := self._state(kind, str(entry.get(name_field, "")), now):
                entry["status"] = state
                entry["statusReason"] = _INVALID_REASON if state == "INVALID" else ""
                changed = True
        return changed


def _batch_error(text: str) -> Refusal:
    return Refusal(
        code="ClientException", message=f"Error executing request, Exception : {text}, RequestId: 1"
    )
