"""CloudWatch log groups."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.model.resources import LogGroup

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


@dataclass(frozen=True, slots=True)
class LogGroupHandler:
    """Log groups of functions and jobs; their retention is the only setting."""

    logs: CloudWatchLogsClient

    def read(self, resource: LogGroup) -> LogGroup | None:
        groups = self.logs.describe_log_groups(logGroupNamePrefix=resource.name)["logGroups"]
        for group in groups:
            if group.get("logGroupName") == resource.name:
                return LogGroup(name=resource.name, retention_days=group.get("retentionInDays", 0))
        return None

    def create(self, resource: LogGroup) -> None:
        with contextlib.suppress(self.logs.exceptions.ResourceAlreadyExistsException):
            self.logs.create_log_group(logGroupName=resource.name, tags={names.MANAGED_TAG: "true"})
        self._set_retention(resource)

    def update(self, observed: LogGroup, desired: LogGroup) -> None:
        del observed
        self._set_retention(desired)

    def delete(self, resource: LogGroup) -> None:
        with contextlib.suppress(self.logs.exceptions.ResourceNotFoundException):
            self.logs.delete_log_group(logGroupName=resource.name)

    def is_managed(self, arn: str) -> bool:
        """Return whether scar created the group, not another function of the same name before."""
        return names.MANAGED_TAG in self.logs.list_tags_for_resource(resourceArn=arn)["tags"]

    def _set_retention(self, resource: LogGroup) -> None:
        if resource.retention_days:
            self.logs.put_retention_policy(
                logGroupName=resource.name, retentionInDays=resource.retention_days
            )
        else:
            self.logs.delete_retention_policy(logGroupName=resource.name)
