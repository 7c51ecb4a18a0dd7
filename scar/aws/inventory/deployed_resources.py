"""Find the resources of functions without their FDL: by name, IAM path, tag and rule Id."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client.connection import PARALLEL
from scar.aws.client.errors import UnmanagedResourceError, error_code, translate_errors
from scar.aws.handlers.invoke_permissions import PermissionHandler
from scar.aws.handlers.logs import LogGroupHandler
from scar.aws.handlers.notification_rules import list_function_rules
from scar.aws.inventory import batch_infrastructure
from scar.aws.inventory.batch_infrastructure import (
    launch_template_of,
    list_job_definitions,
    with_compared_tags,
)
from scar.aws.inventory.candidates import candidate_resources, is_read_by_key
from scar.aws.inventory.listings import list_repositories, read_repositories, select_listed
from scar.aws.inventory.stored_secrets import list_stored_secrets
from scar.aws.inventory.tagged_resources import permitted_endpoints, tagged_resources
from scar.aws.model import names
from scar.aws.model.resources import (
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
    SchedulingPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from concurrent.futures import Future

    from mypy_boto3_ecr.type_defs import RepositoryTypeDef
    from mypy_boto3_s3.type_defs import NotificationConfigurationResponseTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.handlers.aws_resources import AwsResources
    from scar.aws.model.resources import Resource, ResourceKey

    NotificationConfiguration = NotificationConfigurationResponseTypeDef


@dataclass(frozen=True, slots=True, kw_only=True)
class InventorySnapshot:
    """What exists at one moment; each resource was read once.

    ``resources`` are the functions' own and the desired ones, ``batch_infrastructure`` all shared
    Batch resources of scar's, ``job_definitions`` those of all functions that may use them.
    ``notifications`` are the configurations of buckets that exist. ``batch_counts`` count the
    environments and queues of the Region, other tools' included. ``requested_keys`` were looked up
    by name.
    """

    resources: dict[ResourceKey, Resource]
    batch_infrastructure: dict[ResourceKey, Resource]
    job_definitions: tuple[JobDefinition, ...] = ()
    notifications: Mapping[str, NotificationConfiguration] = field(default_factory=dict)
    missing_buckets: Collection[str] = ()
    batch_counts: Mapping[type[Resource], int] = field(default_factory=dict)
    requested_keys: frozenset[ResourceKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Inventory:
    """Reads the resources of functions, in parallel where possible; raises ScarError."""

    connection: AwsConnection
    aws: AwsResources

    def take_snapshot(
        self,
        functions: Sequence[str],
        wanted: Iterable[Resource],
        buckets: Iterable[str] = (),
        repositories: Future[Mapping[str, RepositoryTypeDef]] | None = None,
    ) -> InventorySnapshot:
        """Read all resources of these functions, and the desired ones.

        ``buckets`` are further ones that may have their notifications, and ``repositories`` those
        of the account, listed here if None. Raise
        UnmanagedResourceError if a desired name is taken by a resource that scar did not create.
        """
        requested = {r.key: r for r in wanted}
        known_buckets = {r.bucket for r in requested.values() if isinstance(r, BucketNotification)}
        known_buckets |= set(buckets)
        with ThreadPoolExecutor(PARALLEL) as pool:
            infrastructure = pool.submit(self._find_batch_infrastructure, requested)
            repositories = repositories or pool.submit(list_repositories, self.connection)
            reads = {b: pool.submit(self.read_notifications, b) for b in sorted(known_buckets)}
            found, permissions = self._read_own_resources(pool, functions, requested)
            found |= read_repositories(
                pool, self.connection, repositories.result(), functions, requested
            )
            # Rules of an earlier version may be on buckets that are no longer desired: these are
            # named by the function's tags, and by the permissions of S3 to invoke it.
            earlier = self.buckets_in_tags(found.values())
            earlier |= {p.source_arn.rpartition(":")[2] for p in permissions if p.source_arn}
            reads |= {
                b: pool.submit(self.read_notifications, b) for b in sorted(earlier - known_buckets)
            }
            configurations = {b: f.result() for b, f in reads.items()}
            notifications = {b: c for b, c in configurations.items() if c is not None}
            shared, definitions, counts = infrastructure.result()
        found |= {p.key: p for p in permissions}
        found |= {
            r.key: r
            for b, c in notifications.items()
            for name in functions
            for r in self.list_rules(b, c, name)
        }
        found |= {key: r for key, r in shared.items() if key in requested}
        return InventorySnapshot(
            resources=found,
            batch_infrastructure=shared,
            job_definitions=definitions,
            notifications=notifications,
            missing_buckets=configurations.keys() - notifications.keys(),
            batch_counts=counts,
            requested_keys=frozenset(requested),
        )

    def _read_own_resources(
        self,
        pool: ThreadPoolExecutor,
        functions: Sequence[str],
        requested: Mapping[ResourceKey, Resource],
    ) -> tuple[dict[ResourceKey, Resource], list[InvokePermission]]:
        """Read the functions' resources that are found by their keys, and their permissions."""
        account = self.connection.account
        candidates = {r.key: r for name in functions for r in candidate_resources(account, name)}
        candidates |= {key: r for key, r in requested.items() if is_read_by_key(r)}
        # Read later, for existing functions only: for others Lambda returns an error.
        invoke_configs = [r for r in candidates.values() if isinstance(r, EventInvokeConfig)]
        read_now = [
            r for r in candidates.values() if not isinstance(r, EventInvokeConfig | EcrRepository)
        ]
        reads = {r.key: pool.submit(self.aws.read, r) for r in read_now if r.key in requested}
        others = [r for r in read_now if r.key not in requested]
        for resource in select_listed(pool, self.connection, others):
            reads[resource.key] = pool.submit(self._read_if_managed, resource)
        existing = {
            f.name
            for key, read in reads.items()
            if key.kind == LambdaFunction.kind and (f := read.result()) is not None
        }
        reads |= {
            r.key: pool.submit(self.aws.read, r) for r in invoke_configs if r.name in existing
        }
        permissions = [pool.submit(self._list_permissions, n) for n in existing & {*functions}]
        found = {r.key: r for read in reads.values() if (r := read.result()) is not None}
        listed = [p for listing in permissions for p in listing.result()]
        named = [*tagged_resources(found.values()), *permitted_endpoints(listed)]
        further = {r.key: r for r in named if r.key not in reads}.values()
        found |= {r.key: r for r in pool.map(self._read_if_managed, further) if r is not None}
        stored = list_stored_secrets(self.connection, found.values())
        found = {**{r.key: r for r in stored}, **found}
        return found, [p for p in listed if not p.is_of_endpoint]

    def add_missing(
        self, snapshot: InventorySnapshot, wanted: Iterable[Resource]
    ) -> InventorySnapshot:
        """Add desired resources whose names were not known before, such as images."""
        desired = {r.key: r for r in wanted}
        new = [r for k, r in desired.items() if k not in snapshot.requested_keys]
        read_now = self.aws.observe(r for r in new if is_read_by_key(r))
        shared = {
            k: with_compared_tags(r, desired[k])
            for k, r in snapshot.batch_infrastructure.items()
            if k in desired
        }
        return replace(snapshot, resources={**snapshot.resources, **shared, **read_now})

    def _read_if_managed(self, resource: Resource) -> Resource | None:
        """Read a resource that is not desired; ignore one that scar did not create."""
        try:
            found = self.aws.read(resource)
        except UnmanagedResourceError:
            return None
        # Lambda or another tool may have created a group of this name: only its tag tells.
        if isinstance(found, LogGroup):
            handler = LogGroupHandler(self.connection.client("logs"))
            account = self.connection.account
            with translate_errors(f"read the tags of {found.key}"):
                arn = account.arn("logs", f"log-group:{found.name}")
                return found if handler.is_managed(arn) else None
        return found

    def _list_permissions(self, function: str) -> tuple[InvokePermission, ...]:
        with translate_errors(f"list the permissions to invoke function {function}"):
            return PermissionHandler(self.connection.client("lambda")).list_permissions(function)

    def list_rules(
        self, bucket: str, configuration: NotificationConfiguration, function: str
    ) -> list[BucketNotification]:
        """Return the rules of a bucket that scar created for a function."""
        arn = self.connection.account.arn("lambda", f"function:{function}")
        return [
            r
            for r in list_function_rules(bucket, configuration)
            if names.is_notification_of(r.rule_id, function) and r.function_arn == arn
        ]

    def read_notifications(self, bucket: str) -> NotificationConfiguration | None:
        """Return the bucket's notification configuration; None if the bucket does not exist."""
        with translate_errors(f"read the notifications of bucket {bucket}"):
            s3 = self.connection.client("s3")
            try:
                return s3.get_bucket_notification_configuration(Bucket=bucket)
            except ClientError as error:
                if error_code(error) == "NoSuchBucket":
                    return None
                raise

    def buckets_in_tags(self, resources: Iterable[Resource]) -> set[str]:
        """Return the buckets that the functions' tags name."""
        functions = (r for r in resources if isinstance(r, LambdaFunction))
        return {
            value
            for function in functions
            for name, value in function.tags
            if name.startswith(names.BUCKETS_TAG)
        }

    def _find_batch_infrastructure(
        self, requested: Mapping[ResourceKey, Resource]
    ) -> tuple[dict[ResourceKey, Resource], tuple[JobDefinition, ...], dict[type[Resource], int]]:
        """Find the shared Batch resources, the job definitions that use them, and the counts."""
        client = self.connection.client
        instances = names.instance_role_name(self.connection.account.region)
        own: tuple[Resource, ...] = (InstanceProfile(name=instances), Role(name=instances))
        unread = [r for r in own if r.key not in requested]
        with ThreadPoolExecutor(5) as pool:
            lists = (
                pool.submit(lambda: batch_infrastructure.list_environments(client("batch"))),
                pool.submit(lambda: batch_infrastructure.list_queues(client("batch"))),
            )
            # Launch templates without an environment are listed only if some may be created or
            # deleted: a user without Batch needs no permission for EC2.
            needs_list = not requested or LaunchTemplate.kind in {key.kind for key in requested}
            listed_templates = (
                pool.submit(lambda: batch_infrastructure.list_launch_templates(client("ec2")))
                if needs_list
                else None
            )
            found: list[Resource] = [r for listing in lists for r in listing.result()[0]]
            has_policies = any(isinstance(r, JobQueue) and r.scheduling_policy for r in found)
            # Otherwise no permission to list them is needed. A policy whose queue alone was deleted
            # is found by the next deployment with shares.
            if has_policies or SchedulingPolicy.kind in {key.kind for key in requested}:
                with translate_errors("list the scheduling policies"):
                    found += batch_infrastructure.list_scheduling_policies(client("batch"))
            counts = [listing.result()[1] for listing in lists]
            reads = [pool.submit(self._read_if_managed, r) for r in unread if found or needs_list]
            templates = {t.key: t for r in found if (t := launch_template_of(r))}
            templates |= {t.key: t for t in (listed_templates.result() if listed_templates else ())}
            unread = [t for key, t in templates.items() if key not in requested]
            found += [t for t in pool.map(self.aws.read, unread) if t is not None]
            definitions = list_job_definitions(self.connection) if found else ()
            found += [r for f in reads if (r := f.result()) is not None]
        kinds: tuple[type[Resource], ...] = (ComputeEnvironment, JobQueue)
        return {r.key: r for r in found}, definitions, dict(zip(kinds, counts, strict=True))
