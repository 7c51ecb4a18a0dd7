"""Compute environments: polled until they are valid, repaired or replaced if they are invalid.

An environment that has become INVALID is a difference like any other: the update repairs it. What
cannot be repaired is replaced, without a moment in which jobs cannot be submitted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors, races
from scar.aws.client.waiter import Waiter
from scar.aws.handlers.batch.descriptions import (
    DELETING,
    compare_tags,
    current_environment,
    describe_environments,
    is_idle,
    parse_environments,
    queues_using,
)
from scar.aws.handlers.batch.job_queues import JobQueueHandler
from scar.aws.handlers.batch.repair import (
    ValidityWait,
    call_patiently,
    repair_request,
)
from scar.aws.handlers.batch.statuses import INVALID, environments_of, reason_of, status_of
from scar.aws.model import names
from scar.aws.model.resources import VALID, ComputeEnvironment
from scar.aws.requests import batch_requests
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        UpdateComputeEnvironmentRequestTypeDef,
    )

_STILL_IN_USE = "existing JobQueue relationship"


@dataclass(frozen=True, slots=True)
class ComputeEnvironmentHandler:
    """Handles compute environments.

    The name is a digest of the desired settings. So an update only reverts changes made outside
    scar, and repairs or replaces an environment that Batch cannot use any more.
    """

    batch: BatchClient
    waiter: Waiter = field(default_factory=Waiter)

    def read(self, resource: ComputeEnvironment) -> ComputeEnvironment | None:
        found = parse_environments(describe_environments(self.batch, resource.name))
        return compare_tags(found, resource) if found else None

    def create(self, resource: ComputeEnvironment) -> None:
        self._create(replace(resource, actual_name=resource.name))

    def update(self, observed: ComputeEnvironment, desired: ComputeEnvironment) -> None:
        """Make it as desired; repair or replace it if it is INVALID.

        All changes are one request: during an update, Batch rejects another one. Deleted ones are
        created again. Repeating it continues where an interrupted replacement stopped.
        """
        current = self._find_current(desired.name)
        if current is None:
            self.create(desired)
            return
        self._wait_until_idle(current)
        self._update_tags(observed, desired, current)
        changes = _change_request(observed, desired, current)
        if len(changes) > 1:
            call_patiently(
                self.waiter,
                str(desired.key),
                lambda: self.batch.update_compute_environment(**changes),
            )
        if desired.status != VALID:  # undoing a repair
            self._wait_until_idle(current)
            return
        self._retire_others(desired, self._make_valid(desired, current))

    def delete(self, resource: ComputeEnvironment) -> None:
        for found in describe_environments(self.batch, resource.name):
            self._delete(found.get("computeEnvironmentName", resource.name))

    def _create(self, resource: ComputeEnvironment) -> None:
        name = resource.actual_name
        request = batch_requests.create_environment_request(resource)
        call_patiently(
            self.waiter,
            f"{resource.kind} {name}",
            lambda: self.batch.create_compute_environment(**request),
        )
        self._wait_until_valid(name, resource)

    def _update_tags(
        self, observed: ComputeEnvironment, desired: ComputeEnvironment, name: str
    ) -> None:
        """Restore tags that were removed: the name is a digest of them, so none is obsolete."""
        if desired.tags and observed.tags != desired.tags and (found := self._describe(name)):
            arn = found["computeEnvironmentArn"]
            self.batch.tag_resource(resourceArn=arn, tags=dict(desired.tags))

    def _find_current(self, name: str) -> str | None:
        """Return the name of the environment that counts, once nothing is being deleted."""
        found = describe_environments(self.batch, name)
        for each in found:
            if status_of(each) == DELETING:
                self._wait_until_deleted(each.get("computeEnvironmentName", name))
        existing = [e for e in found if status_of(e) != DELETING]
        used = self._used_environments(name) if len(existing) > 1 else ()
        current = current_environment(existing, used)
        return current.get("computeEnvironmentName", name) if current else None

    def _make_valid(self, desired: ComputeEnvironment, name: str) -> str:
        """Repair the environment; return its name, or the name of its replacement."""
        if self._invalid_reason(name):
            self._repair(desired, name, self._invalid_reason(name))
        try:
            self._wait_until_valid(name, desired, races.SHORT_PATIENCE)
        except OperationRefusedError as error:
            return self._replace(desired, name, error)
        return name

    def _replace(self, desired: ComputeEnvironment, name: str, cause: OperationRefusedError) -> str:
        """Create an environment with the other name; return that name.

        If Batch cannot use that one either, it is deleted and the cause is raised.
        """
        (other,) = {*names.environment_names(desired.name)} - {name}
        if other in self._used_environments(desired.name):
            # An earlier replacement was interrupted, and jobs still wait for the one it replaces.
            self._repair(desired, other, cause.problem)
            self._wait_until_valid(other, desired, races.SHORT_PATIENCE)
            return other
        self.waiter.report(f"{cause.problem}. Replacing it with {other}.")
        self._delete(other)
        try:
            self._create(replace(desired, actual_name=other))
        except OperationRefusedError:
            self._delete(other)
            raise
        return other

    def _retire_others(self, desired: ComputeEnvironment, name: str) -> None:
        """Let the job queues use this environment, then delete the one that it replaces."""
        others = [
            found["computeEnvironmentName"]
            for found in describe_environments(self.batch, desired.name)
            if found.get("computeEnvironmentName", name) != name
        ]
        if not others:
            return
        handler = JobQueueHandler(self.batch, self.waiter)
        for other in others:
            for queue in queues_using(self.batch, [other]):
                handler.switch_environment(queue, other, name)
            self._delete(other)

    def _used_environments(self, name: str) -> tuple[str, ...]:
        """Return those of the environment's two names that job queues use."""
        both = names.environment_names(name)
        queues = queues_using(self.batch, both)
        return tuple(each for each in both if any(each in environments_of(q) for q in queues))

    def _delete(self, name: str) -> None:
        label = f"{ComputeEnvironment.kind} {name}"
        # Batch rejects DISABLED while the environment is being created or updated.
        self._wait_until_idle(name)
        found = self._describe(name)
        if found is None:
            return
        if status_of(found) != DELETING:
            self.batch.update_compute_environment(computeEnvironment=name, state="DISABLED")
            self._wait_until_idle(name)
            self.waiter.wait_until(lambda: self._try_delete(name), label)
        self._wait_until_deleted(name)

    def _describe(self, name: str) -> ComputeEnvironmentDetailTypeDef | None:
        response = self.batch.describe_compute_environments(computeEnvironments=[name])
        existing = [e for e in response["computeEnvironments"] if status_of(e)]
        return existing[0] if existing else None

    def _invalid_reason(self, name: str) -> str:
        """Return Batch's reason if the environment is INVALID, else an empty string."""
        found = self._describe(name)
        return reason_of(found) if status_of(found) == INVALID else ""

    def _repair(self, resource: ComputeEnvironment, name: str, reason: str) -> None:
        request = repair_request(resource, name, reason)
        call_patiently(
            self.waiter,
            f"{resource.kind} {name}",
            lambda: self.batch.update_compute_environment(**request),
        )

    def _wait_until_valid(
        self,
        name: str,
        resource: ComputeEnvironment | None = None,
        patience: float = races.PATIENCE,
    ) -> None:
        desired = resource or ComputeEnvironment(name=name)
        ValidityWait(
            waiter=self.waiter,
            describe=lambda: self._describe(name),
            repair=lambda reason: self._repair(desired, name, reason),
            label=f"compute environment {name}",
            patience=patience,
        ).run()

    def _wait_until_idle(self, name: str) -> None:
        self.waiter.wait_until(
            lambda: is_idle(self._describe(name)), f"{ComputeEnvironment.kind} {name}"
        )

    def _wait_until_deleted(self, name: str) -> None:
        self.waiter.wait_until(
            lambda: self._describe(name) is None, f"{ComputeEnvironment.kind} {name}"
        )

    def _try_delete(self, name: str) -> bool:
        """Return False while Batch still associates a queue that was just deleted."""
        try:
            self.batch.delete_compute_environment(computeEnvironment=name)
        except ClientError as error:
            if _STILL_IN_USE not in errors.error_message(error):
                raise
            return False
        return True


def _change_request(
    observed: ComputeEnvironment, desired: ComputeEnvironment, name: str
) -> UpdateComputeEnvironmentRequestTypeDef:
    """Return the update for the settings that differ; only the name if none does."""
    request: UpdateComputeEnvironmentRequestTypeDef = {"computeEnvironment": name}
    if observed.state != desired.state:
        request["state"] = desired.state
    if changes := batch_requests.environment_changes(observed, desired):
        request["computeResources"] = changes
    return request
