"""Machines, queues and definitions of jobs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from scar.aws.model import names
from scar.aws.model.resources.base import Architecture, Pairs, Resource, ResourceKey
from scar.aws.model.resources.ecr import EcrImage, EcrRepository
from scar.aws.model.resources.iam import InstanceProfile, Role
from scar.aws.model.resources.logs import LogGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

Platform = Literal["EC2", "FARGATE"]
ComputeType = Literal["EC2", "SPOT", "FARGATE", "FARGATE_SPOT", "ECS_MANAGED_INSTANCES"]
EnabledState = Literal["ENABLED", "DISABLED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchTemplate(Resource):
    """What instances are started with, in version 1; other versions are not scar's.

    The name is that of the environment which uses it, and covers all the rest.
    """

    kind: ClassVar[str] = "launch-template"
    shared: ClassVar[bool] = True
    create_only: ClassVar[frozenset[str]] = frozenset({"disk_gib", "user_data"})

    disk_gib: int = 0
    user_data: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeEnvironment(Resource):
    """Machines for jobs, shared by all functions that ask for the same.

    ``instance_profile`` and ``service_role`` are ARNs; empty: none, and the service's own.
    ``allocation`` is how Batch chooses among instance types; Fargate has no choice.
    ``launch_template`` is a name and the number of a version, ``name:1``.
    """

    kind: ClassVar[str] = "compute-environment"
    shared: ClassVar[bool] = True

    type: ComputeType = "EC2"
    max_vcpus: int = 0
    min_vcpus: int = 0
    instance_types: tuple[str, ...] = ()
    image_type: str = ""
    allocation: str = ""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    instance_profile: str = ""
    service_role: str = ""
    launch_template: str = ""
    state: EnabledState = "ENABLED"

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset(
            {
                ResourceKey(InstanceProfile.kind, self.instance_profile.rpartition("/")[2]),
                ResourceKey(LaunchTemplate.kind, self.launch_template.partition(":")[0]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueue(Resource):
    """Where jobs wait for the environment, shared like it."""

    kind: ClassVar[str] = "job-queue"
    shared: ClassVar[bool] = True

    environment: str = ""
    priority: int = 1
    state: EnabledState = "ENABLED"

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset({ResourceKey(ComputeEnvironment.kind, self.environment)})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDefinition(Resource):
    """How a function's jobs run; memory in MiB, ``timeout`` in seconds per attempt.

    ``attempts`` counts losses of the host only (``retry_rules``, in order, as Batch writes them):
    a script that fails is not run again.
    ``architecture`` and ``disk_gib`` are told to Fargate only.
    """

    kind: ClassVar[str] = "job-definition"
    request_paths: ClassVar[Mapping[str, str]] = {
        "image": "containerProperties.image",
        "timeout": "timeout.attemptDurationSeconds",
        "attempts": "retryStrategy.attempts",
        "job_role": "containerProperties.jobRoleArn",
        "execution_role": "containerProperties.executionRoleArn",
        "disk_gib": "containerProperties.ephemeralStorage.sizeInGiB",
    }

    image: str = ""
    platform: Platform = "EC2"
    vcpus: str = ""
    memory: int = 0
    gpus: int = 0
    timeout: int = 0
    attempts: int = 1
    retry_rules: tuple[Pairs, ...] = ()
    job_role: str = ""
    execution_role: str = ""
    public_ip: bool = False
    architecture: Architecture = "x86_64"
    disk_gib: int = 0
    environment: Pairs = ()
    tags: Pairs = ()

    @property
    def function(self) -> str:
        return self.name

    @property
    def queue(self) -> str:
        return dict(self.tags).get(names.QUEUE_TAG, "")

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
                ResourceKey(JobQueue.kind, self.queue),
                ResourceKey(LogGroup.kind, names.batch_log_group(self.name)),
            }
        )
