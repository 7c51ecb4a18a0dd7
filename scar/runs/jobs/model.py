"""A job as AWS Batch lists and describes it. Times are in epoch seconds, 0 if not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_batch.type_defs import (
        AttemptDetailTypeDef,
        ContainerDetailTypeDef,
        ContainerPropertiesOutputTypeDef,
        JobDetailTypeDef,
        JobSummaryTypeDef,
        ResourceRequirementTypeDef,
    )

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
FINAL_STATES = ("SUCCEEDED", "FAILED")
_MASK = "********"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job, or the parent of an array (``size`` children) or of several ``nodes``.

    ``counts`` are an array's children by state. ``exit_code`` and ``reason`` are those of the last
    attempt, ``definition`` is ``name:revision``. A single node has 0 ``nodes``.
    """

    id: str
    name: str
    state: str
    queue: str = ""
    definition: str = ""
    created: float = 0.0
    started: float = 0.0
    stopped: float = 0.0
    state_reason: str = ""
    reason: str = ""
    exit_code: int | None = None
    size: int = 0
    nodes: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def function(self) -> str:
        """The function of the job: its job definition has the same name."""
        return self.definition.partition(":")[0]

    @property
    def has_ended(self) -> bool:
        return self.state in FINAL_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAttempt:
    """One attempt that has ended."""

    started: float = 0.0
    stopped: float = 0.0
    exit_code: int | None = None
    reason: str = ""
    log_stream: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """Everything about one job that a person asks for; ``resources`` as Batch names them.

    ``resources`` of a multi-node job are those of each node.
    """

    job: Job
    attempts: tuple[EndedAttempt, ...] = ()
    max_attempts: int = 0
    timeout: int = 0
    resources: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    log_streams: tuple[str, ...] = ()


def parse_summary(summary: JobSummaryTypeDef, queue: str) -> Job:
    """Return the job of an entry of ListJobs, which does not name the queue."""
    container = summary.get("container", {})
    return Job(
        id=summary["jobId"],
        name=summary["jobName"],
        state=summary.get("status", ""),
        queue=queue,
        definition=_last_part(summary.get("jobDefinition", "")),
        created=_seconds(summary.get("createdAt")),
        started=_seconds(summary.get("startedAt")),
        stopped=_seconds(summary.get("stoppedAt")),
        state_reason=summary.get("statusReason", ""),
        reason=container.get("reason", ""),
        exit_code=container.get("exitCode"),
        size=summary.get("arrayProperties", {}).get("size", 0),
        nodes=_node_count(summary["jobId"], summary.get("nodeProperties", {}).get("numNodes", 0)),
    )


def parse_detail(detail: JobDetailTypeDef) -> JobDescription:
    """Return the job of an entry of DescribeJobs; values of variables are masked."""
    container = detail.get("container", {})
    attempts = tuple(_parse_attempt(attempt) for attempt in detail.get("attempts", []))
    last = attempts[-1] if attempts else EndedAttempt()
    array, nodes = detail.get("arrayProperties", {}), detail.get("nodeProperties", {})
    job = Job(
        id=detail["jobId"],
        name=detail["jobName"],
        state=detail["status"],
        queue=_last_part(detail.get("jobQueue", "")),
        definition=_last_part(detail.get("jobDefinition", "")),
        created=_seconds(detail.get("createdAt")),
        started=_seconds(detail.get("startedAt")),
        stopped=_seconds(detail.get("stoppedAt")),
        state_reason=detail.get("statusReason", ""),
        reason=container.get("reason", "") or last.reason,
        exit_code=container.get("exitCode", last.exit_code),
        size=array.get("size", 0),
        nodes=_node_count(detail["jobId"], nodes.get("numNodes", 0)),
        counts={state: n for state, n in array.get("statusSummary", {}).items() if n},
    )
    streams = [container.get("logStreamName", ""), *(a.log_stream for a in reversed(attempts))]
    return JobDescription(
        job=job,
        attempts=attempts,
        max_attempts=detail.get("retryStrategy", {}).get("attempts", 0),
        timeout=detail.get("timeout", {}).get("attemptDurationSeconds", 0),
        resources=_resources(_first_container(detail).get("resourceRequirements", [])),
        environment={v.get("name", ""): _MASK for v in container.get("environment", [])},
        depends_on=tuple(d.get("jobId", "") for d in detail.get("dependsOn", [])),
        tags=detail.get("tags", {}),
        log_streams=tuple(dict.fromkeys(stream for stream in streams if stream)),
    )


def _parse_attempt(attempt: AttemptDetailTypeDef) -> EndedAttempt:
    container = attempt.get("container", {})
    return EndedAttempt(
        started=_seconds(attempt.get("startedAt")),
        stopped=_seconds(attempt.get("stoppedAt")),
        exit_code=container.get("exitCode"),
        reason=container.get("reason", "") or attempt.get("statusReason", ""),
        log_stream=container.get("logStreamName", ""),
    )


def _node_count(job_id: str, count: int) -> int:
    """Return the number of nodes of a job; a single node, ``job#index``, has none."""
    return 0 if "#" in job_id else count


def _first_container(
    detail: JobDetailTypeDef,
) -> ContainerDetailTypeDef | ContainerPropertiesOutputTypeDef:
    """Return the container of a job, or of the first range of nodes: scar's jobs have one range."""
    for group in detail.get("nodeProperties", {}).get("nodeRangeProperties", []):
        return group.get("container", {})
    return detail.get("container", {})


def _resources(requirements: Iterable[ResourceRequirementTypeDef]) -> dict[str, str]:
    return {requirement["type"]: requirement["value"] for requirement in requirements}


def _last_part(arn: str) -> str:
    return arn.rpartition("/")[2]


def _seconds(milliseconds: int | None) -> float:
    return (milliseconds or 0) / 1000
