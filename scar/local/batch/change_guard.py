"""What AWS refuses about queues and environments in use, and moto does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.moto.error_responses import Refusal

if TYPE_CHECKING:
    from scar.local.batch.service import BatchService
    from scar.local.moto.batch_registry import BatchDirectory
    from scar.local.moto.calls import Call


class BatchGuard:
    """Register ``refuse`` and ``changed`` with the plane that serves the configuration."""

    def __init__(self, directory: BatchDirectory, service: BatchService) -> None:
        self._directory = directory
        self._service = service
        self._ending: dict[str, str] = {}

    def refuse(self, call: Call) -> Refusal | None:
        """Judge a change before it is made. Only the job store's lock may be taken here."""
        if call.service != "batch":
            return None
        match call.operation:
            case "DeleteJobQueue":
                return self._delete_queue(call)
            case "DeleteComputeEnvironment":
                return self._delete_environment(call)
            case _:
                return None

    def changed(self, call: Call) -> None:
        """Act on a change: the jobs of a deleted queue end, waiting jobs may go on."""
        if call.service != "batch":
            return
        if call.operation == "DeleteJobQueue":
            arn = self._ending.pop(call.text("jobQueue"), "")
            if arn:
                self._service.queue_deleted(arn)
        self._service.wake()

    def _delete_queue(self, call: Call) -> Refusal | None:
        queue = self._directory.queue(call.text("jobQueue"), call.region)
        if queue is None:
            return None
        if queue.enabled:
            return _client("Cannot delete, the job queue must be DISABLED first")
        self._ending[call.text("jobQueue")] = queue.arn
        return None

    def _delete_environment(self, call: Call) -> Refusal | None:
        name = call.text("computeEnvironment")
        environment = self._directory.environment(name, call.region)
        if environment is None:
            return None
        if self._directory.queues_of(environment.arn, call.region):
            return _client("Cannot delete, found existing JobQueue relationship")
        if environment.enabled:
            return _client("Cannot delete, the compute environment must be DISABLED first")
        return None


def _client(message: str) -> Refusal:
    return Refusal(code="ClientException", message=message)
