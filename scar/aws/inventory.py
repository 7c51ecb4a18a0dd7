"""What of scar's is in the account, found without an FDL: by name, path, tag and fixed Id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws import faults, names
from scar.aws.faults import translated
from scar.aws.handlers.definitions import JobDefinitionHandler, parse
from scar.aws.handlers.functions import PermissionHandler
from scar.aws.handlers.notifications import parse as parse_rule
from scar.aws.resources import (
    BucketNotification,
    ComputeEnvironment,
    EventInvokeConfig,
    InstanceProfile,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    LogGroup,
    Repository,
    Role,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_s3.type_defs import NotificationConfigurationResponseTypeDef

    from scar.aws.cloud import Cloud
    from scar.aws.connection import Connection
    from scar.aws.resources import Key, Resource

_SHARED_NAME = re.compile(r"scar-[0-9a-f]{12}")
_ROLES = ("lambda", "job", "exec")


@dataclass(frozen=True, slots=True)
class Inventory:
    """Reads what is there; raises ScarError."""

    connection: Connection
    cloud: Cloud

    def of_function(self, function: str) -> dict[Key, Resource]:
        """Find all that belongs to one function alone, its images and shared things aside."""
        region = self.connection.account.region
        found = self.cloud.observe(
            [
                LogGroup(name=names.lambda_log_group(function)),
                LogGroup(name=names.batch_log_group(function)),
                Repository(name=names.repository(function)),
                LambdaFunction(name=function),
                EventInvokeConfig(name=function),
                JobDefinition(name=function),
                *(Role(name=names.role(function, region, purpose)) for purpose in _ROLES),
            ]
        )
        with translated(f"find what invokes function {function}"):
            permissions = PermissionHandler(self.connection.client("lambda")).of(function)
            buckets = {p.source_arn.rpartition(":")[2] for p in permissions if p.source_arn}
            buckets |= self.buckets_of(found.values())
            rules = [r for b in sorted(buckets) for r in self.notifications(b, function)]
        return found | {r.key: r for r in (*permissions, *rules)}

    def notifications(self, bucket: str, function: str) -> list[BucketNotification]:
        """List the rules of a bucket that scar made for a function."""
        found = self.configuration(bucket)
        given = found.get("LambdaFunctionConfigurations", []) if found else []
        rules = (parse_rule(bucket, rule) for rule in given)
        return [r for r in rules if names.is_notification_of(r.rule_id, function)]

    def configuration(self, bucket: str) -> NotificationConfigurationResponseTypeDef | None:
        """Read what a bucket tells whom; nothing if the bucket is not there."""
        with translated(f"read the notifications of bucket {bucket}"):
            s3 = self.connection.client("s3")
            try:
                return s3.get_bucket_notification_configuration(Bucket=bucket)
            except ClientError as error:
                if faults.code(error) == "NoSuchBucket":
                    return None
                raise

    def buckets_of(self, resources: Iterable[Resource]) -> set[str]:
        """Return the buckets that functions say they use."""
        functions = (r for r in resources if isinstance(r, LambdaFunction))
        return {
            value
            for function in functions
            for name, value in function.tags
            if name.startswith(names.BUCKETS_TAG)
        }

    def definitions(self) -> tuple[JobDefinition, ...]:
        """List the active job definitions of all functions of scar's."""
        handler = JobDefinitionHandler(
            self.connection.client("batch"), self.connection.account.region
        )
        with translated("list the job definitions"):
            return tuple(
                parse(d)
                for d in handler.revisions()
                if names.FUNCTION_TAG in d.get("tags", {}) and "containerProperties" in d
            )

    def machines(self) -> dict[Key, Resource]:
        """Find the queues and environments that functions share, and what they stand on."""
        batch = self.connection.client("batch")
        with translated("list the job queues"):
            queues = [
                q["jobQueueName"]
                for page in batch.get_paginator("describe_job_queues").paginate()
                for q in page["jobQueues"]
            ]
            environments = [
                e["computeEnvironmentName"]
                for page in batch.get_paginator("describe_compute_environments").paginate()
                for e in page["computeEnvironments"]
            ]
        instances = names.instance_role(self.connection.account.region)
        return self.cloud.observe(
            [
                *(JobQueue(name=q) for q in queues if _SHARED_NAME.fullmatch(q)),
                *(ComputeEnvironment(name=e) for e in environments if _SHARED_NAME.fullmatch(e)),
                InstanceProfile(name=instances),
                Role(name=instances),
            ]
        )
