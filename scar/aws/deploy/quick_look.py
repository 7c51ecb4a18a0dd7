"""Compare a deployment that was applied completely with what a few requests show of it.

One request per function and per bucket with events, and one list each of the roles, repositories,
job definitions, compute environments and job queues. Compared are the functions' code,
configuration and tags, what starts them (notifications, queues, HTTP endpoints), compute
environments and job queues; of roles, repositories, job definitions and buckets, whether they
exist. Every other manual change is found by reading all resources.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client.connection import PARALLEL
from scar.aws.client.errors import SDK_ERRORS
from scar.aws.handlers.functions import FunctionHandler
from scar.aws.inventory import batch_infrastructure
from scar.aws.inventory.batch_infrastructure import with_compared_tags
from scar.aws.inventory.deployed_resources import Inventory
from scar.aws.inventory.functions import list_role_names
from scar.aws.model import names
from scar.aws.model.resources import (
    Bucket,
    BucketNotification,
    ComputeEnvironment,
    EcrRepository,
    EventSource,
    FunctionUrl,
    HttpApi,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    ResourceKey,
    Role,
    SourceQueue,
)
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scar.aws.account.account_state import AccountState
    from scar.aws.client.connection import AwsConnection
    from scar.aws.handlers.aws_resources import AwsResources
    from scar.aws.model.resources import Resource

# What starts functions besides notifications: few functions have these.
_READ_BY_NAME = (EventSource, FunctionUrl, HttpApi, SourceQueue)
_COMPARED = (LambdaFunction, BucketNotification, ComputeEnvironment, JobQueue, *_READ_BY_NAME)
_MOST_REPOSITORIES = 100  # of one DescribeRepositories (model: repositoryNames)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickLook:
    """What was read; ``failed`` if something could not be read, and all must be read.

    ``compared`` are resources as they are, ``listed`` the keys of those that exist.
    """

    compared: Mapping[ResourceKey, Resource] = field(default_factory=dict)
    listed: frozenset[ResourceKey] = frozenset()
    failed: bool = False

    def confirms(self, desired: Iterable[Resource], account_state: AccountState) -> bool:
        """Return whether all that was read is as desired, and nothing of it is superfluous."""
        by_key = {r.key: r for r in desired}
        rules = {k for k, r in self.compared.items() if isinstance(r, BucketNotification)}
        if self.failed or not rules <= by_key.keys():
            return False
        return all(self._is_as_desired(r, account_state) for r in by_key.values())

    def _is_as_desired(self, desired: Resource, account_state: AccountState) -> bool:
        match desired:
            case Bucket(name=name):
                state = account_state.buckets.get(name)
                return state is not None and state.exists
            case Role() | EcrRepository() | JobDefinition():
                return desired.key in self.listed
            case _ if isinstance(desired, _COMPARED):
                found = self.compared.get(desired.key)
                return found is not None and _is_equal(found, desired)
            case _:
                return True


def _is_equal(found: Resource, desired: Resource) -> bool:
    # Functions of both architectures share the failure handler: its own one stays.
    if (
        isinstance(found, LambdaFunction)
        and isinstance(desired, LambdaFunction)
        and desired.name == names.FAILURE_HANDLER
        and found.architecture != desired.architecture
    ):
        return True
    return not desired.differing_fields(with_compared_tags(found, desired))


@dataclass(frozen=True, slots=True)
class QuickLookReader:
    """Reads what ``QuickLook`` compares, in parallel; any error makes it fail, none is raised.

    ``wanted`` are the resources whose names are known before images and networks are.
    """

    connection: AwsConnection
    aws: AwsResources
    functions: Sequence[str]
    wanted: Sequence[Resource]

    def read(self) -> QuickLook:
        wanted_functions = [r for r in self.wanted if isinstance(r, LambdaFunction)]
        buckets = sorted({r.bucket for r in self.wanted if isinstance(r, BucketNotification)})
        try:
            with ThreadPoolExecutor(PARALLEL) as pool:
                lists = [
                    pool.submit(read)
                    for read in (
                        self._list_roles,
                        self._list_repositories,
                        self._list_job_definitions,
                    )
                ]
                shared = pool.submit(self._list_batch_resources)
                functions = pool.map(self._read_function, wanted_functions)
                others = pool.map(
                    self.aws.read, [r for r in self.wanted if isinstance(r, _READ_BY_NAME)]
                )
                rules = pool.map(self._list_rules, buckets)
                compared: list[Resource] = [r for r in (*functions, *others) if r is not None]
                compared += [r for some in rules for r in some] + shared.result()
                listed = frozenset(key for future in lists for key in future.result())
        except (*SDK_ERRORS, ScarError):
            return QuickLook(failed=True)
        return QuickLook(compared={r.key: r for r in compared}, listed=listed)

    def _read_function(self, wanted: LambdaFunction) -> LambdaFunction | None:
        return FunctionHandler(self.connection.client("lambda")).read_configuration(wanted)

    def _list_rules(self, bucket: str) -> list[BucketNotification]:
        inventory = Inventory(self.connection, self.aws)
        configuration = inventory.read_notifications(bucket)
        if configuration is None:
            return []
        return [
            rule
            for name in self.functions
            for rule in inventory.list_rules(bucket, configuration, name)
        ]

    def _list_roles(self) -> list[ResourceKey]:
        if not any(isinstance(r, Role) for r in self.wanted):
            return []
        return [ResourceKey(Role.kind, name) for name in list_role_names(self.connection)]

    def _list_repositories(self) -> list[ResourceKey]:
        wanted = sorted(r.name for r in self.wanted if isinstance(r, EcrRepository))
        ecr = self.connection.client("ecr")
        # One that does not exist is an error for all.
        return [
            ResourceKey(EcrRepository.kind, found.get("repositoryName", ""))
            for start in range(0, len(wanted), _MOST_REPOSITORIES)
            for found in ecr.describe_repositories(
                repositoryNames=wanted[start : start + _MOST_REPOSITORIES]
            )["repositories"]
        ]

    @property
    def _uses_batch(self) -> bool:
        return any(isinstance(r, JobDefinition) for r in self.wanted)

    def _list_job_definitions(self) -> list[ResourceKey]:
        if not self._uses_batch:
            return []
        return [r.key for r in batch_infrastructure.list_job_definitions(self.connection)]

    def _list_batch_resources(self) -> list[Resource]:
        if not self._uses_batch:
            return []
        batch = self.connection.client("batch")
        with ThreadPoolExecutor(1) as pool:
            environments = pool.submit(batch_infrastructure.list_environments, batch)
            queues, _ = batch_infrastructure.list_queues(batch)
            return [*environments.result()[0], *queues]
