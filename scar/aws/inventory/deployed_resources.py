"""What of scar's is in the account, found without an FDL: by name, path, tag and fixed Id."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors as faults
from scar.aws.client.errors import NotOurs, translated
from scar.aws.handlers.aws_resources import PARALLEL
from scar.aws.handlers.functions import PermissionHandler
from scar.aws.handlers.job_definitions import JobDefinitionHandler, parse
from scar.aws.handlers.logs import LogGroupHandler
from scar.aws.handlers.notifications import parse as parse_rule
from scar.aws.inventory import batch_infrastructure as shared_machines
from scar.aws.model import names
from scar.aws.model.resources import (
    BucketNotification,
    ComputeEnvironment,
    EventInvokeConfig,
    InstanceProfile,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    LaunchTemplate,
    LogGroup,
    Repository,
    Role,
    RunsElsewhere,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_s3.type_defs import NotificationConfigurationResponseTypeDef

    from scar.aws.client.connection import Connection
    from scar.aws.handlers.aws_resources import Cloud
    from scar.aws.model.resources import Key, Resource

    Configuration = NotificationConfigurationResponseTypeDef

_FOR_JOBS = ("job", "exec")
_ROLES = ("lambda", *_FOR_JOBS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look saw, each thing read once.

    ``resources`` are the functions' own and those that were asked for, ``machines`` all shared
    ones of the account, ``definitions`` those of all functions that may use them; ``told`` is
    what each bucket tells whom. ``counts`` are of all machines of the account, also others';
    ``asked`` is what was looked for by its name.
    """

    resources: dict[Key, Resource]
    machines: dict[Key, Resource]
    definitions: tuple[JobDefinition, ...] = ()
    told: Mapping[str, Configuration] = field(default_factory=dict)
    counts: Mapping[type[Resource], int] = field(default_factory=dict)
    asked: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Inventory:
    """Reads what is there, as much as possible at the same time; raises ScarError."""

    connection: Connection
    cloud: Cloud

    def look(
        self, functions: Sequence[str], wanted: Iterable[Resource], buckets: Iterable[str] = ()
    ) -> Found:
        """Read all that belongs to these functions and what is wanted for them.

        ``buckets`` may hold notifications of theirs. Raises NotOurs if somebody else has
        something of a wanted name.
        """
        sought = {r.key: r for r in wanted}
        first = {r.bucket for r in sought.values() if isinstance(r, BucketNotification)}
        first |= set(buckets)
        with ThreadPoolExecutor(PARALLEL) as pool:
            machines = pool.submit(self._machines, sought)
            alone = {r.key: r for name in functions for r in self._of(name)}
            alone |= {key: r for key, r in sought.items() if _alone(r)}
            # Lambda knows of these only while it knows the function.
            of_functions = [r for r in alone.values() if isinstance(r, EventInvokeConfig)]
            reading = {
                key: pool.submit(self.cloud.read if key in sought else self._read_if_ours, r)
                for key, r in alone.items()
                if not isinstance(r, EventInvokeConfig)
            }
            repositories = pool.submit(self._repositories, functions, sought)
            telling = {b: pool.submit(self.configuration, b) for b in sorted(first)}
            there = {
                f.name
                for key, reader in reading.items()
                if key.kind == LambdaFunction.kind and (f := reader.result()) is not None
            }
            reading |= {
                r.key: pool.submit(self.cloud.read, r) for r in of_functions if r.name in there
            }
            allowing = [pool.submit(self._permissions, name) for name in there & {*functions}]
            found = {r.key: r for f in reading.values() if (r := f.result()) is not None}
            permissions = [p for f in allowing for p in f.result()]
            found |= repositories.result()
            further = self.buckets_of(found.values())
            further |= {p.source_arn.rpartition(":")[2] for p in permissions if p.source_arn}
            telling |= {b: pool.submit(self.configuration, b) for b in sorted(further - first)}
            told = {b: c for b, f in telling.items() if (c := f.result()) is not None}
            shared, definitions, counts = machines.result()
        found |= {p.key: p for p in permissions}
        rules = (r for b, c in told.items() for name in functions for r in self.rules(b, c, name))
        found |= {r.key: r for r in rules}
        found |= {key: r for key, r in shared.items() if key in sought}
        return Found(
            resources=found,
            machines=shared,
            definitions=definitions,
            told=told,
            counts=counts,
            asked=frozenset(sought),
        )

    def complete(self, found: Found, wanted: Iterable[Resource]) -> Found:
        """Add what is wanted and could not be asked for before, such as images."""
        sought = {r.key: r for r in wanted}
        further = [r for key, r in sought.items() if _alone(r) and key not in found.asked]
        machines = {key: r for key, r in found.machines.items() if key in sought}
        read = self.cloud.observe(further)
        return replace(found, resources={**found.resources, **machines, **read})

    def _of(self, function: str) -> list[Resource]:
        """List what one function may have alone, its repositories and images aside.

        The delegate has no jobs.
        """
        account = self.connection.account
        in_lambda = [
            LogGroup(name=names.lambda_log_group(function)),
            LambdaFunction(name=function),
            EventInvokeConfig(name=function),
            Role(name=names.role(function, account.region, "lambda")),
        ]
        if function == names.DELEGATE:
            return in_lambda
        return [
            *in_lambda,
            LogGroup(name=names.batch_log_group(function)),
            RunsElsewhere(name=function, bucket=names.state_bucket(account)),
            JobDefinition(name=function),
            *(Role(name=names.role(function, account.region, purpose)) for purpose in _FOR_JOBS),
        ]

    def _read_if_ours(self, resource: Resource) -> Resource | None:
        """Read what nobody asked for: somebody else's of the same name is none of our business."""
        try:
            found = self.cloud.read(resource)
        except NotOurs:
            return None
        if isinstance(found, LogGroup):
            handler = LogGroupHandler(self.connection.client("logs"))
            account = self.connection.account
            with translated(f"read the tags of {found.key}"):
                arn = account.arn("logs", f"log-group:{found.name}")
                return found if handler.is_ours(arn) else None
        return found

    def _repositories(
        self, functions: Sequence[str], sought: Mapping[Key, Resource]
    ) -> dict[Key, Resource]:
        """Find the functions' repositories under whatever prefix, but those that are sought."""
        ends = {names.repository(name).rpartition("/")[2] for name in functions}
        pages = self.connection.client("ecr").get_paginator("describe_repositories")
        with translated("list the container repositories"):
            listed = pages.paginate(PaginationConfig={"PageSize": 1000})
            found = [r.get("repositoryName", "") for page in listed for r in page["repositories"]]
        named = (Repository(name=name) for name in found if name.rpartition("/")[2] in ends)
        read = (self._read_if_ours(r) for r in named if r.key not in sought)
        return {
            r.key: r
            for r in read
            if isinstance(r, Repository) and dict(r.tags).get(names.FUNCTION_TAG) in functions
        }

    def _permissions(self, function: str) -> tuple[InvokePermission, ...]:
        with translated(f"find what invokes function {function}"):
            return PermissionHandler(self.connection.client("lambda")).of(function)

    def rules(
        self, bucket: str, configuration: Configuration, function: str
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

    def configuration(self, bucket: str) -> Configuration | None:
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

    def functions_of_roles(self) -> set[str]:
        """Name the functions whose roles are there, if their names were not too long for it."""
        tail = re.compile(rf"(.+)-{re.escape(self.connection.account.region)}-({'|'.join(_ROLES)})")
        with translated("list the roles"):
            pages = self.connection.client("iam").get_paginator("list_roles")
            found = [
                role["RoleName"]
                for page in pages.paginate(PathPrefix=names.ROLE_PATH)
                for role in page["Roles"]
            ]
        return {match[1] for name in found if (match := tail.fullmatch(name))}

    def _machines(
        self, wanted: Mapping[Key, Resource]
    ) -> tuple[dict[Key, Resource], tuple[JobDefinition, ...], dict[type[Resource], int]]:
        """Find the shared machines and what they stand on, who uses them, how many there are."""
        client = self.connection.client
        instances = names.instance_role(self.connection.account.region)
        own: tuple[Resource, ...] = (InstanceProfile(name=instances), Role(name=instances))
        standing = [r for r in own if r.key not in wanted]
        with ThreadPoolExecutor(5) as pool:
            lists = (
                pool.submit(lambda: shared_machines.environments(client("batch"))),
                pool.submit(lambda: shared_machines.queues(client("batch"))),
            )
            # What no machines use yet is only looked for where it may be made or go.
            seeking = not wanted or any(key.kind == LaunchTemplate.kind for key in wanted)
            unused = (
                pool.submit(lambda: shared_machines.templates(client("ec2"))) if seeking else None
            )
            found: list[Resource] = [r for some in lists for r in some.result()[0]]
            counts = [some.result()[1] for some in lists]
            under = [pool.submit(self._read_if_ours, r) for r in standing if found or seeking]
            templates = {t.key: t for r in found if (t := shared_machines.template_of(r))}
            templates |= {t.key: t for t in (unused.result() if unused else ())}
            sought = [t for key, t in templates.items() if key not in wanted]
            found += [t for t in pool.map(self.cloud.read, sought) if t is not None]
            definitions = self.definitions() if found else ()
            found += [r for f in under if (r := f.result()) is not None]
        kinds: tuple[type[Resource], ...] = (ComputeEnvironment, JobQueue)
        return {r.key: r for r in found}, definitions, dict(zip(kinds, counts, strict=True))


def _alone(resource: Resource) -> bool:
    """Say whether a resource is read by itself; others are found in lists."""
    return not isinstance(
        resource, BucketNotification | InvokePermission | ComputeEnvironment | JobQueue
    )
