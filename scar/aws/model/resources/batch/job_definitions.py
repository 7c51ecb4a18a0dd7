"""Job definitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from scar.aws.model import names
from scar.aws.model.resources.base import Architecture, Pairs, Resource, ResourceKey
from scar.aws.model.resources.ecr import EcrImage, EcrRepository
from scar.aws.model.resources.iam import Role
from scar.aws.model.resources.logs import LogGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.model.resources.batch.job_storage import FileSystemMount, JobUlimit, TmpfsMount
from scar.aws.model.resources.batch.compute import JobQueue

Platform = Literal["EC2", "FARGATE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDefinition(Resource):
    """The definition of a function's jobs; memory in MiB, ``timeout`` in seconds per attempt.

    Batch retries up to ``attempts`` times, and only if the host is lost or the container does not
    start: ``retry_rules``, in Batch's format and order, end the job if the script fails.
    ``log_mode`` is the mode of the log driver ``awslogs``, empty for ECS's default.
    ``architecture`` and ``disk_gib`` have effect on Fargate only, ``shared_memory`` (MiB),
    ``tmpfs`` and ``ulimits`` on EC2 only. ``propagate_tags`` copies the tags to the ECS tasks of
    jobs, which cost allocation reads. ``container_properties`` is JSON of the raw fields that are
    merged over the others; the tags have digests of it, which are compared.
    ``nodes`` is 0 for jobs of one container; with more, ``main_node`` is the main one's number.
    """

    kind: ClassVar[str] = "job-definition"
    request_paths: ClassVar[Mapping[str, str]] = {
        "image": "containerProperties.image",
        "timeout": "timeout.attemptDurationSeconds",
        "attempts": "retryStrategy.attempts",
        "job_role": "containerProperties.jobRoleArn",
        "execution_role": "containerProperties.executionRoleArn",
        "disk_gib": "containerProperties.ephemeralStorage.sizeInGiB",
        "shared_memory": "containerProperties.linuxParameters.sharedMemorySize",
        "execute_command": "containerProperties.enableExecuteCommand",
    }

    image: str = ""
    platform: Platform = "EC2"
    vcpus: str = ""
    memory: int = 0
    gpus: int = 0
    timeout: int = 0
    attempts: int = 1
    retry_rules: tuple[Pairs, ...] = ()
    log_mode: str = ""
    job_role: str = ""
    execution_role: str = ""
    public_ip: bool = False
    architecture: Architecture = "x86_64"
    disk_gib: int = 0
    file_systems: tuple[FileSystemMount, ...] = ()
    shared_memory: int = 0
    tmpfs: tuple[TmpfsMount, ...] = ()
    ulimits: tuple[JobUlimit, ...] = ()
    execute_command: bool = False
    environment: Pairs = ()
    nodes: int = 0
    main_node: int = 0
    tags: Pairs = ()
    propagate_tags: bool = False
    container_properties: str = field(default="", compare=False)

    @property
    def function(self) -> str:
        return self.name

    @property
    def queue(self) -> str:
        """The job queue of the function's jobs, from the tag: Batch does not link the two."""
        return dict(self.tags).get(names.QUEUE_TAG, "")

    @property
    def queues(self) -> tuple[str, ...]:
        """The job queue of the function's jobs, and the other ones of its preset, from the tags."""
        others = dict(self.tags).get(names.OTHER_QUEUES_TAG, "").split()
        return (self.queue, *others) if self.queue else ()

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset(
            {
                ResourceKey(EcrImage.kind, names.parse_repository(self.image)),
                ResourceKey(EcrRepository.kind, names.parse_repository(self.image)),
                ResourceKey(Role.kind, self.job_role.rpartition("/")[2]),
                ResourceKey(Role.kind, self.execution_role.rpartition("/")[2]),
            }
        )

    @property
    def uses(self) -> frozenset[ResourceKey]:
        return frozenset(
            {
                *(ResourceKey(JobQueue.kind, queue) for queue in self.queues),
                ResourceKey(LogGroup.kind, names.batch_log_group(self.name)),
            }
        )
