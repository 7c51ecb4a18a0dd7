"""SubmitJob's parameters, for the supervisor's own client and for boto3 alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import SubmissionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.job_model import BatchTarget, JobRequest


def build_submit_parameters(target: BatchTarget, job: JobRequest) -> dict[str, object]:
    """Return the parameters that submit the job; raise SubmissionError for an impossible one.

    They contain only overrides: image and role are those of the job definition's latest revision.
    """
    container: dict[str, object] = {
        "environment": [{"name": n, "value": v} for n, v in job.environment.items()]
    }
    resources = {
        "VCPU": job.vcpus,
        "MEMORY": str(job.memory or ""),
        "GPU": str(job.gpus or ""),
    }
    if any(resources.values()):
        container["resourceRequirements"] = [
            {"type": kind, "value": value} for kind, value in resources.items() if value
        ]
    return {
        "jobName": job.name,
        "jobQueue": target.queues.get(job.queue, job.queue) or target.queue,
        "jobDefinition": target.definition,
        **_build_overrides(target, job, container),
        **_optional_parameters(target, job),
    }


def _optional_parameters(target: BatchTarget, job: JobRequest) -> dict[str, object]:
    body: dict[str, object] = {}
    if job.array_size:
        body["arrayProperties"] = {"size": job.array_size}
    # Batch requires a share on a queue with a scheduling policy, and refuses it on others.
    if target.share:
        body["shareIdentifier"] = target.share
    if target.priority:
        body["schedulingPriorityOverride"] = target.priority
    if job.timeout:
        body["timeout"] = {"attemptDurationSeconds": job.timeout}
    if job.attempts:
        # Replaces the definition's strategy as a whole: without its rules Batch would repeat
        # scripts that failed (model: SubmitJobRequest.retryStrategy).
        strategy: dict[str, object] = {"attempts": job.attempts}
        if target.exit_rules:
            strategy["evaluateOnExit"] = list(target.exit_rules)
        body["retryStrategy"] = strategy
    return body


def _build_overrides(
    target: BatchTarget, job: JobRequest, container: Mapping[str, object]
) -> dict[str, object]:
    """Return the overrides of the container, or of all nodes of a multi-node job.

    SubmitJob has the latter per range of nodes. Raise SubmissionError if nodes are requested of a
    function whose jobs have one container, or an array of a function whose jobs have several.
    """
    if target.nodes is None:
        if job.nodes:
            raise SubmissionError(
                f"The job {job.name} cannot have {job.nodes} nodes: the job definition"
                f" {target.definition} is for jobs of one container.",
                remedy="Set batch.multi_node_parallel.enabled in the FDL, and run `scar init`.",
            )
        return {"containerOverrides": container}
    if job.array_size:
        raise SubmissionError(
            f"The job {job.name} cannot be an array: the job definition {target.definition} is for"
            " multi-node jobs, and AWS Batch has no arrays of them.",
            remedy="Run the function on its files without --array.",
        )
    overrides: dict[str, object] = {
        "nodePropertyOverrides": [{"targetNodes": "0:", "containerOverrides": container}]
    }
    # Batch refuses a number that does not include the main node.
    if job.nodes:
        overrides["numNodes"] = job.nodes
    return {"nodeOverrides": overrides}
