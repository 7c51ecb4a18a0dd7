"""AWS Batch job definitions. A revision never changes: an update is a new one."""

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
    """Jobs that wait keep the revision they were submitted with."""

    batch: BatchClient
    region: str

    def read(self, resource: JobDefinition) -> JobDefinition | None:
        found = list(self.list_revisions(resource.name))
        if found and not any(names.FUNCTION_TAG in d.get("tags", {}) for d in found):
            raise UnmanagedResourceError(
                f"A job definition {resource.name} exists that scar did not make.",
                remedy="Give the function another name, or deregister that definition.",
            )
        return parse_job_definition(max(found, key=lambda d: d["revision"])) if found else None

    def create(self, resource: JobDefinition) -> None:
        self.batch.register_job_definition(
            **batch_requests.register_definition_request(resource, self.region)
        )

    def update(self, observed: JobDefinition, desired: JobDefinition) -> None:
        stale = [d["jobDefinitionArn"] for d in self.list_revisions(observed.name)]
        self.create(desired)
        for arn in stale:
            self.batch.deregister_job_definition(jobDefinition=arn)

    def delete(self, resource: JobDefinition) -> None:
        for found in list(self.list_revisions(resource.name)):
            self.batch.deregister_job_definition(jobDefinition=found["jobDefinitionArn"])

    def list_revisions(self, name: str = "") -> Iterator[JobDefinitionTypeDef]:
        """Yield the active definitions of that name, or of all names."""
        pages = self.batch.get_paginator("describe_job_definitions")
        found = (
            pages.paginate(jobDefinitionName=name, status="ACTIVE")
            if name
            else pages.paginate(status="ACTIVE")
        )
        for page in found:
            yield from page["jobDefinitions"]


def parse_job_definition(found: JobDefinitionTypeDef) -> JobDefinition:
    container = found["containerProperties"]
    needs = {r["type"]: r["value"] for r in container.get("resourceRequirements", [])}
    network = container.get("networkConfiguration", {})
    host = container.get("runtimePlatform", {})
    platforms = found.get("platformCapabilities", [])
    retries = found.get("retryStrategy", {})
    return JobDefinition(
        name=found["jobDefinitionName"],
        platform="FARGATE" if "FARGATE" in platforms else "EC2",
        vcpus=needs.get("VCPU", ""),
        memory=int(needs.get("MEMORY", "0")),
        gpus=int(needs.get("GPU", "0")),
        retry_rules=tuple(_parse_retry_rule(r) for r in retries.get("evaluateOnExit", [])),
        public_ip=network.get("assignPublicIp") == "ENABLED",
        architecture="arm64" if host.get("cpuArchitecture") == "ARM64" else "x86_64",
        environment=tuple(
            sorted(
                (e.get("name", ""), e.get("value", "")) for e in container.get("environment", [])
            )
        ),
        tags=tuple(
            sorted((k, v) for k, v in found.get("tags", {}).items() if k.startswith("scar:"))
        ),
        **read_fields(found, JobDefinition),
    )


def _parse_retry_rule(found: EvaluateOnExitTypeDef) -> Pairs:
    """Batch reads actions in any case."""
    told = {**found, "action": found["action"].upper()}
    return tuple(sorted((name, str(value)) for name, value in told.items() if value))
