"""Environments and queues that Batch reports as INVALID; moto knows only VALID ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection

NO_SUBNET = "CLIENT_ERROR - The subnet ID 'subnet-1' does not exist"
NO_ROLE = "CLIENT_ERROR - Unable to assume the service linked role."


@dataclass
class InvalidResources:
    """Names of environments and queues that are INVALID, with the reason.

    The number is how many updates repair one; a large number is never reached.
    """

    reasons: dict[str, str] = field(default_factory=dict)
    updates_needed: dict[str, int] = field(default_factory=dict)
    new_environments: list[tuple[str, int]] = field(default_factory=list)
    """Reason and number of updates for the environments that are created next."""

    @classmethod
    def of(cls, connection: AwsConnection) -> InvalidResources:
        """Return the states of an account; call it before the connection has created clients."""
        states, events = cls(), connection.session.events
        events.register("after-call.batch.DescribeComputeEnvironments", states._mark_environments)
        events.register("after-call.batch.DescribeJobQueues", states._mark_queues)
        events.register(
            "provide-client-params.batch.UpdateComputeEnvironment", states._count_environment
        )
        events.register("provide-client-params.batch.UpdateJobQueue", states._count_queue)
        events.register("provide-client-params.batch.CreateComputeEnvironment", states._create)
        return states

    def break_(self, name: str, reason: str, updates: int) -> None:
        self.reasons[name], self.updates_needed[name] = reason, updates

    def _mark_environments(self, parsed: dict[str, Any], **_: object) -> None:
        for found in parsed.get("computeEnvironments", []):
            self._mark(found, found["computeEnvironmentName"])

    def _mark_queues(self, parsed: dict[str, Any], **_: object) -> None:
        for found in parsed.get("jobQueues", []):
            self._mark(found, f"queue {found['jobQueueName']}")

    def _mark(self, found: dict[str, Any], name: str) -> None:
        if self.updates_needed.get(name, 0) > 0:
            found |= {"status": "INVALID", "statusReason": self.reasons[name]}

    def _count_environment(self, params: dict[str, Any], **_: object) -> None:
        if params.get("state") != "DISABLED":
            self._count(params["computeEnvironment"])

    def _count_queue(self, params: dict[str, Any], **_: object) -> None:
        self._count(f"queue {params['jobQueue']}")

    def _count(self, name: str) -> None:
        self.updates_needed[name] = self.updates_needed.get(name, 0) - 1

    def _create(self, params: dict[str, Any], **_: object) -> None:
        if self.new_environments:
            self.break_(params["computeEnvironmentName"], *self.new_environments.pop(0))
