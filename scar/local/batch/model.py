"""Data types of jobs and attempts, and the service's ports; times in epoch milliseconds."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.moto.batch_registry import JobDefinitionRecord, JobQueueRecord
    from supervisor.aws.sigv4 import Credentials


class JobStatus(enum.StrEnum):
    """AWS's job states; the last two are final."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED)


WAITING_STATUSES = (JobStatus.SUBMITTED, JobStatus.PENDING, JobStatus.RUNNABLE)
PLACED_STATUSES = (JobStatus.STARTING, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """One entry of evaluateOnExit; an empty pattern matches everything."""

    retry: bool
    status_reason: str = ""
    reason: str = ""
    exit_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What a job runs: its definition merged with the overrides of the request.

    ``memory_mb`` in MiB, ``timeout`` in seconds, ``attempts`` the maximum.

    ``gpus`` is their number. ``definition`` is the ARN with its revision, ``is_fargate`` its
    platform. ``log_options`` is the JSON text of the definition's logConfiguration, or empty, and
    ``storage`` that of what it mounts and of its limits.
    """

    definition: str
    image: str
    vcpus: float
    memory_mb: int
    gpus: int = 0
    is_fargate: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 1
    rules: tuple[RetryRule, ...] = ()
    timeout: int | None = None
    role: str = ""
    execution_role: str = ""
    log_group: str = "/aws/batch/job"
    log_prefix: str = ""
    log_options: str = ""
    storage: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def definition_name(self) -> str:
        return self.definition.rpartition("/")[2].partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAttempt:
    """A finished attempt; ``exit_code`` is None if the container did not start or was lost."""

    started: int | None
    stopped: int
    status_reason: str
    log_stream: str
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """Result of an attempt. ``is_final``: no rule may retry it (timeout, termination)."""

    status_reason: str
    exit_code: int | None = None
    reason: str = ""
    is_final: bool = False

    @property
    def is_success(self) -> bool:
        return self.exit_code == 0 and not self.is_final


class DependencyType(enum.StrEnum):
    """AWS's types of dependsOn entries; ``NONE``: the entry has no type."""

    NONE = ""
    SEQUENTIAL = "SEQUENTIAL"
    N_TO_N = "N_TO_N"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDependency:
    """One entry of dependsOn; only SEQUENTIAL has no ``job_id``: each child waits for the last."""

    job_id: str = ""
    type: DependencyType = DependencyType.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """One job. ``environment`` (an ARN), ``log_stream`` and ``gpus`` belong to the current attempt.

    ``gpus`` are the numbers of this machine's GPUs that only this job uses.

    ``termination_reason`` is set once a termination was requested. ``delayed_failure`` is the
    reason of a failure that is known at submission but that AWS reports only after SubmitJob.
    Both are empty otherwise. ``blocked_since`` is when the job, being RUNNABLE, got its present
    ``status_reason``: None while there is none. ``share`` is the share identifier, empty in queues
    without a scheduling policy, and ``priority`` the scheduling priority in it.

    An array job has ``array_size`` children, created at ``spawned``: each with the same fields, its
    own ``array_index``, and the ID ``<parent>:<index>``.
    """

    id: str
    name: str
    region: str
    queue: str
    spec: JobSpec
    created: int
    status: JobStatus = JobStatus.SUBMITTED
    status_reason: str = ""
    started: int | None = None
    stopped: int | None = None
    attempts: tuple[JobAttempt, ...] = ()
    environment: str = ""
    log_stream: str = ""
    termination_reason: str = ""
    cancelled: bool = False
    delayed_failure: str = ""
    blocked_since: int | None = None
    share: str = ""
    priority: int = 0
    gpus: tuple[int, ...] = ()
    array_size: int = 0
    array_index: int | None = None
    spawned: int | None = None
    depends_on: tuple[JobDependency, ...] = ()

    @property
    def is_array(self) -> bool:
        """Whether this is the parent of an array; it runs nothing itself."""
        return self.array_size > 0 and self.array_index is None

    @property
    def parent_id(self) -> str:
        """The ID of a child's array job."""
        return self.id.partition(":")[0]

    @property
    def is_sequential(self) -> bool:
        """Whether each child waits for the child before it."""
        return any(not dependency.job_id for dependency in self.depends_on)

    @property
    def dependencies(self) -> tuple[str, ...]:
        """The jobs that must succeed before this one, or any child of this array, starts."""
        return tuple(
            d.job_id for d in self.depends_on if d.job_id and d.type is not DependencyType.N_TO_N
        )

    @property
    def paired_arrays(self) -> tuple[str, ...]:
        """The array jobs whose child of the same index must succeed before a child starts."""
        return tuple(d.job_id for d in self.depends_on if d.type is DependencyType.N_TO_N)


def host_lost_reason(instance: str) -> str:
    """Return AWS's statusReason, which the retry rules of job definitions match as "Host EC2*"."""
    return f"Host EC2 (instance {instance}) terminated."


def job_to_json(job: BatchJob) -> str:
    """Return a job as JSON."""
    return json.dumps(asdict(job))


def job_from_json(text: str) -> BatchJob:
    """Parse a job from the JSON of ``job_to_json``."""
    data: dict[str, Any] = json.loads(text)
    spec: dict[str, Any] = data["spec"]
    spec["rules"] = tuple(RetryRule(**rule) for rule in spec["rules"])
    return BatchJob(
        **{
            **data,
            "spec": JobSpec(**spec),
            "status": JobStatus(data["status"]),
            "gpus": tuple(data.get("gpus", ())),
            "attempts": tuple(JobAttempt(**attempt) for attempt in data["attempts"]),
            "depends_on": tuple(
                JobDependency(job_id=d["job_id"], type=DependencyType(d["type"]))
                for d in data.get("depends_on", ())
            ),
        }
    )


class BatchRegistry(Protocol):
    """Source of job queues and job definitions."""

    def find_queue(self, name_or_arn: str, region: str = "") -> JobQueueRecord | None: ...

    def find_definition(self, reference: str, region: str = "") -> JobDefinitionRecord | None: ...


class JobCredentialsProvider(Protocol):
    """Provider of the credentials of a job's role: an ARN, or empty for the instance's."""

    def __call__(self, role: str, /) -> Credentials: ...
