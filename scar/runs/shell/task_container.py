"""Find the container of a run's Batch job in Amazon ECS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.aws.client.errors import translate_errors
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_batch import BatchClient

    from scar.aws.client.service_types import TaskExecutor

# What runs commands in the container; ECS starts it beside the container's own program. Docs: "ECS
# Exec", ManagedAgent.name.
_AGENT = "ExecuteCommandAgent"
RUNNING = "RUNNING"


class NoShellError(ScarError):
    """No command can be executed in the container of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContainer:
    """A running container: names or ARNs as ECS has them, ``runtime_id`` is Docker's."""

    cluster: str
    task: str
    name: str
    runtime_id: str

    @property
    def target(self) -> str:
        """The container as Session Manager names it."""
        return f"ecs:{self.cluster}_{self.task.rpartition('/')[2]}_{self.runtime_id}"


def find_task_container(batch: BatchClient, ecs: TaskExecutor, job_id: str) -> TaskContainer:
    """Return the container of a running job; raise NoShellError if there is none to enter.

    ``execute_command`` accepts it, and Session Manager connects to it.
    """
    cluster, task = _find_task(batch, job_id)
    with translate_errors(f"describe the ECS task {task}"):
        tasks = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
    containers = [c for one in tasks for c in one.get("containers", []) if c.get("runtimeId")]
    if not containers:
        raise NoShellError(
            f"The ECS task of job {job_id} has no running container.",
            remedy="It has just started or ended: try again, or see `scar why`.",
        )
    # Batch starts one container per job; ECS may add those of services.
    container = next((c for c in containers if _agent_status(c)), containers[0])
    if (status := _agent_status(container)) != RUNNING:
        raise NoShellError(
            f"ECS Exec is not ready in the container of job {job_id}: its agent is"
            f" {status or 'missing'}.",
            remedy="Try again in some seconds. If it stays so: a role of your own (iam.role) must"
            " allow ssmmessages:CreateControlChannel, CreateDataChannel, OpenControlChannel and"
            " OpenDataChannel, and subnets without internet need the VPC endpoint ssmmessages.",
        )
    return TaskContainer(
        cluster=cluster,
        task=task,
        name=str(container["name"]),
        runtime_id=str(container["runtimeId"]),
    )


def _find_task(batch: BatchClient, job_id: str) -> tuple[str, str]:
    """Return the cluster's name and the task's ARN, which contains it."""
    if not job_id:
        raise NoShellError("The run has no Batch job.", remedy="`scar why` shows more.")
    with translate_errors(f"describe the Batch job {job_id}"):
        jobs = batch.describe_jobs(jobs=[job_id])["jobs"]
    status = jobs[0]["status"] if jobs else "not known to AWS Batch"
    container = jobs[0].get("container", {}) if jobs else {}
    if status != RUNNING:
        raise NoShellError(
            f"The job {job_id} is not running: it is {status}.", remedy="`scar why` shows more."
        )
    if not container.get("enableExecuteCommand"):
        raise NoShellError(
            f"The job {job_id} was started without ECS Exec.",
            remedy="Set batch.enable_execute_command: true, run `scar init`, and start the run"
            " again.",
        )
    # arn:aws:ecs:<region>:<account>:task/<cluster>/<id>
    task = container.get("taskArn", "")
    _, _, path = task.partition(":task/")
    cluster, _, _ = path.partition("/")
    if not cluster:
        raise NoShellError(
            f"The job {job_id} has no ECS task yet.", remedy="Try again in some seconds."
        )
    return cluster, task


def _agent_status(container: Mapping[str, Any]) -> str:
    agents = {a.get("name"): a.get("lastStatus", "") for a in container.get("managedAgents", [])}
    return str(agents.get(_AGENT, ""))
