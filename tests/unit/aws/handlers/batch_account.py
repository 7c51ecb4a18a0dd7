"""Batch in memory: environments become valid, or stay invalid, as a test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

NO_SUBNET = "CLIENT_ERROR - The subnet ID 'subnet-1' does not exist"
NO_ROLE = "CLIENT_ERROR - Unable to assume the service linked role."
JobSummaries = list[dict[str, Any]]


@dataclass
class VirtualClock:
    """A clock that only sleeping moves."""

    seconds: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> float:
        return self.seconds


@dataclass
class BatchAccount:
    """Environments and queues by name; each change is checked as Batch does.

    ``reason`` is why new and updated environments named in ``broken`` (all, if it is None) are
    INVALID, until the time ``valid_at``.
    """

    clock: VirtualClock = field(default_factory=VirtualClock)
    reason: str = NO_SUBNET
    broken: set[str] | None = field(default_factory=set)
    valid_at: float = float("inf")
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, JobSummaries] = field(default_factory=dict)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, status: str = "VALID", reason: str = "") -> None:
        self.environments[name] = {
            "computeEnvironmentName": name,
            "state": "ENABLED",
            "status": status,
            "statusReason": reason or NO_SUBNET if status == "INVALID" else "",
            "computeResources": {"type": "EC2", "maxvCpus": 2, "subnets": ["subnet-1"]},
        }

    def add_queue(self, name: str, environment: str, status: str = "VALID") -> None:
        self.queues[name] = {
            "jobQueueName": name,
            "state": "ENABLED",
            "status": status,
            "statusReason": "ERROR - queue" if status == "INVALID" else "",
            "priority": 1,
            "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": environment}],
            "jobStateTimeLimitActions": [],
        }

    def _record(self, operation: str, name: str) -> None:
        self.calls.append(f"{operation} {name}")
        if self.refusals and self.refusals[0][0] == operation:
            _, message = self.refusals.pop(0)
            raise refusal(message, operation)

    def _validate(self, name: str) -> None:
        is_broken = self.broken is None or name in self.broken
        valid = not is_broken or self.clock.now() >= self.valid_at
        self.environments[name] |= {
            "status": "VALID" if valid else "INVALID",
            "statusReason": "" if valid else self.reason,
        }

    def describe_compute_environments(self, *, computeEnvironments: list[str]) -> dict[str, Any]:  # noqa: N803
        found = [e for n, e in self.environments.items() if n in computeEnvironments]
        answer = {"computeEnvironments": [{**each} for each in found]}
        for each in found:
            if each["status"] == "DELETING":
                del self.environments[each["computeEnvironmentName"]]
        return answer

    def create_compute_environment(self, **request: Any) -> None:  # noqa: ANN401
        name = request["computeEnvironmentName"]
        self._record("CreateComputeEnvironment", name)
        assert name not in self.environments, "Object already exists"
        self.add(name)
        self._validate(name)

    def update_compute_environment(self, **request: Any) -> None:  # noqa: ANN401
        name = request["computeEnvironment"]
        self._record("UpdateComputeEnvironment", name)
        self.updates.append(request)
        self.environments[name]["state"] = request.get("state", "ENABLED")
        if request.get("state") != "DISABLED":
            self._validate(name)

    def delete_compute_environment(self, *, computeEnvironment: str) -> None:  # noqa: N803
        self._record("DeleteComputeEnvironment", computeEnvironment)
        assert self.environments[computeEnvironment]["state"] == "DISABLED"
        if any(computeEnvironment in used_by(queue) for queue in self.queues.values()):
            raise refusal("Cannot delete, found existing JobQueue relationship", "Delete")
        self.environments[computeEnvironment]["status"] = "DELETING"

    def describe_job_queues(self, *, jobQueues: list[str]) -> dict[str, Any]:  # noqa: N803
        found = [q for n, q in self.queues.items() if n in jobQueues]
        answer = {"jobQueues": [{**each} for each in found]}
        for each in found:
            if each["status"] == "DELETING":
                del self.queues[each["jobQueueName"]]
        return answer

    def create_job_queue(self, **request: Any) -> None:  # noqa: ANN401
        name = request["jobQueueName"]
        self._record("CreateJobQueue", name)
        self._require_valid(request)
        self.add_queue(name, request["computeEnvironmentOrder"][0]["computeEnvironment"])
        self.queues[name]["computeEnvironmentOrder"] = request["computeEnvironmentOrder"]
        self.queues[name]["jobStateTimeLimitActions"] = request["jobStateTimeLimitActions"]

    def update_job_queue(self, **request: Any) -> None:  # noqa: ANN401
        name = request.pop("jobQueue")
        self._record("UpdateJobQueue", name)
        self._require_valid(request)
        if self.queues[name]["status"] == "INVALID" and name not in (self.broken or ()):
            self.queues[name]["status"] = "VALID"
        self.queues[name] |= request

    def delete_job_queue(self, *, jobQueue: str) -> None:  # noqa: N803
        self._record("DeleteJobQueue", jobQueue)
        assert self.queues[jobQueue]["state"] == "DISABLED"
        self.queues[jobQueue]["status"] = "DELETING"

    def _require_valid(self, request: dict[str, Any]) -> None:
        for order in request.get("computeEnvironmentOrder", []):
            name = order["computeEnvironment"]
            if self.environments[name]["status"] != "VALID":
                raise refusal(f"{name} is not VALID", "UpdateJobQueue")

    def get_paginator(self, operation: str) -> BatchAccount:
        assert operation in ("list_jobs", "describe_job_queues")
        return self

    def paginate(self, *, jobQueue: str = "", jobStatus: str = "") -> list[dict[str, Any]]:  # noqa: N803
        if not jobQueue:
            return [{"jobQueues": [{**queue} for queue in self.queues.values()]}]
        jobs = self.jobs.get(jobQueue, []) if jobStatus == "RUNNABLE" else []
        return [{"jobSummaryList": jobs}]


def used_by(queue: dict[str, Any]) -> list[str]:
    """Return the compute environments of a queue."""
    return [order["computeEnvironment"] for order in queue["computeEnvironmentOrder"]]


def refusal(message: str, operation: str) -> ClientError:
    text = f"Error executing request, Exception : {message}, RequestId: 1"
    return ClientError({"Error": {"Code": "ClientException", "Message": text}}, operation)
