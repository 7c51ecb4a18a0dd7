"""Job queues with their compute environments; an invalid one is repaired or created again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.account import jobs
from scar.aws.client.waiter import Waiter
from scar.aws.handlers.batch.descriptions import (
    DELETING,
    compare_tags,
    current_environment,
    describe_environments,
    describe_queue,
    is_idle,
    parse_queue,
)
from scar.aws.handlers.batch.repair import (
    call_patiently,
    invalid_error,
)
from scar.aws.handlers.batch.statuses import INVALID, environments_of, reason_of, status_of
from scar.aws.model.resources import VALID, JobQueue
from scar.aws.requests import batch_requests
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import (
        JobQueueDetailTypeDef,
        UpdateJobQueueRequestTypeDef,
    )


@dataclass(frozen=True, slots=True)
class JobQueueHandler:
    """Handles job queues; the order of their compute environments is a part of them."""

    batch: BatchClient
    waiter: Waiter = field(default_factory=Waiter)

    def read(self, resource: JobQueue) -> JobQueue | None:
        found = describe_queue(self.batch, resource.name)
        return compare_tags(parse_queue(found), resource) if found else None

    def create(self, resource: JobQueue) -> None:
        request = batch_requests.create_queue_request(resource, self._environment_names(resource))
        call_patiently(
            self.waiter, str(resource.key), lambda: self.batch.create_job_queue(**request)
        )
        self._wait_until_valid(resource.name)

    def update(self, observed: JobQueue, desired: JobQueue) -> None:
        """Make it as desired; an invalid queue that has no unfinished jobs is created again."""
        self.waiter.wait_until(
            lambda: is_idle(describe_queue(self.batch, desired.name)), str(desired.key)
        )
        found = describe_queue(self.batch, desired.name)
        if status_of(found) in ("", DELETING):
            self._wait_until_deleted(desired)
            self.create(desired)
            return
        if found and desired.tags and observed.tags != desired.tags:
            # The name is a digest of the tags, so none is obsolete.
            self.batch.tag_resource(resourceArn=found["jobQueueArn"], tags=dict(desired.tags))
        is_invalid = status_of(found) == INVALID
        request: UpdateJobQueueRequestTypeDef = {
            "jobQueue": desired.name,
            "state": desired.state,
            "priority": desired.priority,
        }
        if observed.time_limits != desired.time_limits or is_invalid:
            request["jobStateTimeLimitActions"] = batch_requests.time_limit_actions(desired)
        if observed.environments != desired.environments or is_invalid:
            request["computeEnvironmentOrder"] = batch_requests.environment_order(
                self._environment_names(desired)
            )
        if desired.scheduling_policy != observed.scheduling_policy and desired.scheduling_policy:
            request["schedulingPolicyArn"] = desired.scheduling_policy
        self._send_update(request)
        if desired.status != VALID:  # undoing a repair
            return
        try:
            self._wait_until_valid(desired.name)
        except OperationRefusedError as error:
            self._create_again(desired, error)

    def switch_environment(self, found: JobQueueDetailTypeDef, old: str, new: str) -> None:
        """Let a queue use the environment ``new`` in the place of ``old``, for all its jobs.

        Both are names in AWS. The other environments and the order stay.
        """
        used = [new if name == old else name for name in environments_of(found)]
        self._send_update(
            {
                "jobQueue": found["jobQueueName"],
                # Both may be there after an interrupted change: each only once.
                "computeEnvironmentOrder": batch_requests.environment_order([*dict.fromkeys(used)]),
            }
        )
        self._wait_until_valid(found["jobQueueName"])

    def delete(self, resource: JobQueue) -> None:
        name, label = resource.name, str(resource.key)
        self.waiter.wait_until(lambda: is_idle(describe_queue(self.batch, name)), label)
        found = describe_queue(self.batch, name)
        if found is None:
            return
        if status_of(found) != DELETING:
            self.batch.update_job_queue(jobQueue=name, state="DISABLED")
            self.waiter.wait_until(lambda: is_idle(describe_queue(self.batch, name)), label)
            self.batch.delete_job_queue(jobQueue=name)
        self._wait_until_deleted(resource)

    def _create_again(self, desired: JobQueue, cause: OperationRefusedError) -> None:
        """Delete and create the queue: its name is part of functions, so it stays the same."""
        if unfinished := jobs.list_active_jobs(self.batch, [desired.name]):
            raise OperationRefusedError(
                f"{cause.problem}. It cannot be created again while {len(unfinished)} of its jobs"
                " have not ended.",
                remedy="Wait for them or end them with `scar cancel`, then run the same command"
                " again.",
            ) from cause
        self.waiter.report(f"{cause.problem}. Creating it again.")
        self.delete(desired)
        self.create(desired)

    def _environment_names(self, resource: JobQueue) -> list[str]:
        """Return the present names of the compute environments in AWS, in the queue's order."""
        current = (
            (name, current_environment(describe_environments(self.batch, name)))
            for name in resource.environments
        )
        return [found["computeEnvironmentName"] if found else name for name, found in current]

    def _send_update(self, request: UpdateJobQueueRequestTypeDef) -> None:
        call_patiently(
            self.waiter,
            f"{JobQueue.kind} {request['jobQueue']}",
            lambda: self.batch.update_job_queue(**request),
        )

    def _wait_until_valid(self, name: str) -> None:
        def check() -> bool | str:
            found = describe_queue(self.batch, name)
            status = status_of(found)
            if status == INVALID:
                raise invalid_error(f"job queue {name}", reason_of(found))
            return status == VALID or status

        self.waiter.wait_until(check, f"{JobQueue.kind} {name}")

    def _wait_until_deleted(self, resource: JobQueue) -> None:
        self.waiter.wait_until(
            lambda: describe_queue(self.batch, resource.name) is None, str(resource.key)
        )
