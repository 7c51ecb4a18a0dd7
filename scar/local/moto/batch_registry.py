"""Job queues, compute environments and job definitions in moto, as the Batch service reads them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.local.http.regions import find_region_error
from scar.local.moto.loading.start import import_ec2

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

TIME_LIMITS_ATTRIBUTE = "scar_time_limits"
_ARN = re.compile(r"^arn:[^:]*:batch:([^:]+):[^:]*:([^/]+)/(.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeEnvironmentRecord:
    """A compute environment; its capacity is ``max_vcpus``; Fargate has no ``instance_types``."""

    name: str
    arn: str
    enabled: bool
    max_vcpus: float
    instance_types: tuple[str, ...] = ()
    is_fargate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FairShareRecord:
    """The fairsharePolicy of a scheduling policy: weights by share identifier or prefix."""

    weights: tuple[tuple[str, float], ...] = ()
    decay_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTimeLimit:
    """One entry of a queue's jobStateTimeLimitActions: the reason, and the time in seconds."""

    reason: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueueRecord:
    """A job queue; ``environments`` in the queue's computeEnvironmentOrder.

    ``time_limits`` cancel a job that blocks the queue. ``fair_share`` is that of its scheduling
    policy; None: first in, first out.
    """

    name: str
    arn: str
    region: str
    enabled: bool
    priority: int
    environments: tuple[ComputeEnvironmentRecord, ...]
    time_limits: tuple[StateTimeLimit, ...] = ()
    fair_share: FairShareRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDefinitionRecord:
    """One revision of a job definition.

    ``container_json``, ``retry_strategy`` and ``parameters`` are JSON as registered. ``nodes`` is 0
    for jobs of one container; otherwise the container is that of the range ``target_nodes``.
    """

    name: str
    arn: str
    revision: int
    region: str
    active: bool
    container_json: str
    retry_strategy: str
    timeout_seconds: int | None
    parameters: str
    is_fargate: bool = False
    nodes: int = 0
    main_node: int = 0
    target_nodes: str = ""

    def container_properties(self) -> dict[str, Any]:
        """Return the parsed ``containerProperties``."""
        value: dict[str, Any] = json.loads(self.container_json)
        return value


class MotoBatchRegistry:
    """Finds queues, environments and definitions by name or ARN; reads moto on each call."""

    def __init__(self, account: str, lock: threading.RLock, region: str = "us-east-1") -> None:
        self._account = account
        self._lock = lock
        self._region = region

    def find_queue(self, name_or_arn: str, region: str = "") -> JobQueueRecord | None:
        """Return the queue, or None."""
        region, name = self._region_and_name(name_or_arn, region)
        with self._lock:
            queue = self._moto_backend(region).get_job_queue_by_name(name)
            return None if queue is None else self._queue_record(queue, region)

    def list_queues_using(self, environment: str, region: str = "") -> tuple[str, ...]:
        """Return the names of queues that use an environment (name or ARN)."""
        region, name = self._region_and_name(environment, region)
        with self._lock:
            return tuple(
                queue.name
                for queue in self._moto_backend(region)._job_queues.values()  # noqa: SLF001
                if any(used.name == name for used in queue.environments)
            )

    def find_fair_share(self, name_or_arn: str, region: str = "") -> FairShareRecord | None:
        """Return the scheduling policy, or None."""
        region, name = self._region_and_name(name_or_arn, region)
        with self._lock:
            policies = self._moto_backend(region)._scheduling_policies.values()  # noqa: SLF001
            found = next((p for p in policies if p.name == name), None)
            return None if found is None else _fair_share_record(found)

    def list_queues_with_policy(self, arn: str, region: str = "") -> tuple[str, ...]:
        """Return the names of queues that use a scheduling policy."""
        region, _ = self._region_and_name(arn, region)
        with self._lock:
            queues = self._moto_backend(region)._job_queues.values()  # noqa: SLF001
            return tuple(queue.name for queue in queues if queue.schedule_policy == arn)

    def find_environment(
        self, name_or_arn: str, region: str = ""
    ) -> ComputeEnvironmentRecord | None:
        """Return the compute environment, or None."""
        region, name = self._region_and_name(name_or_arn, region)
        with self._lock:
            environment = self._moto_backend(region).get_compute_environment_by_name(name)
            return None if environment is None else _environment_record(environment)

    def find_definition(self, reference: str, region: str = "") -> JobDefinitionRecord | None:
        """Return a definition by ``name`` (latest active revision), ``name:revision`` or ARN."""
        region, reference = self._region_and_name(reference, region)
        name, _, revision = reference.partition(":")
        with self._lock:
            # moto's own lookup ignores the status, so a deregistered revision would be found.
            matching = [
                definition
                for definition in self._moto_backend(region)._job_definitions.values()  # noqa: SLF001
                if definition.name == name
                and (str(definition.revision) == revision if revision else True)
                and (revision or definition.status == "ACTIVE")
            ]
            if not matching:
                return None
            return _definition_record(max(matching, key=lambda item: int(item.revision)), region)

    def _region_and_name(self, name_or_arn: str, region: str) -> tuple[str, str]:
        """Return the Region and name of an ARN; a name is in ``region``.

        In a Region that does not exist, nothing has a name: moto's table would raise KeyError.
        """
        match = _ARN.match(name_or_arn)
        if match and find_region_error(match[1]):
            return self._region, ""
        return (match[1], match[3]) if match else (region or self._region, name_or_arn)

    def _queue_record(self, queue: Any, region: str) -> JobQueueRecord:  # noqa: ANN401 - moto's own type
        policy = str(queue.schedule_policy or "")
        return JobQueueRecord(
            name=queue.name,
            arn=queue.arn,
            region=region,
            enabled=queue.state == "ENABLED",
            priority=int(queue.priority),
            environments=tuple(_environment_record(each) for each in queue.environments),
            time_limits=tuple(
                StateTimeLimit(reason=str(a["reason"]), seconds=int(a["maxTimeSeconds"]))
                # The compatibility layer adds the attribute, which moto lacks.
                for a in getattr(queue, TIME_LIMITS_ATTRIBUTE, [])
            ),
            fair_share=self.find_fair_share(policy, region) if policy else None,
        )

    def _moto_backend(self, region: str) -> Any:  # noqa: ANN401 - moto's own type
        import_ec2()
        from moto.batch.models import batch_backends

        return batch_backends[self._account][region]


def _environment_record(environment: Any) -> ComputeEnvironmentRecord:  # noqa: ANN401 - moto's own type
    resources: Mapping[str, Any] = environment.compute_resources or {}
    return ComputeEnvironmentRecord(
        name=environment.name,
        arn=environment.arn,
        enabled=environment.state != "DISABLED",
        max_vcpus=float(resources.get("maxvCpus", 0)),
        instance_types=tuple(resources.get("instanceTypes") or ()),
        is_fargate=str(resources.get("type", "")).startswith("FARGATE"),
    )


def _fair_share_record(policy: Any) -> FairShareRecord:  # noqa: ANN401 - moto's own type
    settings: Mapping[str, Any] = policy.fairshare_policy
    return FairShareRecord(
        weights=tuple(
            (str(share["shareIdentifier"]), float(share.get("weightFactor", 1.0)))
            for share in settings.get("shareDistribution") or []
        ),
        decay_seconds=int(settings.get("shareDecaySeconds") or 0),
    )


def _definition_record(definition: Any, region: str) -> JobDefinitionRecord:  # noqa: ANN401 - moto's own type
    seconds = (definition.timeout or {}).get("attemptDurationSeconds")
    # The local cloud accepts definitions with one range only.
    properties = definition.node_properties if definition.type == "multinode" else None
    (node_range,) = properties["nodeRangeProperties"] if properties else ({},)
    container = node_range["container"] if properties else definition.container_properties
    return JobDefinitionRecord(
        name=definition.name,
        arn=definition.arn,
        revision=int(definition.revision),
        region=region,
        active=definition.status == "ACTIVE",
        container_json=json.dumps(container or {}),
        retry_strategy=json.dumps(definition.retry_strategy or {}),
        timeout_seconds=None if seconds is None else int(seconds),
        parameters=json.dumps(definition.parameters or {}),
        is_fargate="FARGATE" in (definition.platform_capabilities or []),
        nodes=properties["numNodes"] if properties else 0,
        main_node=properties["mainNode"] if properties else 0,
        target_nodes=node_range.get("targetNodes", ""),
    )
