"""AWS Batch job definitions. Revisions are immutable: an update registers a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scar.aws.client.errors import UnmanagedResourceError
from scar.aws.model import names
from scar.aws.model.containers.container_properties import raw_fields, to_json
from scar.aws.model.resources import JobDefinition
from scar.aws.model.tags import relevant_tags
from scar.aws.requests import batch_requests
from scar.aws.requests.batch_requests import job_storage
from scar.aws.requests.field_paths import read_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import EvaluateOnExitTypeDef, JobDefinitionTypeDef

    from scar.aws.model.resources import Pairs


@dataclass(frozen=True, slots=True)
class JobDefinitionHandler:
    """Handles job definitions; submitted jobs keep the revision they were submitted with."""

    batch: BatchClient
    region: str

    def read(self, resource: JobDefinition) -> JobDefinition | None:
        revisions = list(self.list_revisions(resource.name))
        if not revisions:
            return None
        if not any(names.FUNCTION_TAG in revision.get("tags", {}) for revision in revisions):
            raise UnmanagedResourceError(
                f"The job definition {resource.name} exists and is not managed by scar.",
                remedy="Rename the function, or deregister the job definition.",
            )
        latest = max(revisions, key=lambda revision: revision["revision"])
        return parse_job_definition(latest, resource.tags)

    def create(self, resource: JobDefinition) -> None:
        self.batch.register_job_definition(
            **batch_requests.register_definition_request(resource, self.region)
        )

    def update(self, observed: JobDefinition, desired: JobDefinition) -> None:
        old_arns = [r["jobDefinitionArn"] for r in self.list_revisions(observed.name)]
        # The new revision comes first, so that jobs can be submitted at any time.
        self.create(desired)
        for arn in old_arns:
            self.batch.deregister_job_definition(jobDefinition=arn)

    def delete(self, resource: JobDefinition) -> None:
        for revision in list(self.list_revisions(resource.name)):
            self.batch.deregister_job_definition(jobDefinition=revision["jobDefinitionArn"])

    def list_revisions(self, name: str = "") -> Iterator[JobDefinitionTypeDef]:
        """Yield the active revisions of the job definition ``name``, or of all definitions."""
        paginator = self.batch.get_paginator("describe_job_definitions")
        pages = (
            paginator.paginate(jobDefinitionName=name, status="ACTIVE")
            if name
            else paginator.paginate(status="ACTIVE")
        )
        for page in pages:
            yield from page["jobDefinitions"]


def parse_job_definition(revision: JobDefinitionTypeDef, desired_tags: Pairs = ()) -> JobDefinition:
    """Return the job definition of a revision as DescribeJobDefinitions returns it.

    Of its tags it has scar's, and those with the keys of ``desired_tags``.
    """
    revision, nodes, main_node = batch_requests.from_multi_node(revision)
    container = revision["containerProperties"]
    requirements = {r["type"]: r["value"] for r in container.get("resourceRequirements", [])}
    network = container.get("networkConfiguration", {})
    runtime = container.get("runtimePlatform", {})
    platforms = revision.get("platformCapabilities", [])
    retries = revision.get("retryStrategy", {})
    log = container.get("logConfiguration")
    return JobDefinition(
        name=revision["jobDefinitionName"],
        platform="FARGATE" if "FARGATE" in platforms else "EC2",
        vcpus=requirements.get("VCPU", ""),
        memory=int(requirements.get("MEMORY", "0")),
        gpus=int(requirements.get("GPU", "0")),
        retry_rules=tuple(_parse_retry_rule(r) for r in retries.get("evaluateOnExit", [])),
        log_mode=log.get("options", {}).get("mode", "") if log else "",
        public_ip=network.get("assignPublicIp") == "ENABLED",
        architecture="arm64" if runtime.get("cpuArchitecture") == "ARM64" else "x86_64",
        environment=tuple(
            sorted(
                (e.get("name", ""), e.get("value", "")) for e in container.get("environment", [])
            )
        ),
        file_systems=job_storage.parse_file_systems(
            container, has_raw="mountPoints" in raw_fields(tuple(revision.get("tags", {}).items()))
        ),
        tmpfs=job_storage.parse_tmpfs(container),
        ulimits=job_storage.parse_ulimits(container),
        tags=relevant_tags(revision.get("tags", {}), desired_tags),
        propagate_tags=revision.get("propagateTags", False),
        container_properties=_raw_properties(revision),
        nodes=nodes,
        main_node=main_node,
        **read_fields(revision, JobDefinition),
    )


def without_raw(found: JobDefinition, desired: JobDefinition, region: str) -> JobDefinition:
    """Return the observed definition without what raw fields have changed in its other fields.

    A field with the value that the desired definition has in AWS is as desired.
    """
    if not desired.container_properties:
        return found
    request: Any = batch_requests.register_definition_request(desired, region)
    expected = parse_job_definition(request, desired.tags)
    unchanged = {
        name: getattr(desired, name)
        for name in desired.differing_fields(expected)
        if getattr(found, name) == getattr(expected, name)
    }
    return replace(found, **unchanged)


def _raw_properties(revision: JobDefinitionTypeDef) -> str:
    """Return the fields that the tags name as raw, so that undoing an update restores them."""
    container: Mapping[str, object] = {**revision["containerProperties"]}
    raw = raw_fields(tuple(revision.get("tags", {}).items()))
    return to_json({name: container[name] for name in raw if name in container}) if raw else ""


def is_parseable(revision: JobDefinitionTypeDef) -> bool:
    """Return whether the revision has the form of those that scar registers."""
    return "containerProperties" in batch_requests.from_multi_node(revision)[0]


def _parse_retry_rule(condition: EvaluateOnExitTypeDef) -> Pairs:
    """Return a condition as sorted pairs, its action in upper case: Batch ignores the case."""
    rule = {**condition, "action": condition["action"].upper()}
    return tuple(sorted((name, str(value)) for name, value in rule.items() if value))
