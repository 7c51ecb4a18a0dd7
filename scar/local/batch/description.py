"""Jobs in the form that DescribeJobs and ListJobs return."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.batch.job_storage import storage_from_json
from scar.local.batch.model import JobAttempt, JobStatus
from scar.local.batch.nodes import find_node, node_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.batch.model import BatchJob

Json = dict[str, object]


def job_arn(job: BatchJob) -> str:
    """Return the job's ARN, in the account and Region of its queue."""
    return f"{job.queue.partition(':job-queue/')[0]}:job/{job.id}"


def job_summary(job: BatchJob, child_counts: Mapping[str, int] | None = None) -> Json:
    """Return one entry of ListJobs; ``child_counts`` as for ``job_detail``."""
    last = job.attempts[-1] if job.attempts else None
    return {
        "jobArn": job_arn(job),
        "jobId": job.id,
        "jobName": job.name,
        "jobDefinition": job.spec.definition,
        "createdAt": job.created,
        "status": job.status,
        **_without_none(
            statusReason=job.status_reason or None,
            startedAt=job.started,
            stoppedAt=job.stopped,
            shareIdentifier=job.share or None,
            container=_attempt_container_detail(last) if last and job.status.is_final else None,
            arrayProperties=_array_properties(job, child_counts),
            # The model: present only if true.
            isCancelled=job.cancelled or None,
            isTerminated=bool(job.termination_reason) or None,
        ),
    }


def node_summaries(job: BatchJob, status: JobStatus) -> list[Json]:
    """Return the entries of ListJobs for the nodes of a multi-node job in this state."""
    jobs = [(index, _node_alone(job, index)) for index in range(job.spec.nodes)]
    return [
        job_summary(of_node)
        | {"nodeProperties": {"numNodes": job.spec.nodes, **_node_place(job, index)}}
        for index, of_node in jobs
        if of_node.status is status
    ]


def node_detail(job: BatchJob, index: int) -> Json:
    """Return the entry of DescribeJobs for one node of a multi-node job."""
    return job_detail(_node_alone(job, index)) | {"nodeDetails": _node_place(job, index)}


def _node_alone(job: BatchJob, index: int) -> BatchJob:
    """Return a node as a job whose attempts are its own: those of the job are of its main node.

    Of other nodes only the last attempt is known.
    """
    node, alone = find_node(job, index), node_job(job, index)
    if index == job.spec.main_node:
        return alone
    if node is None or node.stopped is None:
        return replace(alone, attempts=())
    attempt = JobAttempt(
        started=node.started,
        stopped=node.stopped,
        status_reason=node.status_reason,
        log_stream=node.log_stream,
        exit_code=node.exit_code,
        reason=node.reason,
    )
    return replace(alone, attempts=(attempt,))


def _node_place(job: BatchJob, index: int) -> Json:
    return {"nodeIndex": index, "isMainNode": index == job.spec.main_node}


def _node_properties(job: BatchJob) -> Json:
    spec = job.spec
    image: Json = {
        name: value
        for name, value in _container_detail(job).items()
        if name not in ("logStreamName", "exitCode", "reason")
    }
    return {
        "numNodes": spec.nodes,
        "mainNode": spec.main_node,
        "nodeRangeProperties": [{"targetNodes": f"0:{spec.nodes - 1}", "container": image}],
    }


def job_detail(job: BatchJob, child_counts: Mapping[str, int] | None = None) -> Json:
    """Return one entry of DescribeJobs; ``child_counts``: an array's children by state."""
    spec = job.spec
    retry: Json = {
        "attempts": spec.attempts,
        "evaluateOnExit": [
            {"action": "RETRY" if rule.retry else "EXIT"}
            | _without_none(
                onStatusReason=rule.status_reason or None,
                onReason=rule.reason or None,
                onExitCode=rule.exit_code or None,
            )
            for rule in spec.rules
        ],
    }
    return {
        "jobArn": job_arn(job),
        "jobName": job.name,
        "jobId": job.id,
        "jobQueue": job.queue,
        "status": job.status,
        "attempts": [_attempt_detail(attempt) for attempt in job.attempts],
        "createdAt": job.created,
        "retryStrategy": retry,
        "dependsOn": [
            _without_none(jobId=d.job_id or None, type=d.type or None) for d in job.depends_on
        ],
        "jobDefinition": spec.definition,
        "parameters": dict(spec.parameters),
        # A multi-node job has its container per range of nodes.
        **(
            {"nodeProperties": _node_properties(job)}
            if spec.nodes
            else {"container": _container_detail(job)}
        ),
        "tags": dict(spec.tags),
        "isCancelled": job.cancelled,
        "isTerminated": bool(job.termination_reason),
        **_without_none(
            statusReason=job.status_reason or None,
            # AWS returns 0 for jobs that ended before they started; here the field is absent.
            startedAt=job.started,
            stoppedAt=job.stopped,
            shareIdentifier=job.share or None,
            schedulingPriority=job.priority if job.share else None,
            timeout=None if spec.timeout is None else {"attemptDurationSeconds": spec.timeout},
            arrayProperties=_array_properties(job, child_counts),
        ),
    }


def _array_properties(job: BatchJob, child_counts: Mapping[str, int] | None) -> Json | None:
    if job.array_index is not None:
        return {"index": job.array_index}
    if not job.array_size:
        return None
    return {
        "size": job.array_size,
        "statusSummary": child_counts or {},
        "statusSummaryLastUpdatedAt": int(time.time() * 1000),  # the children are counted now
    }


def _container_detail(job: BatchJob) -> Json:
    spec = job.spec
    is_running = job.status in (JobStatus.STARTING, JobStatus.RUNNING)
    last = job.attempts[-1] if job.attempts and job.status.is_final else None
    return {
        "image": spec.image,
        "command": [],
        "volumes": [],
        "mountPoints": [],
        "ulimits": [],
        "secrets": [],
        "networkInterfaces": [],
        "environment": [{"name": k, "value": v} for k, v in spec.environment.items()],
        "resourceRequirements": [
            {"type": "VCPU", "value": f"{spec.vcpus:g}"},
            {"type": "MEMORY", "value": str(spec.memory_mb)},
            *([{"type": "GPU", "value": str(spec.gpus)}] if spec.gpus else []),
        ],
        **storage_from_json(spec.storage),
        **_without_none(
            jobRoleArn=spec.role or None,
            executionRoleArn=spec.execution_role or None,
            logConfiguration=json.loads(spec.log_options) if spec.log_options else None,
            logStreamName=job.log_stream if is_running else None,
        ),
        **(_attempt_container_detail(last, with_log_stream=True) if last else {}),
    }


def _attempt_detail(attempt: JobAttempt) -> Json:
    return {
        "container": _attempt_container_detail(attempt, with_log_stream=True),
        "stoppedAt": attempt.stopped,
        "statusReason": attempt.status_reason,
        **_without_none(startedAt=attempt.started),
    }


def _attempt_container_detail(attempt: JobAttempt, *, with_log_stream: bool = False) -> Json:
    return _without_none(
        exitCode=attempt.exit_code,
        reason=attempt.reason or None,
        logStreamName=attempt.log_stream if with_log_stream else None,
    )


def _without_none(**fields: object) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
