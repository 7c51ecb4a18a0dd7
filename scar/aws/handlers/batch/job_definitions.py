"""AWS Batch job definitions. Revisions are immutable: an update registers a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import UnmanagedResourceError
from scar.aws.model import names
from scar.aws.model.resources import JobDefinition
from scar.aws.requests import batch_requests
from scar.aws.requests.field_paths import read_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        return parse_job_definition(max(revisions, key=lambda revision: revision["revision"]))

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


def parse_job_definition(revision: JobDefinitionTypeDef) -> JobDefinition:
    """Return the job definition of a revision as DescribeJobDefinitions returns it."""
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
        nodes=nodes,
        main_node=main_node,
        tags=tuple(
            sorted((k, v) for k, v in revision.get("tags", {}).items() if k.startswith("scar:"))
        ),
        **read_fields(revision, JobDefinition),
    )


def is_parseable(revision: JobDefinitionTypeDef) -> bool:
    """Return whether the revision has the form of those that scar registers."""
    return "containerProperties" in batch_requests.from_multi_node(revision)[0]


def _parse_retry_rule(condition: EvaluateOnExitTypeDef) -> Pairs:
    """Return a condition as sorted pairs, its action in upper case: Batch ignores the case."""
    rule = {**condition, "action": condition["action"].upper()}
    return tuple(sorted((name, str(value)) for name, value in rule.items() if value))
