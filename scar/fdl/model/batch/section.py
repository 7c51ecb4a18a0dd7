"""The section ``batch``."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, model_validator

from scar.aws.model import limits
from scar.aws.model.containers.ulimits import UlimitName
from scar.fdl.defaults import PROFILE_OF_FUNCTION, REGION_OF_FUNCTION
from scar.fdl.field_types import mapping_to_list, none_to_empty
from scar.fdl.model.base import EnvironmentSpec
from scar.fdl.model.batch.array import ArraySpec
from scar.fdl.model.batch.compute_environments import ComputeEnvironmentSpec
from scar.fdl.model.batch.compute_resources import ComputeResourcesSpec
from scar.fdl.model.batch.job_overrides import ExitRetrySpec, JobOverrideSpec
from scar.fdl.model.batch.nodes import MultiNodeSpec
from scar.fdl.model.batch.queues import QueueSpec, queues_of
from scar.fdl.model.batch.scheduling import SchedulingSpec
from scar.fdl.model.batch.storage import (
    EFS_ACCESS_POINT,
    JobFileSystemSpec,
    TmpfsSpec,
    Ulimit,
)
from scar.fdl.model.deferred import DeferredModel
from scar.fdl.values.aws_names import RoleName


class BatchSpec(DeferredModel):
    """AWS Batch, for `execution_mode: batch` and `lambda-batch`."""

    enabled: StrictBool = Field(
        True,
        description="`false`: the function has no part in Batch; `execution_mode: lambda-batch` is"
        " then the same as `lambda`",
    )
    boto_profile: str = Field("default", description=PROFILE_OF_FUNCTION)
    region: str = Field("", description=REGION_OF_FUNCTION)
    vcpus: float = Field(
        1,
        gt=0,
        le=limits.BATCH_VCPUS.maximum,
        description="vCPUs of each job; fractions on Fargate only",
    )
    memory: int = Field(
        1024,
        ge=4,
        description="memory of each job in MiB, less than that of the instance type, which keeps"
        " about 5%; default on Fargate: the least that AWS offers for `vcpus`",
    )
    enable_gpu: StrictBool = Field(False, description="short for `gpus: 1`")
    gpus: int = Field(
        0,
        ge=0,
        description="GPUs of each job; on EC2 instances of the architecture x86_64 only; takes"
        " precedence over `enable_gpu`",
    )
    timeout: int = Field(
        86400, ge=60, description="job attempt timeout in seconds, at least 60; 86400 is one day"
    )
    attempts: int = Field(
        3,
        ge=1,
        le=10,
        description="job attempts (1 to 10), if the host is terminated, a Spot Instance or task is"
        " interrupted, or the container does not start (image not pulled, for instance); a job"
        " whose script fails is not retried",
    )
    array: ArraySpec | None = Field(
        None,
        description="gather the events of new objects in an SQS queue, and submit them as array"
        " jobs, so that thousands of uploads become a few submissions; null: a job for each"
        " object. For `execution_mode: batch` only",
    )
    enable_execute_command: StrictBool = Field(
        False, description="`true`: `scar shell` may start commands in running jobs, by ECS Exec"
    )
    overrides: Annotated[tuple[JobOverrideSpec, ...], BeforeValidator(mapping_to_list)] = Field(
        (), description="what the jobs of some objects request instead; the first match counts"
    )
    retry: Annotated[tuple[ExitRetrySpec, ...], BeforeValidator(mapping_to_list)] = Field(
        (),
        description="exit codes of scripts after which the job is submitted again, with more memory"
        " or as it was; empty: a script that fails is not repeated",
    )
    state: Literal["ENABLED", "DISABLED"] = Field(
        "ENABLED", description="must be `ENABLED`: jobs would not run otherwise"
    )
    type: Literal["MANAGED"] = Field("MANAGED", description="must be `MANAGED`")
    environment: EnvironmentSpec = Field(
        EnvironmentSpec(),
        description="environment variables of jobs, added to those of `lambda.environment` and of"
        " the container; takes precedence over both",
    )
    file_system: Annotated[tuple[JobFileSystemSpec, ...], BeforeValidator(mapping_to_list)] = Field(
        (),
        description="file systems that jobs mount; their mount targets must be in the VPC of"
        " `compute_resources.subnets`",
        examples=[[{"arn": EFS_ACCESS_POINT, "path": "/mnt/data"}]],
    )
    shared_memory: int = Field(
        0,
        ge=0,
        description="size of `/dev/shm` in MiB, a part of the job's memory, on EC2 only; 0:"
        " Docker's default, 64",
    )
    tmpfs: Annotated[tuple[TmpfsSpec, ...], BeforeValidator(mapping_to_list)] = Field(
        (),
        description="file systems in memory, on EC2 only",
        examples=[[{"path": "/scratch", "size": 256}]],
    )
    ulimits: Annotated[dict[UlimitName, Ulimit], BeforeValidator(none_to_empty)] = Field(
        {},
        description="resource limits of jobs by name, on EC2 only, such as `nofile: 65536` (open"
        " files) or `memlock: -1` (locked memory, unlimited)",
        examples=[{"nofile": {"soft": 65536, "hard": 65536}}],
    )
    container_properties: Annotated[dict[str, Any], BeforeValidator(none_to_empty)] = Field(
        {},
        description="fields of AWS Batch's containerProperties that have no key here, as in its API"
        " (`volumes`, `linuxParameters`, `privileged`, …): sent as they are, over those that scar"
        " sets",
    )
    cluster: StrictBool = Field(
        False,
        description="jobs may form dask clusters: workers of `scar.cluster.BatchCluster` and `scar"
        " cluster start`; the job role may then submit and end the function's own jobs",
    )
    service_role: RoleName = Field(
        "", description="ARN of AWS Batch's service role; empty: its service-linked role"
    )
    compute_resources: ComputeResourcesSpec = Field(
        ComputeResourcesSpec.model_construct(),
        description="the compute environment that jobs run in",
    )
    compute_environments: Annotated[
        tuple[ComputeEnvironmentSpec, ...], BeforeValidator(mapping_to_list)
    ] = Field(
        (),
        description="up to 3 compute environments of the function's job queue, in the order in"
        " which AWS Batch uses them",
    )
    scheduling: SchedulingSpec = Field(
        SchedulingSpec.model_construct(), description="fair-share scheduling of the job queue"
    )

    multi_node_parallel: MultiNodeSpec = Field(
        MultiNodeSpec.model_construct(),
        description="multi-node parallel jobs, for MPI and other programs that exchange data: each"
        " node gets the input, and the addresses of all nodes in the file `$SCAR_HOSTFILE`",
    )

    @property
    def queues(self) -> tuple[QueueSpec, ...]:
        """The job queue of the function's jobs, then the others of the preset."""
        return queues_of(self.compute_resources, self.compute_environments)

    @property
    def environments(self) -> tuple[ComputeResourcesSpec, ...]:
        """The compute environments of the function's job queue, in its order."""
        return self.queues[0].environments

    @model_validator(mode="after")
    def _set_type_of_environments(self) -> Self:
        """Set the type of the first environment, unless the file has one for all."""
        compute = self.compute_resources
        first = self.compute_environments[0].type if self.compute_environments else None
        if first and compute.preset is None and "type" not in compute.model_fields_set:
            resolved = compute.model_copy(update={"type": first})
            resolved.model_fields_set.discard("type")
            object.__setattr__(self, "compute_resources", resolved)
        return self

    @property
    def gpu_count(self) -> int:
        """The GPUs of each job: ``gpus``, or one with ``enable_gpu``."""
        return self.gpus or int(self.enable_gpu)

    @property
    def gpu_key(self) -> str:
        """The key that asks for GPUs."""
        return "gpus" if self.gpus else "enable_gpu"

    @property
    def nodes(self) -> int:
        """The nodes of each job; 0 for jobs of one container."""
        return self.multi_node_parallel.number_nodes if self.multi_node_parallel.enabled else 0

    @model_validator(mode="before")
    @classmethod
    def _set_fargate_memory(cls, value: object) -> object:
        """Set the default memory on Fargate, which does not offer 1024 MiB with one vCPU."""
        if isinstance(value, Mapping) and "memory" not in value and _is_fargate(value):
            vcpus = str(value.get("vcpus", 1))
            if sizes := limits.FARGATE_MEMORY.get(vcpus.removesuffix(".0")):
                return {**value, "memory": min(sizes)}
        return value


def _is_fargate(batch: Mapping[str, object]) -> bool:
    """Return whether the first environment, as written in the file, is one of Fargate."""
    compute, entries = batch.get("compute_resources"), batch.get("compute_environments")
    first = entries[0] if isinstance(entries, list) and entries else entries
    return any(
        isinstance(section, Mapping)
        and (
            str(section.get("type")).startswith("FARGATE")
            or str(section.get("preset")).startswith("fargate")
        )
        for section in (compute, first)
    )
