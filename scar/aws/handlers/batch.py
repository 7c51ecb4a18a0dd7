"""AWS Batch: compute environments and job queues. No API call says when they are ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws import faults, requests
from scar.aws.resources import ComputeEnvironment, JobQueue
from scar.aws.wait import Patience
from scar.errors import Refused

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        JobQueueDetailTypeDef,
    )

_SERVICE_LINKED = "/AWSServiceRoleForBatch"
_STILL_USED = "existing JobQueue relationship"


@dataclass(frozen=True, slots=True)
class ComputeEnvironmentHandler:
    """The name covers everything but the state: an update only switches it on again."""

    batch: BatchClient
    patience: Patience = field(default_factory=Patience)

    def read(self, resource: ComputeEnvironment) -> ComputeEnvironment | None:
        found = self._describe(resource.name)
        return parse_environment(found) if found else None

    def create(self, resource: ComputeEnvironment) -> None:
        self.batch.create_compute_environment(**requests.environment(resource))
        self._settle(resource.name)

    def update(self, observed: ComputeEnvironment, desired: ComputeEnvironment) -> None:
        if observed.state != desired.state:
            self.batch.update_compute_environment(
                computeEnvironment=desired.name, state=desired.state
            )
        if changed := requests.environment_update(observed, desired):
            self.batch.update_compute_environment(
                computeEnvironment=desired.name, computeResources=changed
            )
        self._settle(desired.name)

    def delete(self, resource: ComputeEnvironment) -> None:
        if self._describe(resource.name) is None:
            return
        self.batch.update_compute_environment(computeEnvironment=resource.name, state="DISABLED")
        self.patience.until(lambda: self._rests(resource.name), str(resource.key))
        self.patience.until(lambda: self._deleted(resource.name), str(resource.key))
        self.patience.until(lambda: self._describe(resource.name) is None, str(resource.key))

    def _describe(self, name: str) -> ComputeEnvironmentDetailTypeDef | None:
        found = self.batch.describe_compute_environments(computeEnvironments=[name])
        present = [e for e in found["computeEnvironments"] if e.get("status") != "DELETED"]
        return present[0] if present else None

    def _settle(self, name: str) -> None:
        self.patience.until(lambda: self._is_valid(name), f"compute-environment {name}")

    def _is_valid(self, name: str) -> bool | str:
        return _settled(self._describe(name), f"compute environment {name}")

    def _rests(self, name: str) -> bool:
        """An invalid environment can be deleted as it is."""
        found = self._describe(name)
        return found is None or found.get("status") in ("VALID", "INVALID", "DELETING")

    def _deleted(self, name: str) -> bool:
        """Batch lets go of a queue some time after the queue is gone."""
        try:
            self.batch.delete_compute_environment(computeEnvironment=name)
        except ClientError as error:
            if _STILL_USED not in faults.message(error):
                raise
            return False
        return True


@dataclass(frozen=True, slots=True)
class JobQueueHandler:
    batch: BatchClient
    patience: Patience = field(default_factory=Patience)

    def read(self, resource: JobQueue) -> JobQueue | None:
        found = self._describe(resource.name)
        return parse_queue(found) if found else None

    def create(self, resource: JobQueue) -> None:
        self.batch.create_job_queue(**requests.queue(resource))
        self._settle(resource.name)

    def update(self, observed: JobQueue, desired: JobQueue) -> None:
        del observed
        self.batch.update_job_queue(
            jobQueue=desired.name,
            state=desired.state,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": desired.environment}],
        )
        self._settle(desired.name)

    def delete(self, resource: JobQueue) -> None:
        if self._describe(resource.name) is None:
            return
        self.batch.update_job_queue(jobQueue=resource.name, state="DISABLED")
        self.patience.until(lambda: self._rests(resource.name), str(resource.key))
        self.batch.delete_job_queue(jobQueue=resource.name)
        self.patience.until(lambda: self._describe(resource.name) is None, str(resource.key))

    def _describe(self, name: str) -> JobQueueDetailTypeDef | None:
        found = self.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        present = [q for q in found if q.get("status") != "DELETED"]
        return present[0] if present else None

    def _settle(self, name: str) -> None:
        self.patience.until(lambda: self._is_valid(name), f"job-queue {name}")

    def _is_valid(self, name: str) -> bool | str:
        return _settled(self._describe(name), f"job queue {name}")

    def _rests(self, name: str) -> bool:
        found = self._describe(name)
        return found is None or found.get("status") in ("VALID", "INVALID", "DELETING")


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
        state=found["state"],
    )


def _settled(
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
    raise Refused(
        f"Batch cannot use {what}: {reason or 'no reason told'}",
        remedy="Correct the subnets, security groups or roles, then run the command again.",
    )
