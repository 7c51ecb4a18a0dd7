"""What a run's job requests: the overrides of its object, the caller's options, more memory.

The command line uses the same functions for array jobs and for the options of `scar run`.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from supervisor.batch import fallback
from supervisor.errors import EventError, OutOfMemory
from supervisor.invocation import ObjectEvent
from supervisor.job_model import JobOptions

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.invocation import Trigger
    from supervisor.job_model import BatchTarget, JobCapacity, NodeGroup
    from supervisor.model import FunctionConfig

MAX_ATTEMPTS = 10  # model: RetryStrategy.attempts
MIN_TIMEOUT = 60  # seconds; model: JobTimeout.attemptDurationSeconds
UNBOUNDED = 1 << 30  # MiB: more than any instance has
MIN_NODES = 2  # one node is a job of one container
MAX_NODES = 1_000  # AWS documents none; observed: Batch console


def plan_job(
    error: SupervisorError | None, config: FunctionConfig, trigger: Trigger
) -> JobOptions | None:
    """Return what the run's first job requests; None for what its job definition has.

    ``error`` is why the run continues in Batch, None for a run that was always meant for it. What
    the caller requested takes precedence over the overrides of the object. Raise EventError for
    options that the function's jobs cannot have, OutOfMemory if Batch has no more than Lambda had.
    """
    target = config.batch
    if target is None:
        return None
    options = choose_options(target, trigger)
    if isinstance(error, OutOfMemory):
        options = _grow_after_lambda(error, config, target, options)
    return None if options == JobOptions() else options


def choose_options(target: BatchTarget, trigger: Trigger) -> JobOptions:
    """Return what a job of this event requests: its object's override, and the caller's options.

    An option of the caller replaces that key of the override; the other keys stay. Raise EventError
    for options that the function's jobs cannot have, together with those of the override.
    """
    if trigger.refusal is not None:
        raise trigger.refusal
    options = JobOptions()
    if isinstance(trigger, ObjectEvent):
        options = match_override(target, trigger.source.key, trigger.size) or options
    if trigger.job is None:
        return options
    if problem := find_options_problem(target, trigger.job, options):
        raise EventError(f"The job cannot have these options: {problem}.", remedy=_REMEDY)
    return _merge(options, trigger.job)


_REMEDY = (
    "`scar show -n NAME` shows what the function's compute environment has. An option replaces one"
    " key of batch.overrides: request its other keys too if they do not fit."
)


def match_override(target: BatchTarget, key: str, size: int) -> JobOptions | None:
    """Return the options of the first override that matches an object of ``size`` bytes."""
    name = key.rpartition("/")[2]
    for override in target.overrides:
        if (
            (not override.prefix or name.startswith(override.prefix))
            and (not override.suffix or name.endswith(override.suffix))
            and size >= override.min_size
        ):
            return override.options
    return None


def find_options_problem(
    target: BatchTarget, options: JobOptions, override: JobOptions | None = None
) -> str:
    """Return why the function's jobs cannot have the options that a caller requests, or empty.

    ``override`` is what jobs of the object request without the caller.
    """
    if problem := _request_problem(target, options):
        return problem
    merged = _merge(override or JobOptions(), options)
    problem = find_size_problem(target, merged) if _has_size(options) else ""
    problem = problem or (_nodes_problem(target, merged) if options.nodes else "")
    kept = _describe_kept(override, options) if problem and override else ""
    return f"{problem}; {kept}" if kept else problem


def _request_problem(target: BatchTarget, options: JobOptions) -> str:
    """Return why no job of the function can have the options, whatever its size; or empty."""
    if target.capacity is None:
        return "the function was deployed by an earlier release of scar; run `scar init` again"
    if options.queue and options.queue not in target.queues:
        return f"its queues are {', '.join(target.queues)}, not {options.queue}"
    if options.nodes and (problem := _number_problem(target, options.nodes)):
        return problem
    if options.attempts > MAX_ATTEMPTS:
        return f"AWS Batch has at most {MAX_ATTEMPTS} attempts"
    if 0 < options.timeout < MIN_TIMEOUT:
        return f"the shortest timeout of AWS Batch is {MIN_TIMEOUT} seconds"
    return ""


def _describe_kept(override: JobOptions, options: JobOptions) -> str:
    """Return the sizes of the override that the caller does not replace; empty for none."""
    kept = (
        f"{name} {value}"
        for name in ("vcpus", "memory", "gpus")
        if (value := getattr(override, name)) and not getattr(options, name)
    )
    named = ", ".join(kept)
    return f"batch.overrides has {named} for this object" if named else ""


def _has_size(options: JobOptions) -> bool:
    return bool(options.vcpus or options.memory or options.gpus)


def _number_problem(target: BatchTarget, nodes: int) -> str:
    """Return why the function's jobs cannot have so many nodes, of whatever size; or empty."""
    if target.nodes is None:
        return "its job definition is not a multi-node one (batch.multi_node_parallel)"
    if not MIN_NODES <= nodes <= MAX_NODES:
        return f"multi-node jobs have {MIN_NODES} to {MAX_NODES} nodes, not {nodes}"
    if nodes <= target.nodes.main:
        return (
            f"{nodes} nodes are numbered 0 to {nodes - 1}, and the main node is number"
            f" {target.nodes.main} (multi_node_parallel.main_node_index)"
        )
    return ""


def find_size_problem(target: BatchTarget, options: JobOptions) -> str:
    """Return why no instance or Fargate size can run a job of this size; empty if one can."""
    return _shape_problem(target, options) or _nodes_problem(target, options)


def _nodes_problem(target: BatchTarget, options: JobOptions) -> str:
    """Return why the instances of all nodes exceed max_v_cpus; empty if they do not.

    Nodes share no instance, and a job starts with all of them or never.
    """
    group = target.nodes
    if group is None or not group.max_vcpus or not (options.nodes or _has_size(options)):
        return ""
    count = options.nodes or group.count
    each = _node_vcpus(group, *_job_size(target, options))
    if count * each <= group.max_vcpus:
        return ""
    most = group.max_vcpus // each
    return (
        f"{count} nodes use {count * each} vCPUs, an instance of {each} or more each, and"
        f" max_v_cpus is {group.max_vcpus}: enough for {most} node{'' if most == 1 else 's'}"
    )


def _node_vcpus(group: NodeGroup, vcpus: float, memory: int, gpus: int) -> int:
    """Return the vCPUs of the smallest instance for one node; the node's own if none is known."""
    fitting = (v for v, m, g in group.instances if vcpus <= v and memory <= m and gpus <= g)
    return min(fitting, default=math.ceil(vcpus))


def _shape_problem(target: BatchTarget, options: JobOptions) -> str:
    if target.capacity is None or not _has_size(options):
        return ""
    vcpus, memory, gpus = _job_size(target, options)
    if target.capacity.exact:
        return "Fargate has no GPUs" if gpus else _fargate_problem(target.capacity, vcpus, memory)
    if vcpus != int(vcpus):
        return "fractions of a vCPU require Fargate"
    if not any(vcpus <= v and memory <= m and gpus <= g for v, m, g in target.capacity.shapes):
        return _describe_largest(target.capacity, vcpus, memory, gpus)
    return ""


def _fargate_problem(capacity: JobCapacity, vcpus: float, memory: int) -> str:
    sizes = sorted(m for v, m, _ in capacity.shapes if v == vcpus)
    if not sizes:
        choices = sorted({v for v, _, _ in capacity.shapes})
        return f"Fargate jobs have {', '.join(f'{v:g}' for v in choices)} vCPUs here"
    if memory in sizes:
        return ""
    nearest = min((size for size in sizes if size > memory), default=sizes[-1])
    size = f"{memory} MiB with {_count(vcpus, 'vCPU')}"
    return f"Fargate does not support {size}; the nearest size is {nearest}"


def fit_memory(target: BatchTarget, options: JobOptions, wanted: int, most: int) -> JobOptions:
    """Return the options with ``wanted`` MiB, or the nearest that the environment can run.

    On Fargate that is the next larger size, with more vCPUs if necessary. Never more than ``most``
    MiB; the options themselves if no size has more memory than they have.
    """
    if target.capacity is None:
        return options
    vcpus, memory, gpus = _job_size(target, options)
    fitting = sorted(
        (v, m) for v, m, g in target.capacity.shapes if v >= vcpus and g >= gpus and m > memory
    )
    most = min(most, _most_node_memory(target, options))
    if target.capacity.exact:
        sizes = [(v, m) for v, m in fitting if m <= most]
        enough = next((size for size in sizes if size[1] >= wanted), None)
        chosen = enough or max(sizes, key=lambda size: (size[1], -size[0]), default=None)
        if chosen is None:
            return options
        return replace(options, vcpus=f"{chosen[0]:g}", memory=chosen[1])
    new = min(wanted, most, max((m for _, m in fitting), default=0))
    return replace(options, memory=new) if new > memory else options


def _most_node_memory(target: BatchTarget, options: JobOptions) -> int:
    """Return the most MiB of each node with which all nodes fit into max_v_cpus."""
    group = target.nodes
    if group is None or not group.max_vcpus or not group.instances:
        return UNBOUNDED
    each = group.max_vcpus // (options.nodes or group.count)
    vcpus, _, gpus = _job_size(target, options)
    fitting = (m for v, m, g in group.instances if vcpus <= v <= each and gpus <= g)
    return max(fitting, default=0)


def _grow_after_lambda(
    error: OutOfMemory, config: FunctionConfig, target: BatchTarget, options: JobOptions
) -> JobOptions:
    """Return the options with at least twice Lambda's memory, or the most that Batch offers."""
    if options == JobOptions():
        return fallback.choose_job_size(error, config) or options
    enough = 2 * config.memory
    if _job_size(target, options)[1] >= enough:
        return options
    grown = fit_memory(target, options, enough, enough if not _is_exact(target) else UNBOUNDED)
    if _job_size(target, grown)[1] <= config.memory:  # raises OutOfMemory, with its remedy
        fallback.choose_job_size(error, config)
    return grown


def _is_exact(target: BatchTarget) -> bool:
    return target.capacity is not None and target.capacity.exact


def _merge(lower: JobOptions, upper: JobOptions) -> JobOptions:
    """Return the options of both; those of ``upper`` take precedence."""
    values = {f.name: getattr(upper, f.name) or getattr(lower, f.name) for f in fields(upper)}
    return JobOptions(**values)


def _job_size(target: BatchTarget, options: JobOptions) -> tuple[float, int, int]:
    """Return vCPUs, MiB and GPUs of a job with these options."""
    return (
        float(options.vcpus or target.vcpus or 1),
        options.memory or target.memory,
        options.gpus or target.gpus,
    )


def _describe_largest(capacity: JobCapacity, vcpus: float, memory: int, gpus: int) -> str:
    largest = max(
        capacity.shapes, key=lambda s: (gpus <= s[2], vcpus <= s[0], s[1]), default=(0.0, 0, 0)
    )
    asked = f"{_count(vcpus, 'vCPU')} and {memory:,} MiB"
    asked += f" with {_count(gpus, 'GPU')}" if gpus else ""
    has = f"{_count(largest[0], 'vCPU')}, {largest[1]:,} MiB and {_count(largest[2], 'GPU')}"
    return f"no instance of its compute environment has {asked}; the largest has {has} for jobs"


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}" if number == 1 else f"{number:g} {noun}s"
