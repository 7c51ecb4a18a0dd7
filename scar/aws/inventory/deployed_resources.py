"""What of scar's is in the account, found without an FDL: by name, path, tag and fixed Id."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors as faults
from scar.aws.client.errors import UnmanagedResourceError, translate_errors
from scar.aws.handlers.aws_resources import PARALLEL
from scar.aws.handlers.functions import PermissionHandler
from scar.aws.handlers.job_definitions import JobDefinitionHandler, parse_job_definition
from scar.aws.handlers.logs import LogGroupHandler
from scar.aws.handlers.notifications import parse_notification_rule as parse_rule
from scar.aws.inventory import batch_infrastructure as shared_machines
from scar.aws.model import names
from scar.aws.model.resources import (
    BatchTargetRecord,
    BucketNotification,
    ComputeEnvironment,
    EcrRepository,
    EventInvokeConfig,
    InstanceProfile,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    LaunchTemplate,
    LogGroup,
    Role,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_s3.type_defs import NotificationConfigurationResponseTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.handlers.aws_resources import AwsResources
    from scar.aws.model.resources import Resource, ResourceKey

    NotificationConfiguration = NotificationConfigurationResponseTypeDef

_JOB_ROLE_PURPOSES = ("job", "exec")
_ROLE_PURPOSES = ("lambda", *_JOB_ROLE_PURPOSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class InventorySnapshot:
    """What one look saw, each thing read once.

    ``resources`` are the functions' own and those that were asked for, ``machines`` all shared
    ones of the account, ``definitions`` those of all functions that may use them; ``told`` is
    what each bucket tells whom. ``counts`` are of all machines of the account, also others';
    ``asked`` is what was looked for by its name.
    """

    resources: dict[ResourceKey, Resource]
    batch_infrastructure: dict[ResourceKey, Resource]
    job_definitions: tuple[JobDefinition, ...] = ()
    notifications: Mapping[str, NotificationConfiguration] = field(default_factory=dict)
    batch_counts: Mapping[type[Resource], int] = field(default_factory=dict)
    requested_keys: frozenset[ResourceKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Inventory:
    """Reads what is there, as much as possible at the same time; raises ScarError."""

    connection: AwsConnection
    aws: AwsResources

    def take_snapshot(
        self, functions: Sequence[str], wanted: Iterable[Resource], buckets: Iterable[str] = ()
    ) -> InventorySnapshot:
        """Read all that belongs to these functions and what is wanted for them.

        ``buckets`` may hold notifications of theirs. Raises NotOurs if somebody else has
        something of a wanted name.
        """
        sought = {r.key: r for r in wanted}
        first = {r.bucket for r in sought.values() if isinstance(r, BucketNotification)}
        first |= set(buckets)
        with ThreadPoolExecutor(PARALLEL) as pool:
            machines = pool.submit(self._find_batch_infrastructure, sought)
            alone = {r.key: r for name in functions for r in self._candidate_resources(name)}
            alone |= {key: r for key, r in sought.items() if _is_read_by_key(r)}
            # Lambda knows of these only while it knows the function.
            of_functions = [r for r in alone.values() if isinstance(r, EventInvokeConfig)]
            reading = {
                key: pool.submit(self.aws.read if key in sought else self._read_if_managed, r)
                for key, r in alone.items()
                if not isinstance(r, EventInvokeConfig)
            }
            repositories = pool.submit(self._find_repositories, functions, sought)
            telling = {b: pool.submit(self.read_notifications, b) for b in sorted(first)}
            there = {
                f.name
                for key, reader in reading.items()
                if key.kind == LambdaFunction.kind and (f := reader.result()) is not None
            }
            reading |= {
                r.key: pool.submit(self.aws.read, r) for r in of_functions if r.name in there
            }
            allowing = [pool.submit(self._list_permissions, name) for name in there & {*functions}]
            found = {r.key: r for f in reading.values() if (r := f.result()) is not None}
            permissions = [p for f in allowing for p in f.result()]
            found |= repositories.result()
            further = self.buckets_in_tags(found.values())
            further |= {p.source_arn.rpartition(":")[2] for p in permissions if p.source_arn}
            telling |= {b: pool.submit(self.read_notifications, b) for b in sorted(further - first)}
            told = {b: c for b, f in telling.items() if (c := f.result()) is not None}
            shared, definitions, counts = machines.result()
        found |= {p.key: p for p in permissions}
        rules = (
            r for b, c in told.items() for name in functions for r in self.list_rules(b, c, name)
        )
        found |= {r.key: r for r in rules}
        found |= {key: r for key, r in shared.items() if key in sought}
        return InventorySnapshot(
            resources=found,
            batch_infrastructure=shared,
            job_definitions=definitions,
            notifications=told,
            batch_counts=counts,
            requested_keys=frozenset(sought),
        )

    def add_missing(
        self, found: InventorySnapshot, wanted: Iterable[Resource]
    ) -> InventorySnapshot:
        """Add what is wanted and could not be asked for before, such as images."""
        sought = {r.key: r for r in wanted}
        further = [
            r for key, r in sought.items() if _is_read_by_key(r) and key not in found.requested_keys
        ]
        machines = {key: r for key, r in found.batch_infrastructure.items() if key in sought}
        read = self.aws.observe(further)
        return replace(found, resources={**found.resources, **machines, **read})

    def _candidate_resources(self, function: str) -> list[Resource]:
        """List what one function may have alone, its repositories and images aside.

        The delegate has no jobs.
        """
        account = self.connection.account
        in_lambda = [
            LogGroup(name=names.lambda_log_group(function)),
            LambdaFunction(name=function),
            EventInvokeConfig(name=function),
            Role(name=names.role_name(function, account.region, "lambda")),
        ]
        if function == names.FAILURE_HANDLER:
            return in_lambda
        return [
            *in_lambda,
            LogGroup(name=names.batch_log_group(function)),
            BatchTargetRecord(name=function, bucket=names.state_bucket_name(account)),
            JobDefinition(name=function),
            *(
                Role(name=names.role_name(function, account.region, purpose))
                for purpose in _JOB_ROLE_PURPOSES
            ),
        ]

    def _read_if_managed(self, resource: Resource) -> Resource | None:
        """Read what nobody asked for: somebody else's of the same name is none of our business."""
        try:
            found = self.aws.read(resource)
        except UnmanagedResourceError:
            return None
        if isinstance(found, LogGroup):
            handler = LogGroupHandler(self.connection.client("logs"))
            account = self.connection.account
            with translate_errors(f"read the tags of {found.key}"):
                arn = account.arn("logs", f"log-group:{found.name}")
                return found if handler.is_managed(arn) else None
        return found

    def _find_repositories(
        self, functions: Sequence[str], sought: Mapping[ResourceKey, Resource]
    ) -> dict[ResourceKey, Resource]:
        """Find the functions' repositories under whatever prefix, but those that are sought."""
        ends = {names.repository_name(name).rpartition("/")[2] for name in functions}
        pages = self.connection.client("ecr").get_paginator("describe_repositories")
        with translate_errors("list the container repositories"):
            listed = pages.paginate(PaginationConfig={"PageSize": 1000})
            found = [r.get("repositoryName", "") for page in listed for r in page["repositories"]]
        named = (EcrRepository(name=name) for name in found if name.rpartition("/")[2] in ends)
        read = (self._read_if_managed(r) for r in named if r.key not in sought)
        return {
            r.key: r
            for r in read
            if isinstance(r, EcrRepository) and dict(r.tags).get(names.FUNCTION_TAG) in functions
        }

    def _list_permissions(self, function: str) -> tuple[InvokePermission, ...]:
        with translate_errors(f"find what invokes function {function}"):
            return PermissionHandler(self.connection.client("lambda")).list_permissions(function)

    def list_rules(
        self, bucket: str, configuration: NotificationConfiguration, function: str
    ) -> list[BucketNotification]:
        """List the rules of a bucket that scar made for a function."""
        arn = self.connection.account.arn("lambda", f"function:{function}")
        given = configuration.get("LambdaFunctionConfigurations", [])
        rules = (parse_rule(bucket, rule) for rule in given)
        return [
            r
            for r in rules
            if names.is_notification_of(r.rule_id, function) and r.function_arn == arn
        ]

    def read_notifications(self, bucket: str) -> NotificationConfiguration | None:
        """Read what a bucket tells whom; nothing if the bucket is not there."""
        with translate_errors(f"read the notifications of bucket {bucket}"):
            s3 = self.connection.client("s3")
            try:
                return s3.get_bucket_notification_configuration(Bucket=bucket)
            except ClientError as error:
                if faults.error_code(error) == "NoSuchBucket":
                    return None
                raise

    def buckets_in_tags(self, resources: Iterable[Resource]) -> set[str]:
        """Return the buckets that functions say they use."""
        functions = (r for r in resources if isinstance(r, LambdaFunction))
        return {
            value
            for function in functions
            for name, value in function.tags
            if name.startswith(names.BUCKETS_TAG)
        }

    def list_job_definitions(self) -> tuple[JobDefinition, ...]:
        """List the active job definitions of all functions of scar's."""
        handler = JobDefinitionHandler(
            self.connection.client("batch"), self.connection.account.region
        )
        with translate_errors("list the job definitions"):
            return tuple(
                parse_job_definition(d)
                for d in handler.list_revisions()
                if names.FUNCTION_TAG in d.get("tags", {}) and "containerProperties" in d
            )

    def functions_with_roles(self) -> set[str]:
        """Name the functions whose roles are there, if their names were not too long for it."""
        tail = re.compile(
            rf"(.+)-{re.escape(self.connection.account.region)}-({'|'.join(_ROLE_PURPOSES)})"
        )
        with translate_errors("list the roles"):
            pages = self.connection.client("iam").get_paginator("list_roles")
            found = [
                role["RoleName"]
                for page in pages.paginate(PathPrefix=names.ROLE_PATH)
                for role in page["Roles"]
            ]
        return {match[1] for name in found if (match := tail.fullmatch(name))}

    def _find_batch_infrastructure(
        self, wanted: Mapping[ResourceKey, Resource]
    ) -> tuple[dict[ResourceKey, Resource], tuple[JobDefinition, ...], dict[type[Resource], int]]:
        """Find the shared machines and what they stand on, who uses them, how many there are."""
        client = self.connection.client
        instances = names.instance_role_name(self.connection.account.region)
        own: tuple[Resource, ...] = (InstanceProfile(name=instances), Role(name=instances))
        standing = [r for r in own if r.key not in wanted]
        with ThreadPoolExecutor(5) as pool:
            lists = (
                pool.submit(lambda: shared_machines.list_environments(client("batch"))),
                pool.submit(lambda: shared_machines.list_queues(client("batch"))),
            )
            # What no machines use yet is only looked for where it may be made or go.
            seeking = not wanted or any(key.kind == LaunchTemplate.kind for key in wanted)
            unused = (
                pool.submit(lambda: shared_machines.list_launch_templates(client("ec2")))
                if seeking
                else None
            )
            found: list[Resource] = [r for some in lists for r in some.result()[0]]
            counts = [some.result()[1] for some in lists]
            under = [pool.submit(self._read_if_managed, r) for r in standing if found or seeking]
            templates = {t.key: t for r in found if (t := shared_machines.launch_template_of(r))}
            templates |= {t.key: t for t in (unused.result() if unused else ())}
            sought = [t for key, t in templates.items() if key not in wanted]
            found += [t for t in pool.map(self.aws.read, sought) if t is not None]
            definitions = self.list_job_definitions() if found else ()
            found += [r for f in under if (r := f.result()) is not None]
        kinds: tuple[type[Resource], ...] = (ComputeEnvironment, JobQueue)
        return {r.key: r for r in found}, definitions, dict(zip(kinds, counts, strict=True))


def _is_read_by_key(resource: Resource) -> bool:
    """Say whether a resource is read by itself; others are found in lists."""
    return not isinstance(
        resource, BucketNotification | InvokePermission | ComputeEnvironment | JobQueue
    )
