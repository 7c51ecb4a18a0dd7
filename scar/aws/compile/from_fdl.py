"""Functions as an FDL document describes them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model.function import BatchSettings, ComputeSettings, Function, InputRule
from supervisor.model import ExecutionMode, OutputRule

if TYPE_CHECKING:
    from scar.aws.model.resources import Pairs
    from scar.fdl import model as fdl


def functions_of(document: fdl.FdlDocument) -> tuple[Function, ...]:
    """Return the document's functions with every value resolved, in the document's order."""
    return tuple(_build_function(item) for item in document.functions.aws)


def _build_function(described: fdl.AwsFunction) -> Function:
    spec = described.lambda_
    return Function(
        name=spec.name,
        image=spec.container.image,
        image_file=spec.container.image_file,
        create_image=spec.container.create_image,
        script=spec.script,
        payload=spec.extra_payload,
        mode=spec.execution_mode,
        architecture=spec.architecture,
        memory=spec.memory,
        timeout=spec.timeout,
        ephemeral_mb=spec.ephemeral_storage,
        reserved_concurrency=spec.concurrency,
        retries=spec.retries,
        max_event_age=spec.max_event_age,
        timeout_threshold=spec.container.timeout_threshold,
        log_level=spec.log_level,
        description=spec.description,
        environment=_sorted_pairs(spec.environment.Variables),
        container_environment=_sorted_pairs(spec.container.environment.Variables),
        inputs=tuple(_build_input_rule(item) for item in spec.input),
        outputs=tuple(_build_output_rule(item) for item in spec.output),
        tags=_sorted_pairs(spec.tags),
        role=described.iam.role,
        boundary=described.iam.permissions_boundary,
        create_roles=described.iam.create,
        retention_days=described.cloudwatch.log_retention_policy_in_days,
        subnets=spec.vpc.subnets,
        security_groups=spec.vpc.security_group_ids,
        file_systems=tuple((item.arn, item.path) for item in spec.file_system),
        allow_loop=spec.allow_loop,
        repository_prefix=described.ecr.prefix,
        keep_repository=not described.ecr.delete_image,
        batch=None
        if spec.execution_mode is ExecutionMode.LAMBDA
        else _build_batch_settings(described.batch),
    )


def _build_batch_settings(spec: fdl.BatchSpec) -> BatchSettings:
    machines = spec.compute_resources
    return BatchSettings(
        vcpus=f"{spec.vcpus:g}",
        memory=spec.memory,
        gpus=1 if spec.enable_gpu else 0,
        timeout=spec.timeout,
        attempts=spec.attempts,
        environment=_sorted_pairs(spec.environment.Variables),
        compute=ComputeSettings(
            type=machines.type,
            max_vcpus=machines.max_v_cpus,
            min_vcpus=machines.min_v_cpus,
            instance_types=machines.instance_types,
            subnets=machines.subnets,
            security_groups=machines.security_group_ids,
            instance_profile=machines.instance_role,
            service_role=spec.service_role,
            disk_gib=machines.disk,
            user_data=machines.user_data.read_text() if machines.user_data else "",
        ),
    )


def _build_input_rule(item: fdl.StorageSpec) -> InputRule:
    return InputRule(
        provider=item.storage_provider,
        path=item.path,
        suffix=item.suffix[0] if item.suffix else "",
    )


def _build_output_rule(item: fdl.StorageSpec) -> OutputRule:
    return OutputRule(
        provider=item.storage_provider, path=item.path, prefix=item.prefix, suffix=item.suffix
    )


def _sorted_pairs(values: dict[str, str]) -> Pairs:
    return tuple(sorted(values.items()))
