"""Compute environments, their launch templates, job queues and scheduling policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from scar.aws.model.resources.base import Pairs, Resource, ResourceKey
from scar.aws.model.resources.iam import InstanceProfile

ComputeType = Literal["EC2", "SPOT", "FARGATE", "FARGATE_SPOT", "ECS_MANAGED_INSTANCES"]

EnabledState = Literal["ENABLED", "DISABLED"]

VALID = "VALID"
"""The status of a compute environment or job queue that Batch can use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchTemplate(Resource):
    """Metadata service, disk and user data of EC2 instances; scar ignores versions other than 1.

    It has the name of its compute environment, which is a digest that covers these settings: other
    values are another template. ``metadata_tokens`` and ``metadata_hops`` are EC2's HttpTokens and
    HttpPutResponseHopLimit: a request to the metadata service needs a token, which does not leave
    the instance. ``disk_type``, ``disk_iops`` and ``disk_throughput`` (MiB/s) are those of the root
    volume; 0 is that of the type or the image. ``tags`` are those of the instances and their
    volumes, and of the template.
    """

    kind: ClassVar[str] = "launch-template"
    shared: ClassVar[bool] = True
    create_only: ClassVar[frozenset[str]] = frozenset(
        {
            "disk_gib",
            "disk_type",
            "disk_iops",
            "disk_throughput",
            "user_data",
            "metadata_tokens",
            "metadata_hops",
            "tags",
        }
    )

    disk_gib: int = 0
    user_data: str = ""
    metadata_tokens: str = "required"
    metadata_hops: int = 1
    disk_type: str = "gp3"
    disk_iops: int = 0
    disk_throughput: int = 0
    tags: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeEnvironment(Resource):
    """A compute environment, shared by all functions with equal compute resources.

    ``instance_profile`` is an ARN, empty for Fargate. ``service_role`` is an ARN, empty for Batch's
    service-linked role. ``allocation`` is the strategy that chooses among instance types, empty for
    Fargate. ``launch_template`` is ``name:version``, empty for none. ``bid_percentage`` is 0 for
    100 %, Batch's default, and ``scale_down_minutes`` 0 for none. ``tags`` are the user's, of the
    environment and its instances.

    ``status`` is ``VALID``, ``INVALID`` with Batch's reason, or ``DELETING``; other states pass.
    An invalid environment that cannot be repaired is replaced by one with another name
    (``names.environment_names``): ``actual_name`` is the name in AWS, empty if it is ``name``.
    ``superseded`` are those that a replacement has left behind.
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
    bid_percentage: int = 0
    scale_down_minutes: int = 0
    tags: Pairs = ()
    state: EnabledState = "ENABLED"
    status: str = VALID
    superseded: tuple[str, ...] = ()
    actual_name: str = field(default="", compare=False)

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset(
            {
                ResourceKey(InstanceProfile.kind, self.instance_profile.rpartition("/")[2]),
                ResourceKey(LaunchTemplate.kind, self.launch_template.partition(":")[0]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingPolicy(Resource):
    """The weights of the shares of job queues: pairs of a share identifier and its weight.

    Named by its content, so that an update only reverts changes made outside scar.
    """

    kind: ClassVar[str] = "scheduling-policy"
    shared: ClassVar[bool] = True

    shares: tuple[tuple[str, float], ...] = ()
    decay_seconds: int = 0
    reserved_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueue(Resource):
    """A job queue, shared by the functions that use equal compute environments.

    ``environments`` are in the order in which Batch uses them. ``time_limits``, in Batch's format,
    cancel a job that blocks the queue. ``scheduling_policy`` is an ARN; empty: first in, first out.
    ``status`` and ``tags`` are as those of a compute environment.
    """

    kind: ClassVar[str] = "job-queue"
    shared: ClassVar[bool] = True

    environments: tuple[str, ...] = ()
    priority: int = 1
    time_limits: tuple[Pairs, ...] = ()
    scheduling_policy: str = ""
    tags: Pairs = ()
    state: EnabledState = "ENABLED"
    status: str = VALID

    @property
    def needs(self) -> frozenset[ResourceKey]:
        environments = (ResourceKey(ComputeEnvironment.kind, name) for name in self.environments)
        policy = ResourceKey(SchedulingPolicy.kind, self.scheduling_policy.rpartition("/")[2])
        return frozenset({*environments, policy})
