"""AWS Batch: compute environments and job queues. Their status is polled until they are valid."""

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
    """Handles compute environments.

    The name is a digest of the desired settings. So an update only reverts changes made outside
    scar.
    """

    batch: BatchClient
    waiter: Waiter = field(default_factory=Waiter)

    def read(self, resource: ComputeEnvironment) -> ComputeEnvironment | None:
        found = self._describe(resource.name)
        return parse_environment(found) if found else None

    def create(self, resource: ComputeEnvironment) -> None:
        self.batch.create_compute_environment(**batch_requests.create_environment_request(resource))
        self._wait_until_valid(resource.name)

    def update(self, observed: ComputeEnvironment, desired: ComputeEnvironment) -> None:
        """Send all changes in one request: during an update, Batch rejects another one."""
        self.waiter.wait_until(lambda: _is_idle(self._describe(desired.name)), str(desired.key))
        request: UpdateComputeEnvironmentRequestTypeDef = {"computeEnvironment": desired.name}
        if observed.state != desired.state:
            request["state"] = desired.state
        if changes := batch_requests.environment_changes(observed, desired):
            request["computeResources"] = changes
        self.batch.update_compute_environment(**request)
        self._wait_until_valid(desired.name)

    def delete(self, resource: ComputeEnvironment) -> None:
        name, label = resource.name, str(resource.key)
        # Batch rejects DISABLED while the environment is being created or updated.
        self.waiter.wait_until(lambda: _is_idle(self._describe(name)), label)
        found = self._describe(name)
        if found is None:
            return
        if found.get("status") != "DELETING":
            self.batch.update_compute_environment(computeEnvironment=name, state="DISABLED")
            self.waiter.wait_until(lambda: _is_idle(self._describe(name)), label)
            self.waiter.wait_until(lambda: self._try_delete(name), label)
        self.waiter.wait_until(lambda: self._describe(name) is None, label)

    def _describe(self, name: str) -> ComputeEnvironmentDetailTypeDef | None:
        response = self.batch.describe_compute_environments(computeEnvironments=[name])
        # Deleted environments are still listed for some time.
        existing = [e for e in response["computeEnvironments"] if e.get("status") != "DELETED"]
        return existing[0] if existing else None

    def _wait_until_valid(self, name: str) -> None:
        self.waiter.wait_until(lambda: self._is_valid(name), f"compute-environment {name}")

    def _is_valid(self, name: str) -> bool | str:
        return _is_ready(self._describe(name), f"compute environment {name}")

    def _try_delete(self, name: str) -> bool:
        """Return False while Batch still associates a queue that was just deleted."""
        try:
            self.batch.delete_compute_environment(computeEnvironment=name)
        except ClientError as error:
            if _STILL_IN_USE not in errors.error_message(error):
                raise
            return False
        return True


@dataclass(frozen=True, slots=True)
class JobQueueHandler:
    """Handles job queues, each with one compute environment."""

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
        name, label = resource.name, str(resource.key)
        self.waiter.wait_until(lambda: _is_idle(self._describe(name)), label)
        found = self._describe(name)
        if found is None:
            return
        if found.get("status") != "DELETING":
            self.batch.update_job_queue(jobQueue=name, state="DISABLED")
            self.waiter.wait_until(lambda: _is_idle(self._describe(name)), label)
            self.batch.delete_job_queue(jobQueue=name)
        self.waiter.wait_until(lambda: self._describe(name) is None, label)

    def _describe(self, name: str) -> JobQueueDetailTypeDef | None:
        queues = self.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        existing = [queue for queue in queues if queue.get("status") != "DELETED"]
        return existing[0] if existing else None

    def _wait_until_valid(self, name: str) -> None:
        self.waiter.wait_until(lambda: self._is_valid(name), f"job-queue {name}")

    def _is_valid(self, name: str) -> bool | str:
        return _is_ready(self._describe(name), f"job queue {name}")


def parse_environment(found: ComputeEnvironmentDetailTypeDef) -> ComputeEnvironment:
    """Return a compute environment as DescribeComputeEnvironments describes it."""
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
        # Without a service role in the request, Batch reports its service-linked role.
        service_role="" if role.endswith(_SERVICE_LINKED) else role,
        launch_template=(
            f"{template.get('launchTemplateName')}:{template.get('version')}" if template else ""
        ),
        state=found.get("state", "ENABLED"),
    )


def parse_queue(found: JobQueueDetailTypeDef) -> JobQueue:
    """Return a job queue as DescribeJobQueues describes it."""
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
    """Return True if it can be updated or deleted, also if invalid; else its status."""
    status = found.get("status", "") if found else ""
    return status in ("", "VALID", "INVALID", "DELETING") or status


def _is_ready(
    found: ComputeEnvironmentDetailTypeDef | JobQueueDetailTypeDef | None, label: str
) -> bool | str:
    """Return True if it is valid, False if it does not exist yet, else its status.

    Raise OperationRefusedError if it is invalid.
    """
    if found is None:
        return False
    status, reason = found.get("status", ""), found.get("statusReason", "")
    if status == "VALID":
        return True
    if status != "INVALID":
        return f"{status} {reason}".strip()
    raise OperationRefusedError(
        f"Batch cannot use {label}: {reason or 'Batch gives no reason'}",
        remedy="Correct the subnets, security groups or roles, then run the command again.",
    )
