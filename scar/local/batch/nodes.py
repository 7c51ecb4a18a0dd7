"""The nodes of multi-node jobs: their states, and how DescribeJobs and ListJobs show them.

https://docs.aws.amazon.com/batch/latest/userguide/job-lifecycle.html
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.batch.model import JobStatus, NodeAttempt

if TYPE_CHECKING:
    from scar.local.batch.model import AttemptOutcome, BatchJob


def split_node_id(job_id: str) -> tuple[str, int | None]:
    """Return the job of ``<job>#<index>`` and the number of the node; None for the job itself."""
    job, mark, index = job_id.partition("#")
    return (job, int(index)) if mark and index.isdecimal() else (job_id, None)


def node_job(job: BatchJob, index: int) -> BatchJob:
    """Return a node as a job of one container, as DescribeJobs shows it."""
    node = find_node(job, index)
    spec = replace(job.spec, nodes=0, attempts=1)
    of_node = replace(job, id=f"{job.id}#{index}", spec=spec, nodes=())
    if node is None:  # the job has not started
        return of_node
    return replace(
        of_node,
        status=node.status,
        status_reason=node.status_reason,
        started=node.started,
        stopped=node.stopped,
        log_stream=node.log_stream,
    )


def find_node(job: BatchJob, index: int) -> NodeAttempt | None:
    return next((node for node in job.nodes if node.index == index), None)


def new_nodes(job: BatchJob, log_prefix: str) -> tuple[NodeAttempt, ...]:
    """Return the nodes of a new attempt, each with a log stream; the main one has the job's."""
    return tuple(
        NodeAttempt(
            index=index,
            log_stream=job.log_stream
            if index == job.spec.main_node
            else f"{log_prefix}/default/{uuid.uuid4().hex}",
        )
        for index in range(job.spec.nodes)
    )


def start_node(job: BatchJob, index: int, now: int) -> BatchJob:
    """Return the job with a node RUNNING; unchanged if it has no such node."""
    return _with_node(job, index, status=JobStatus.RUNNING, started=now)


def end_node(job: BatchJob, index: int, outcome: AttemptOutcome, now: int) -> BatchJob:
    """Return the job with a node SUCCEEDED or FAILED; unchanged if it has no such node."""
    return _with_node(
        job,
        index,
        status=JobStatus.SUCCEEDED if outcome.is_success else JobStatus.FAILED,
        status_reason=outcome.status_reason,
        stopped=now,
        exit_code=outcome.exit_code,
        reason=outcome.reason,
    )


def end_nodes(job: BatchJob, outcome: AttemptOutcome, now: int) -> BatchJob:
    """Return the job after its main node's end: nodes that have not ended are FAILED then."""
    job = end_node(job, job.spec.main_node, outcome, now)
    for node in job.nodes:
        if not node.status.is_final:
            job = _with_node(
                job,
                node.index,
                status=JobStatus.FAILED,
                status_reason=outcome.status_reason,
                stopped=now,
            )
    return job


def _with_node(job: BatchJob, index: int, **changes: object) -> BatchJob:
    nodes = tuple(
        replace(node, **changes) if node.index == index else node  # type: ignore[arg-type]
        for node in job.nodes
    )
    return replace(job, nodes=nodes)
