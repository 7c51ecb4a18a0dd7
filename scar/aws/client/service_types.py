"""Types of clients for which no stubs are installed, as far as scar uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class QuotaReader(Protocol):
    """The part of the Service Quotas client that scar uses."""

    def get_service_quota(self, *, ServiceCode: str, QuotaCode: str) -> Mapping[str, Any]:  # noqa: N803
        """Return ``{"Quota": {"Value": …}}``."""


class KeyReader(Protocol):
    """The part of the KMS client that scar uses."""

    def describe_key(self, *, KeyId: str) -> Mapping[str, Any]:  # noqa: N803
        """Return ``{"KeyMetadata": {"Arn": …}}``; ``KeyId`` may be an alias."""


class EfsReader(Protocol):
    """The part of the EFS client that scar uses."""

    def describe_mount_targets(self, *, AccessPointId: str) -> Mapping[str, Any]:  # noqa: N803
        """Return ``{"MountTargets": [{"FileSystemId": …, "VpcId": …}]}``."""


class SecretDescriber(Protocol):
    """The part of the Secrets Manager client that scar uses."""

    def describe_secret(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803
        """Return ``{"ARN": …}``, without the value."""


class ParameterStore(Protocol):
    """The part of the Systems Manager client that scar uses."""

    def get_paginator(
        self, operation_name: Literal["describe_parameters", "get_parameters_by_path"], /
    ) -> Any:  # noqa: ANN401
        """Return the paginator of pages ``{"Parameters": [{"Name": …}]}``."""

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> Mapping[str, Any]:  # noqa: N803
        """Return ``{"Parameter": {"Value": …, "Type": …}}``."""

    def put_parameter(self, *, Name: str, Value: str, Type: str, **others: Any) -> object:  # noqa: N803, ANN401
        """Create the parameter, or with ``Overwrite`` write its next version."""

    def delete_parameter(self, *, Name: str) -> object:  # noqa: N803
        """Delete all versions of the parameter."""


class S3FilesReader(Protocol):
    """The part of the S3 Files client that scar uses."""

    def list_mount_targets(self, *, fileSystemId: str) -> Mapping[str, Any]:  # noqa: N803
        """Return ``{"mountTargets": [{"fileSystemId": …, "vpcId": …}]}``."""


class TaskExecutor(Protocol):
    """The part of the ECS client that scar uses."""

    def describe_tasks(self, *, cluster: str, tasks: Sequence[str]) -> Mapping[str, Any]:
        """Return ``{"tasks": [{"containers": [{"name": …, "runtimeId": …}]}]}``."""

    def execute_command(
        self, *, cluster: str, task: str, container: str, command: str, interactive: bool
    ) -> Mapping[str, Any]:
        """Return ``{"session": {"sessionId": …, "streamUrl": …, "tokenValue": …}}``."""
