"""What Batch jobs request, and where they are submitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What one job requests instead of its job definition's; empty and 0: the definition's.

    ``memory`` in MiB, ``timeout`` (of an attempt) in seconds; ``attempts`` are Batch's own.
    ``queue`` is a name in ``BatchTarget.queues``, ``nodes`` the number of nodes of a multi-node
    job.
    """

    vcpus: str = ""
    memory: int = 0
    gpus: int = 0
    timeout: int = 0
    attempts: int = 0
    queue: str = ""
    nodes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOverride:
    """The options of jobs for some objects: an entry of the FDL's ``batch.overrides``.

    An object matches if its file name starts with one of ``prefix`` and ends with one of ``suffix``
    (empty: any name), and it has at least ``min_size`` bytes.
    """

    options: JobOptions
    prefix: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    min_size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRetry:
    """Which exit status submits a job again: an entry of the FDL's ``batch.retry``.

    A run has at most ``attempts`` jobs. The next one has ``factor`` times the memory, or ``memory``
    MiB if that is more; ``up_to`` MiB is the most (0: what the compute environment has).
    """

    exit_code: int
    attempts: int = 3
    factor: float = 1.0
    memory: int = 0
    up_to: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCapacity:
    """The largest jobs that the compute environment can run: vCPUs, MiB, and GPUs of each shape.

    ``exact``: jobs must have one of these sizes (Fargate), not only fit into one.
    """

    shapes: tuple[tuple[float, int, int], ...] = ()
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroup:
    """The nodes of a multi-node job; ``main`` is the number of the main node, from 0.

    ``timeout``: seconds in which all nodes must have started, and in which the other nodes end
    once the main node is gone. ``max_vcpus`` are those of all instances together (0: not known);
    ``instances`` are vCPUs, MiB and GPUs of instances that one node can have for itself, empty if
    they are not known.
    """

    count: int
    main: int = 0
    timeout: int = 600
    max_vcpus: int = 0
    instances: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTarget:
    """Where the function's jobs are submitted: job queue and job definition.

    Names, not ARNs: the image is built before the resources exist. ``vcpus``, ``memory`` (MiB) and
    ``gpus`` are the job definition's; ``larger`` are vCPUs and MiB that a job can request instead,
    smallest first. ``queues`` are the queues that a submission can select, by the name in the FDL;
    ``nodes`` is None for jobs of one container. ``share`` is the jobs' share
    identifier, empty for a queue without fair-share scheduling, and ``priority`` their scheduling
    priority in it.

    ``exit_rules`` are the definition's ``evaluateOnExit``: a submission with its own attempts has
    to repeat them. ``overridden`` are variables of ``container.environment`` with the values that
    the job definition has for them; ``batch_variables`` are those of ``container.environment`` that
    ``batch.environment`` sets too; ``empty_variables`` are those of the job with an empty value,
    which the definition cannot have.
    """

    queue: str
    definition: str
    memory: int = 0
    larger: tuple[tuple[str, int], ...] = ()
    share: str = ""
    priority: int = 0
    vcpus: str = ""
    gpus: int = 0
    nodes: NodeGroup | None = None
    queues: Mapping[str, str] = field(default_factory=dict)
    capacity: JobCapacity | None = None
    overrides: tuple[JobOverride, ...] = ()
    retry: tuple[ExitRetry, ...] = ()
    exit_rules: tuple[Mapping[str, str], ...] = ()
    overridden: Mapping[str, str] = field(default_factory=dict)
    batch_variables: tuple[str, ...] = ()
    empty_variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """One Batch job to submit: a name of at most 128 characters and environment overrides.

    The other fields replace the job definition's unless they are empty or 0; their units are those
    of ``JobOptions``. ``queue`` may also be the name of a job queue.
    ``array_size``: it is an array job of so many children; 0: a single job.
    """

    name: str
    environment: Mapping[str, str]
    vcpus: str = ""
    memory: int = 0
    array_size: int = 0
    gpus: int = 0
    timeout: int = 0
    attempts: int = 0
    nodes: int = 0
    queue: str = ""


def build_batch_target(data: dict[str, Any]) -> BatchTarget:
    """Return the target that ``function.json`` describes; raise what a damaged one causes."""
    capacity, nodes = data.pop("capacity", None), data.pop("nodes", None)
    return BatchTarget(
        **{
            **data,
            "larger": tuple((str(vcpus), int(memory)) for vcpus, memory in data.get("larger", ())),
            "overrides": tuple(_build_override(item) for item in data.get("overrides", ())),
            "retry": tuple(ExitRetry(**item) for item in data.get("retry", ())),
            "exit_rules": tuple(data.get("exit_rules", ())),
            "batch_variables": tuple(data.get("batch_variables", ())),
            "empty_variables": tuple(data.get("empty_variables", ())),
        },
        nodes=_build_nodes(nodes) if nodes else None,
        capacity=capacity
        and JobCapacity(
            shapes=tuple((float(v), int(m), int(g)) for v, m, g in capacity["shapes"]),
            exact=bool(capacity["exact"]),
        ),
    )


def _build_nodes(data: dict[str, Any]) -> NodeGroup:
    instances = data.pop("instances", ())
    return NodeGroup(**data, instances=tuple((int(v), int(m), int(g)) for v, m, g in instances))


def _build_override(data: dict[str, Any]) -> JobOverride:
    return JobOverride(
        options=JobOptions(**data["options"]),
        prefix=tuple(data["prefix"]),
        suffix=tuple(data["suffix"]),
        min_size=int(data["min_size"]),
    )
