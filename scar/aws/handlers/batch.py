"""AWS Batch: compute environments and job queues. No API call says when they are ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.client.waiter import Waiter
from scar.aws.model.resources import ComputeEnvironment, JobQueue
from scar.aws.requests import batch_requests
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        ComputeEnvironmentOrderTypeDef,
        JobQueueDetailTypeDef,
        UpdateComputeEnvironmentRequestTypeDef,
        UpdateJobQueueRequestTypeDef,
    )

_SERVICE_LINKED = "/AWSServiceRoleForBatch"
_STILL_IN_USE = "existing JobQueue relationship"


@dataclass(frozen=True, slots=True)
class ComputeEnvironmentHandler:
    """The name covers what a function asks for: an update undoes what somebody changed by hand."""

    batch: BatchClient
    waiter: Waiter = field(default_factory=Waiter)

    def read(self, resource: ComputeEnvironment) -> ComputeEnvironment | None:
        found = self._describe(resource.name)
        return parse_environment(found) if found else None

    def create(self, resource: ComputeEnvironment) -> None:
        self.batch.create_compute_environment(**batch_requests.create_environment_request(resource))
        self._wait_until_valid(resource.name)

    def update(self, observed: ComputeEnvironment, desired: ComputeEnvironment) -> None:
        """Change all at once: while one change is under way, Batch refuses the next."""
        self.waiter.wait_until(lambda: _is_idle(self._describe(desired.name)), str(desired.key))
        request: UpdateComputeEnvironmentRequestTypeDef = {"computeEnvironment": desired.name}
        if observed.state != desired.state:
            request["state"] = desired.state
        if changed := batch_requests.environment_changes(observed, desired):
            request["computeResources"] = changed
        self.batch.update_compute_environment(**request)
        self._wait_until_valid(desired.name)

    def delete(self, resource: ComputeEnvironment) -> None:
        name, what = resource.name, str(resource.key)
        # Neither what is being made nor what is being changed can be switched off.
        self.waiter.wait_until(lambda: _is_idle(self._describe(name)), what)
        found = self._describe(name)
        if found is None:
            return
        if found.get("status") != "DELETING":
            self.batch.update_compute_environment(computeEnvironment=name, state="DISABLED")
            self.waiter.wait_until(lambda: _is_idle(self._describe(name)), what)
            self.waiter.wait_until(lambda: self._try_delete(name), what)
        self.waiter.wait_until(lambda: self._describe(name) is None, what)

    def _describe(self, name: str) -> ComputeEnvironmentDetailTypeDef | None:
        found = self.batch.describe_compute_environments(computeEnvironments=[name])
        present = [e for e in found["computeEnvironments"] if e.get("status") != "DELETED"]
        return present[0] if present else None

    def _wait_until_valid(self, name: str) -> None:
        self.waiter.wait_until(lambda: self._is_valid(name), f"compute-environment {name}")

    def _is_valid(self, name: str) -> bool | str:
        return _is_ready(self._describe(name), f"compute environment {name}")

    def _try_delete(self, name: str) -> bool:
        """Batch lets go of a queue some time after the queue is gone."""
        try:
            self.batch.delete_compute_environment(computeEnvironment=name)
        except ClientError as error:
            if _STILL_IN_USE not in errors.error_message(error):
                raise
            return False
        return True


@dataclass(frozen=True, slots=True)
class JobQueueHandler:
    batch: BatchClient
    waiter: Waiter = field(default_factory=Waiter)

    def read(self, resource: JobQueue) -> JobQueue | None:
        found = self._describe(resource.name)
        return parse_queue(found) if found else None

    def create(self, resource: JobQueue) -> None:
        self.batch.create_job_queue(**batch_requests.create_queue_request(resource))
        self._wait_until_valid(resource.name)

    def update(self, observed: JobQueue, desired: JobQueue) -> None:
        request: UpdateJobQueueRequestTypeDef = {
            "jobQueue": desired.name,
            "state": desired.state,
            "priority": desired.priority,
        }
        if observed.environment != desired.environment:
            order: ComputeEnvironmentOrderTypeDef = {
                "order": 1,
                "computeEnvironment": desired.environment,
            }
            request["computeEnvironmentOrder"] = [order]
        self.batch.update_job_queue(**request)
        self._wait_until_valid(desired.name)

    def delete(self, resource: JobQueue) -> None:
        name, what = resource.name, str(resource.key)
        self.waiter.wait_until(lambda: _is_idle(self._describe(name)), what)
        found = self._describe(name)
        if found is None:
            return
        if found.get("status") != "DELETING":
            self.batch.update_job_queue(jobQueue=name, state="DISABLED")
            self.waiter.wait_until(lambda: _is_idle(self._describe(name)), what)
            self.batch.delete_job_queue(jobQueue=name)
        self.waiter.wait_until(lambda: self._describe(name) is None, what)

    def _describe(self, name: str) -> JobQueueDetailTypeDef | None:
        found = self.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        present = [q for q in found if q.get("status") != "DELETED"]
        return present[0] if present else None

    def _wait_until_valid(self, name: str) -> None:
        self.waiter.wait_until(lambda: self._is_valid(name), f"job-queue {name}")

    def _is_valid(self, name: str) -> bool | str:
        return _is_ready(self._describe(name), f"job queue {name}")


def parse_environment(found: ComputeEnvironmentDetailTypeDef) -> ComputeEnvironment:
    actual = found["computeResources"]
    images = actual.get("ec2Configuration", [])
    role = found.get("serviceRole", "")
    template = actual.get("launchTemplate", {})
    return ComputeEnvironment(
        name=found["computeEnvironmentName"],
        type=actual["type"],
        max_vcpus=actual["maxvCpus"],
        min_vcpus=actual.get("minvCpus", 0),
        instance_types=tuple(actual.get("instanceTypes", [])),
        allocation=actual.get("allocationStrategy", ""),
        image_type=images[0]["imageType"] if images else "",
        subnets=tuple(sorted(actual["subnets"])),
        security_groups=tuple(sorted(actual.get("securityGroupIds", []))),
        instance_profile=actual.get("instanceRole", ""),
        # Without a role of the user's, Batch tells its own service-linked one.
        service_role="" if role.endswith(_SERVICE_LINKED) else role,
        launch_template=(
            f"{template.get('launchTemplateName')}:{template.get('version')}" if template else ""
        ),
        state=found.get("state", "ENABLED"),
    )


def parse_queue(found: JobQueueDetailTypeDef) -> JobQueue:
    environments = found["computeEnvironmentOrder"]
    return JobQueue(
        name=found["jobQueueName"],
        environment=",".join(e["computeEnvironment"].rpartition("/")[2] for e in environments),
        priority=found["priority"],
        state=found["state"],
    )


def _is_idle(
    found: ComputeEnvironmentDetailTypeDef | JobQueueDetailTypeDef | None,
) -> bool | str:
    """Say whether it can be changed or deleted, or what Batch is doing; invalid ones can."""
    status = found.get("status", "") if found else ""
    return status in ("", "VALID", "INVALID", "DELETING") or status


def _is_ready(
    found: ComputeEnvironmentDetailTypeDef | JobQueueDetailTypeDef | None, what: str
) -> bool | str:
    """Say whether Batch is done with it, or what it is doing."""
    if found is None:
        return False
    status, reason = found.get("status", ""), found.get("statusReason", "")
    if status == "VALID":
        return True
    if status != "INVALID":
        return f"{status} {reason}".strip()
    raise OperationRefusedError(
        f"Batch cannot use {what}: {reason or 'no reason told'}",
        remedy="Correct the subnets, security groups or roles, then run the command again.",
    )
