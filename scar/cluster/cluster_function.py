"""The deployed function whose jobs are the members of a cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.aws.inventory.job_options import read_batch_target
from scar.aws.model import names
from scar.errors import ScarError
from supervisor.job_model import BatchTarget

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

    from scar.aws.client.connection import AwsConnection


class NoClusterFunctionError(ScarError):
    """The function is not deployed, has no jobs, or its jobs must not form clusters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFunction:
    """A function's job queue and the resources of its jobs; ``memory`` in MiB."""

    name: str
    queue: str
    vcpus: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSize:
    """The resources of a worker's job; ``is_override``: they are not the job definition's."""

    vcpus: float
    memory: int
    is_override: bool = False

    @property
    def threads(self) -> int:
        return max(1, math.floor(self.vcpus))


def find_cluster_function(batch: BatchClient, name: str) -> ClusterFunction:
    """Return the function from its job definition; raise NoClusterFunctionError."""
    with translate_errors(f"read the job definition {name}"):
        pages = batch.get_paginator("describe_job_definitions").paginate(
            jobDefinitionName=name, status="ACTIVE"
        )
        revisions = [item for page in pages for item in page["jobDefinitions"]]
    own = [item for item in revisions if item.get("tags", {}).get(names.FUNCTION_TAG) == name]
    if not own:
        raise NoClusterFunctionError(
            f"There is no function {name} with Batch jobs.",
            remedy="Deploy it with execution_mode: batch and batch.cluster: true; `scar ls` lists"
            " the functions.",
        )
    # A job that names no revision uses the latest.
    latest = max(own, key=lambda item: item["revision"])
    tags = latest.get("tags", {})
    if tags.get(names.CLUSTER_TAG) != "true":
        raise NoClusterFunctionError(
            f"The jobs of {name} are not allowed to form clusters.",
            remedy="Set batch.cluster: true in its FDL file, and run `scar init` again.",
        )
    if latest.get("nodeProperties"):
        raise NoClusterFunctionError(
            f"The jobs of {name} have several nodes; a member of a cluster is one container.",
            remedy="Omit batch.multi_node_parallel in its FDL file, and run `scar init` again.",
        )
    required = _requirements(latest)
    return ClusterFunction(
        name=name,
        queue=tags.get(names.QUEUE_TAG, ""),
        vcpus=float(required.get("VCPU", 1)),
        memory=int(required.get("MEMORY", 0)),
    )


def read_job_target(connection: AwsConnection, function: ClusterFunction) -> BatchTarget:
    """Return where the function's jobs are submitted, with their share and priority."""
    # Without a record: deployed by a release that had neither.
    found = read_batch_target(connection, function.name)
    return found or BatchTarget(queue=function.queue, definition=function.name)


def choose_resources(
    function: ClusterFunction, vcpus: float | None, memory: int | None
) -> MemberSize:
    """Return the function's own resources, or these in their place."""
    return MemberSize(
        vcpus=function.vcpus if vcpus is None else vcpus,
        memory=function.memory if memory is None else memory,
        is_override=(vcpus, memory) != (None, None),
    )


def _requirements(definition: JobDefinitionTypeDef) -> dict[str, str]:
    container = definition.get("containerProperties", {})
    return {item["type"]: item["value"] for item in container.get("resourceRequirements", [])}
