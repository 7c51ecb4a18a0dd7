"""Scheduling policies: the weights of the shares of job queues."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.client.waiter import Waiter
from scar.aws.model.resources import SchedulingPolicy
from scar.aws.requests import batch_requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import SchedulingPolicyDetailTypeDef

    from scar.aws.model.account import Account

# AWS: a policy that a job queue uses cannot be deleted; a queue deleted just before may still
# count. DeleteSchedulingPolicy has no code of its own for it.
_STILL_IN_USE = "queue"


@dataclass(frozen=True, slots=True)
class SchedulingPolicyHandler:
    """Handles scheduling policies, which AWS knows by ARN only. ``account`` is read when needed."""

    batch: BatchClient
    account: Callable[[], Account]
    waiter: Waiter = field(default_factory=Waiter)

    def read(self, resource: SchedulingPolicy) -> SchedulingPolicy | None:
        found = self.batch.describe_scheduling_policies(arns=[self._arn(resource)])
        return next(map(parse_policy, found["schedulingPolicies"]), None)

    def create(self, resource: SchedulingPolicy) -> None:
        if self.read(resource) is not None:  # an earlier attempt, with the response lost
            self.update(resource, resource)
            return
        self.batch.create_scheduling_policy(**batch_requests.create_policy_request(resource))

    def update(self, observed: SchedulingPolicy, desired: SchedulingPolicy) -> None:
        del observed
        self.batch.update_scheduling_policy(
            arn=self._arn(desired), fairsharePolicy=batch_requests.fair_share(desired)
        )

    def delete(self, resource: SchedulingPolicy) -> None:
        if self.read(resource) is not None:
            self.waiter.wait_until(lambda: self._try_delete(resource), str(resource.key))

    def _try_delete(self, resource: SchedulingPolicy) -> bool:
        try:
            self.batch.delete_scheduling_policy(arn=self._arn(resource))
        except ClientError as error:
            if _STILL_IN_USE not in errors.error_message(error).lower():
                raise
            return False
        return True

    def _arn(self, resource: SchedulingPolicy) -> str:
        return self.account().arn("batch", f"scheduling-policy/{resource.name}")


def parse_policy(found: SchedulingPolicyDetailTypeDef) -> SchedulingPolicy:
    """Return a scheduling policy as DescribeSchedulingPolicies describes it."""
    fair_share = found.get("fairsharePolicy", {})
    return SchedulingPolicy(
        name=found["name"],
        shares=tuple(
            sorted(
                (share["shareIdentifier"], share.get("weightFactor", 1.0))
                for share in fair_share.get("shareDistribution", [])
            )
        ),
        decay_seconds=fair_share.get("shareDecaySeconds", 0),
        reserved_percent=fair_share.get("computeReservation", 0),
    )
