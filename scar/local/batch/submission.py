"""SubmitJob: merges a job definition and a request into a job, or raises AWS's error.

AWS's own validation rules are in ``scar.aws.requests.rules.batch``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scar.aws.model import limits
from scar.aws.requests.rules.batch import overrides_failure
from scar.aws.requests.rules.batch.nodes import parse_node_range
from scar.local.batch.job_storage import storage_to_json
from scar.local.batch.model import JobSpec, RetryRule
from scar.local.batch.scheduling.queue_guard import check_share
from scar.local.moto import fields
from scar.local.moto.error_responses import ApiError
from scar.local.moto.validation import find_violation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.engines.port import Engine
    from scar.local.moto.batch_registry import JobDefinitionRecord, JobQueueRecord


class BatchApiError(Exception):
    """An error response of the Batch API; the HTTP application renders it."""

    def __init__(self, error_response: ApiError) -> None:
        super().__init__(error_response.message)
        self.error_response = error_response


def client_error(message: str) -> BatchApiError:
    return BatchApiError(ApiError(code="ClientException", message=message))


def check_request(request: Mapping[str, Any]) -> None:
    """Raise BatchApiError for a request that no queue or definition could make valid."""
    error = find_violation("batch", "SubmitJob", request) or fields.check_fields(
        "batch", "SubmitJob", request
    )
    if error is not None:
        raise BatchApiError(error)
    if not isinstance(request.get("jobName"), str):
        raise client_error("jobName is required")
    _parse_timeout(request.get("timeout") or {})


def check_queue_and_definition(
    request: Mapping[str, Any], queue: JobQueueRecord | None, definition: JobDefinitionRecord | None
) -> tuple[JobQueueRecord, JobDefinitionRecord]:
    """Return both; raise BatchApiError if one does not exist or is not active."""
    name, reference = request.get("jobQueue", ""), request.get("jobDefinition", "")
    if queue is None:
        raise client_error(f"JobQueue {name} not found.")
    if not queue.enabled:
        raise client_error(f"JobQueue {name} is DISABLED and does not accept jobs.")
    if problem := check_share(queue, request):
        raise client_error(problem)
    if definition is None or not definition.active:
        raise client_error(
            f"JobDefinition name {reference} does not exist or is not in ACTIVE status"
        )
    return queue, definition


def delayed_failure(request: Mapping[str, Any]) -> str:
    """Return why AWS accepts this job and fails it later, or an empty string."""
    return overrides_failure(request) or ""


def array_size(request: Mapping[str, Any]) -> int:
    """Return the number of children, 0 for a job that is no array."""
    return int((request.get("arrayProperties") or {}).get("size") or 0)


def build_job_spec(definition: JobDefinitionRecord, request: Mapping[str, Any]) -> JobSpec:
    """Merge the request into the definition; raise BatchApiError for what cannot run."""
    container = definition.container_properties()
    overrides, nodes = _container_overrides_and_nodes(definition, request)
    requirements = _resource_requirements(container) | _resource_requirements(overrides)
    _check_fargate_size(definition, requirements)
    retry = request.get("retryStrategy") or json.loads(definition.retry_strategy)
    timeout = _parse_timeout(request.get("timeout") or {})
    logging = container.get("logConfiguration") or {}
    options = logging.get("options") or {}
    return JobSpec(
        definition=definition.arn,
        is_fargate=definition.is_fargate,
        image=container["image"],
        vcpus=float(requirements["VCPU"]),
        memory_mb=int(requirements["MEMORY"]),
        gpus=int(requirements.get("GPU", 0)),
        environment=_environment_variables(container) | _environment_variables(overrides),
        attempts=int(retry.get("attempts", 1)),
        rules=parse_retry_rules(retry),
        timeout=definition.timeout_seconds if timeout is None else timeout,
        role=container.get("jobRoleArn", ""),
        execution_role=container.get("executionRoleArn", ""),
        log_group=options.get("awslogs-group", "/aws/batch/job"),
        log_prefix=options.get("awslogs-stream-prefix", ""),
        log_options=json.dumps(logging) if logging else "",
        storage=storage_to_json(container),
        parameters={**json.loads(definition.parameters), **(request.get("parameters") or {})},
        tags={str(k): str(v) for k, v in (request.get("tags") or {}).items()},
        nodes=nodes,
        main_node=definition.main_node,
    )


def check_engine(spec: JobSpec, engine: Engine) -> None:
    """Raise BatchApiError for a multi-node job that the engine has no networks for."""
    if spec.nodes and not engine.guarantees.networks:
        raise BatchApiError(
            fields.not_emulated_error(
                f"multi-node jobs with the {engine.name} engine, which has no network for each"
                " node; use the sandbox engine (`scar local start --engine sandbox`)"
            )
        )


def _container_overrides_and_nodes(
    definition: JobDefinitionRecord, request: Mapping[str, Any]
) -> tuple[Mapping[str, Any], int]:
    """Return the overrides of the container, and the number of nodes: 0 for one container.

    Source: API_NodeOverrides and API_NodePropertyOverride of the AWS Batch API Reference.
    """
    container, of_nodes = (
        request.get("containerOverrides") or {},
        request.get("nodeOverrides") or {},
    )
    if not definition.nodes:
        if of_nodes:
            raise client_error("nodeOverrides is only valid for multi-node job definitions.")
        return container, 0
    if array_size(request):
        raise client_error("Array jobs are not supported for multi-node job definitions.")
    if container:
        raise client_error(
            "containerOverrides is not valid for multi-node jobs: use nodeOverrides."
        )
    nodes = of_nodes.get("numNodes") or definition.nodes
    if nodes != definition.nodes and not definition.target_nodes.endswith(":"):
        raise client_error("numNodes can be overridden only for an open range of nodes, such as 0:")
    if nodes <= definition.main_node:
        raise client_error("mainNode must be less than numNodes.")
    ranges = of_nodes.get("nodePropertyOverrides") or []
    if len(ranges) > 1 or any(
        parse_node_range(str(item.get("targetNodes")), nodes) != range(nodes) for item in ranges
    ):
        raise BatchApiError(fields.not_emulated_error("overrides of some of the nodes only"))
    return (ranges[0].get("containerOverrides") or {}) if ranges else {}, nodes


def _resource_requirements(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return resourceRequirements, with the older ``vcpus`` and ``memory`` as defaults."""
    requirements = {
        kind: str(properties[name])
        for kind, name in (("VCPU", "vcpus"), ("MEMORY", "memory"))
        if properties.get(name)
    }
    for requirement in properties.get("resourceRequirements") or []:
        requirements[requirement["type"]] = str(requirement["value"])
    try:
        float(requirements.get("VCPU", 1))
        int(requirements.get("MEMORY", 4)), int(requirements.get("GPU", 0))
    except ValueError as error:
        raise client_error(f"Resource requirements must be numbers: {error}") from error
    return requirements


def _check_fargate_size(definition: JobDefinitionRecord, requirements: Mapping[str, str]) -> None:
    """Raise BatchApiError for a size that Fargate does not have, as overrides may make one."""
    vcpus, memory = requirements["VCPU"], requirements["MEMORY"]
    sizes = limits.FARGATE_MEMORY.get(f"{float(vcpus):g}", frozenset())
    if definition.is_fargate and int(memory) not in sizes:
        raise client_error(f"Fargate resource requirements ({vcpus} vCPU, {memory} MiB) not valid.")


def _environment_variables(properties: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(variable["name"]): str(variable.get("value", ""))
        for variable in properties.get("environment") or []
    }


def parse_retry_rules(retry: Mapping[str, Any]) -> tuple[RetryRule, ...]:
    """Return the rules of a retryStrategy, in their order."""
    return tuple(_parse_retry_rule(rule) for rule in retry.get("evaluateOnExit") or [])


def _parse_retry_rule(rule: Mapping[str, Any]) -> RetryRule:
    return RetryRule(
        # Upper case: moto stores the actions of job definitions in lower case.
        retry=str(rule.get("action", "")).upper() == "RETRY",
        status_reason=rule.get("onStatusReason", ""),
        reason=rule.get("onReason", ""),
        exit_code=rule.get("onExitCode", ""),
    )


def _parse_timeout(timeout: Mapping[str, Any]) -> int | None:
    seconds = timeout.get("attemptDurationSeconds")
    if seconds is None:
        return None
    if not isinstance(seconds, int):
        raise client_error("attemptDurationSeconds must be a number")
    return seconds
