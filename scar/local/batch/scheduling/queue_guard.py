"""AWS's conditions on job queues and scheduling policies, which moto lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.moto.error_responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.moto.batch_registry import JobQueueRecord, MotoBatchRegistry
    from scar.local.moto.calls import MotoCall


def check_queue_change(registry: MotoBatchRegistry, call: MotoCall) -> ApiError | None:
    """Return AWS's error for a change of a job queue or a scheduling policy, or None.

    Instances and Fargate do not mix in a queue, a queue without a scheduling policy can get none,
    and one that a queue uses cannot be deleted (model: CreateJobQueue, UpdateJobQueue,
    DeleteSchedulingPolicy; the texts are ours).
    """
    match call.operation:
        case "CreateJobQueue" | "UpdateJobQueue":
            return _check_environments(registry, call) or _check_policy_of_queue(registry, call)
        case "CreateSchedulingPolicy":
            if registry.find_fair_share(call.text("name"), call.region) is not None:
                return client_error(f"Scheduling policy {call.text('name')} already exists.")
        case "UpdateSchedulingPolicy" if _policy(registry, call.text("arn"), call) is None:
            return client_error(f"{call.text('arn')} does not exist.")
        case "DeleteSchedulingPolicy":
            if users := registry.list_queues_with_policy(call.text("arn"), call.region):
                return client_error(
                    f"The scheduling policy is used by the job queue {', '.join(users)}."
                )
        case _:
            pass
    return None


def check_share(queue: JobQueueRecord, request: Mapping[str, object]) -> str:
    """Return why AWS refuses a SubmitJob with, or without, a share identifier; empty if not."""
    share = request.get("shareIdentifier")
    if queue.fair_share is not None and not share:
        return f"shareIdentifier is required: job queue {queue.name} has a scheduling policy."
    if queue.fair_share is None and share:
        return f"shareIdentifier must be omitted: job queue {queue.name} has no scheduling policy."
    return ""


def client_error(message: str) -> ApiError:
    return ApiError(code="ClientException", message=message)


def _check_environments(registry: MotoBatchRegistry, call: MotoCall) -> ApiError | None:
    order = call.parameters.get("computeEnvironmentOrder")
    entries = order if isinstance(order, list) else []
    named = [str(entry.get("computeEnvironment")) for entry in entries if isinstance(entry, dict)]
    found = [registry.find_environment(name, call.region) for name in named]
    if len({e.is_fargate for e in found if e is not None}) > 1:
        return client_error("EC2 and Fargate compute environments can't be mixed in a job queue.")
    return None


def _check_policy_of_queue(registry: MotoBatchRegistry, call: MotoCall) -> ApiError | None:
    arn = call.text("schedulingPolicyArn")
    if not arn:
        return None
    if _policy(registry, arn, call) is None:
        return client_error(f"Scheduling policy {arn} does not exist.")
    queue = registry.find_queue(call.text("jobQueue"), call.region)
    if call.operation == "UpdateJobQueue" and queue is not None and queue.fair_share is None:
        return client_error("A FIFO job queue can't have a scheduling policy added.")
    return None


def _policy(registry: MotoBatchRegistry, arn: str, call: MotoCall) -> object:
    return registry.find_fair_share(arn, call.region)
