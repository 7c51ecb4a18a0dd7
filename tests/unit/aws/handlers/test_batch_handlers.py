"""Batch rejects changes of a resource that is being created or updated: the handlers wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scar.aws.client.waiter import Waiter
from scar.aws.handlers.batch.compute_environments import ComputeEnvironmentHandler
from scar.aws.handlers.batch.job_queues import JobQueueHandler
from scar.aws.model.resources import ComputeEnvironment, JobQueue
from scar.errors import OperationRefusedError, WaitTimeoutError

BUSY = "Cannot update, resource is being modified."


@dataclass
class FakeBatch:
    """One compute environment or queue; each describe call returns the next state."""

    states: list[str]
    reason: str = ""
    calls: list[str] = field(default_factory=list)
    used: int = 0

    def _describe(self) -> list[dict[str, Any]]:
        state = self.states[0]
        if len(self.states) > 1:
            self.states.pop(0)
        return [{"status": state, "statusReason": self.reason, "state": "ENABLED"}]

    def _change(self, what: str, *after: str) -> None:
        self.calls.append(what)
        if self.states[0] not in ("VALID", "INVALID"):
            raise ClientError({"Error": {"Code": "ClientException", "Message": BUSY}}, "Update")
        self.states = list(after)

    def describe_compute_environments(self, **_: object) -> dict[str, Any]:
        return {"computeEnvironments": self._describe()}

    def describe_job_queues(self, **_: object) -> dict[str, Any]:
        return {"jobQueues": self._describe()}

    def update_compute_environment(self, **_: object) -> None:
        self._change("disable", "UPDATING", "VALID")

    def update_job_queue(self, **_: object) -> None:
        self._change("disable", "UPDATING", "VALID")

    def delete_job_queue(self, **_: object) -> None:
        self._change("delete", "DELETING", "DELETED")

    def delete_compute_environment(self, **_: object) -> None:
        if self.used:
            self.used -= 1
            self.calls.append("used")
            message = "Cannot delete, found existing JobQueue relationship"
            raise ClientError({"Error": {"Code": "ClientException", "Message": message}}, "Delete")
        self._change("delete", "DELETING", "DELETED")


WAITER = Waiter(timeout=5, first_delay=1, sleep=lambda _: None, clock=iter(range(10_000)).__next__)
ENVIRONMENT, QUEUE = ComputeEnvironment(name="scar-1"), JobQueue(name="scar-1")


def environments(batch: FakeBatch) -> ComputeEnvironmentHandler:
    return ComputeEnvironmentHandler(batch, WAITER)  # type: ignore[arg-type]


def queues(batch: FakeBatch) -> JobQueueHandler:
    return JobQueueHandler(batch, WAITER)  # type: ignore[arg-type]


@pytest.mark.parametrize("first", ["VALID", "CREATING", "UPDATING", "INVALID"])
def test_a_resource_being_created_is_disabled_and_deleted_once_it_is_stable(first: str) -> None:
    states = [first] if first in ("VALID", "INVALID") else [first, "VALID"]
    batch = FakeBatch([*states])
    environments(batch).delete(ENVIRONMENT)
    assert batch.calls == ["disable", "delete"]
    batch = FakeBatch([*states])
    queues(batch).delete(QUEUE)
    assert batch.calls == ["disable", "delete"]


def test_a_resource_being_deleted_is_only_waited_for() -> None:
    batch = FakeBatch(["DELETING", "DELETING", "DELETED"])
    environments(batch).delete(ENVIRONMENT)
    assert batch.calls == []
    batch = FakeBatch(["DELETING", "DELETING", "DELETED"])
    queues(batch).delete(QUEUE)
    assert batch.calls == []


def test_a_deleted_resource_needs_no_call() -> None:
    batch = FakeBatch(["DELETED"])
    environments(batch).delete(ENVIRONMENT)
    queues(batch).delete(QUEUE)
    assert batch.calls == []


def test_an_environment_is_deleted_once_no_queue_uses_it() -> None:
    batch = FakeBatch(["VALID"], used=2)
    environments(batch).delete(ENVIRONMENT)
    assert batch.calls == ["disable", "used", "used", "delete"]


def test_an_invalid_environment_ends_the_wait_with_batch_s_reason() -> None:
    batch = FakeBatch(["CREATING", "INVALID"], reason="CLIENT_ERROR - no subnet")
    with pytest.raises(OperationRefusedError, match="CLIENT_ERROR - no subnet"):
        environments(batch)._wait_until_valid("scar-1")


def test_a_wait_for_batch_ends() -> None:
    with pytest.raises(WaitTimeoutError, match="UPDATING"):
        environments(FakeBatch(["UPDATING"])).delete(ENVIRONMENT)
