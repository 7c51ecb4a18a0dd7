"""AWS's checks on the deletion of queues and compute environments, which moto lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.batch.scheduling.queue_guard import check_queue_change, client_error

if TYPE_CHECKING:
    from scar.local.batch.service import BatchService
    from scar.local.moto.batch_registry import MotoBatchRegistry
    from scar.local.moto.calls import MotoCall
    from scar.local.moto.error_responses import ApiError


class BatchChangeGuard:
    """Register ``check_change`` and ``on_change`` with the service that changes Batch resources."""

    def __init__(self, registry: MotoBatchRegistry, service: BatchService) -> None:
        self._registry = registry
        self._service = service
        # ARNs by the request's jobQueue: after the deletion moto cannot resolve a name any more.
        self._queues_being_deleted: dict[str, str] = {}

    def check_change(self, call: MotoCall) -> ApiError | None:
        """Return AWS's error for a change, or None.

        moto's lock is held meanwhile: take no other lock here than the job store's.
        """
        if call.service != "batch":
            return None
        match call.operation:
            case "DeleteJobQueue":
                return self._check_queue_deletion(call)
            case "DeleteComputeEnvironment":
                return self._check_environment_deletion(call)
            case _:
                return check_queue_change(self._registry, call)

    def on_change(self, call: MotoCall) -> None:
        """React to a change: end the jobs of a deleted queue, reschedule waiting jobs."""
        if call.service != "batch":
            return
        if call.operation == "DeleteJobQueue":
            arn = self._queues_being_deleted.pop(call.text("jobQueue"), "")
            if arn:
                self._service.terminate_queue_jobs(arn)
        self._service.wake()

    def _check_queue_deletion(self, call: MotoCall) -> ApiError | None:
        queue = self._registry.find_queue(call.text("jobQueue"), call.region)
        if queue is None:
            return None
        if queue.enabled:
            return client_error("Cannot delete, the job queue must be DISABLED first")
        self._queues_being_deleted[call.text("jobQueue")] = queue.arn
        return None

    def _check_environment_deletion(self, call: MotoCall) -> ApiError | None:
        name = call.text("computeEnvironment")
        environment = self._registry.find_environment(name, call.region)
        if environment is None:
            return None
        if self._registry.list_queues_using(environment.arn, call.region):
            return client_error("Cannot delete, found existing JobQueue relationship")
        if environment.enabled:
            return client_error("Cannot delete, the compute environment must be DISABLED first")
        return None
