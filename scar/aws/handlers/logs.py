"""CloudWatch log groups."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.model.resources import LogGroup
from scar.aws.model.tags import changed_tags, users_tags

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import LogGroupTypeDef

    from scar.aws.model.resources import Pairs


@dataclass(frozen=True, slots=True)
class LogGroupHandler:
    """Log groups of functions and jobs: their retention and tags."""

    logs: CloudWatchLogsClient

    def read(self, resource: LogGroup) -> LogGroup | None:
        for group in self._find_groups(resource.name):
            return LogGroup(
                name=resource.name,
                retention_days=group.get("retentionInDays", 0),
                tags=self._read_tags(group, resource),
            )
        return None

    def create(self, resource: LogGroup) -> None:
        with contextlib.suppress(self.logs.exceptions.ResourceAlreadyExistsException):
            tags = {names.MANAGED_TAG: "true", **dict(resource.tags)}
            self.logs.create_log_group(logGroupName=resource.name, tags=tags)
        self._set_retention(resource)

    def update(self, observed: LogGroup, desired: LogGroup) -> None:
        if observed.retention_days != desired.retention_days:
            self._set_retention(desired)
        to_set, to_remove = changed_tags(observed.tags, desired.tags)
        if to_set or to_remove:
            (group,) = self._find_groups(desired.name)
            if to_set:
                self.logs.tag_resource(resourceArn=_tagging_arn(group), tags=to_set)
            if to_remove:
                self.logs.untag_resource(resourceArn=_tagging_arn(group), tagKeys=to_remove)

    def delete(self, resource: LogGroup) -> None:
        with contextlib.suppress(self.logs.exceptions.ResourceNotFoundException):
            self.logs.delete_log_group(logGroupName=resource.name)

    def is_managed(self, arn: str) -> bool:
        """Return whether scar created the group, not another function of the same name before."""
        return names.MANAGED_TAG in self.logs.list_tags_for_resource(resourceArn=arn)["tags"]

    def _find_groups(self, name: str) -> list[LogGroupTypeDef]:
        """Return the group of this name, or none."""
        groups = self.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return [group for group in groups if group.get("logGroupName") == name]

    def _read_tags(self, group: LogGroupTypeDef, resource: LogGroup) -> Pairs:
        # One more call for each group, so only for those that have tags to compare.
        if not resource.tags:
            return ()
        response = self.logs.list_tags_for_resource(resourceArn=_tagging_arn(group))
        return users_tags(response["tags"], resource.tags)

    def _set_retention(self, resource: LogGroup) -> None:
        if resource.retention_days:
            self.logs.put_retention_policy(
                logGroupName=resource.name, retentionInDays=resource.retention_days
            )
        else:
            self.logs.delete_retention_policy(logGroupName=resource.name)


def _tagging_arn(group: LogGroupTypeDef) -> str:
    """Return the ARN that the operations on tags take: without the ``:*`` of its streams."""
    return group.get("arn", "").removesuffix(":*")
