"""Plan a deployment: compare desired with observed resources, and find what is unused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.aws.compile import batch, compiler, failure_handler
from scar.aws.deploy.queues_with_events import keep_queues_with_events
from scar.aws.deploy.quick_look import QuickLookReader
from scar.aws.handlers.batch.job_definitions import without_raw
from scar.aws.images.unused_images import UnusedImageFinder
from scar.aws.inventory.connected_functions import ConnectionReader
from scar.aws.inventory.deployed_resources import Inventory
from scar.aws.inventory.listings import list_repositories
from scar.aws.inventory.unused import find_unused_infrastructure
from scar.aws.model import names
from scar.aws.model.plan import Delete, Plan, plan
from scar.aws.model.resources import (
    BatchTargetRecord,
    BucketNotification,
    EcrRepository,
    EventInvokeConfig,
    EventSource,
    FunctionUrl,
    HttpApi,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    Role,
    SecretParameter,
    SourceQueue,
)
from scar.aws.validation import account_checks
from scar.aws.validation.deployment_checks import check_buckets, raise_if_any
from scar.aws.validation.loop_checks import check_deployed_loops, links_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from scar.aws.account.account_state import AccountState
    from scar.aws.client.connection import AwsConnection
    from scar.aws.deploy.quick_look import QuickLook
    from scar.aws.handlers.aws_resources import AwsResources
    from scar.aws.images.unused_images import ImagesByRepository
    from scar.aws.inventory.connected_functions import ConnectedFunctions
    from scar.aws.inventory.deployed_resources import InventorySnapshot
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource, ResourceKey

# What an earlier version of a function may have had and its new version has not: deleted.
# Other kinds stay although no longer desired: log groups with logs, repositories with images.
_REMOVABLE_KINDS = (
    BucketNotification,
    InvokePermission,
    HttpApi,
    FunctionUrl,
    EventSource,
    SourceQueue,
    JobDefinition,
    Role,
    BatchTargetRecord,
    SecretParameter,
)
# What disabled functions lose besides.
_COMPUTE_KINDS = (LambdaFunction, EventInvokeConfig)


@dataclass(frozen=True, slots=True)
class ObservedState:
    """What was read from the account: resources, and images by repository.

    ``connected`` are the functions that start each other with those of the deployment.
    """

    snapshot: InventorySnapshot
    images: ImagesByRepository
    connected: ConnectedFunctions


@dataclass(frozen=True, slots=True)
class DeploymentPlanner:
    """Reads what exists for the functions, and plans the changes to the desired resources.

    Of the ``disabled`` functions, by name, what starts and runs them is deleted, images included.
    """

    functions: Sequence[Function]
    connection: AwsConnection
    aws: AwsResources
    disabled: Sequence[str] = ()

    def look_quickly(self) -> QuickLook:
        """Read what few requests show of a deployment that was applied completely."""
        return QuickLookReader(
            self.connection, self.aws, self.function_names, self._named_resources()
        ).read()

    def observe(self) -> ObservedState:
        """Read all resources whose names are known before the images and networks are."""
        named = self._named_resources()
        wanted = {r.name for r in named if isinstance(r, EcrRepository)}
        with ThreadPoolExecutor(2) as pool:
            repositories = pool.submit(list_repositories, self.connection)

            def list_images() -> ImagesByRepository:
                existing = wanted & repositories.result().keys()
                return UnusedImageFinder(self.connection).images_by_repository(existing)

            images = pool.submit(list_images)
            snapshot = self._inventory.take_snapshot(
                self.function_names, named, repositories=repositories
            )
            # On the way of the outputs, from the buckets that were read already.
            known = {**dict.fromkeys(snapshot.missing_buckets), **snapshot.notifications}
            reader = ConnectionReader(self.connection, known)
            connected = reader.read([links_of(function) for function in self.functions])
            return ObservedState(snapshot, images.result(), connected)

    def _named_resources(self) -> tuple[Resource, ...]:
        return compiler.compile_named_resources(self.functions, self.connection.account)

    def plan_changes(
        self, desired: Sequence[Resource], account_state: AccountState, observed: ObservedState
    ) -> Plan:
        """Return the plan: changes to the desired resources, and deletions of unused ones.

        Raise NotDeployableError if notifications overlap with another tool's, functions start each
        other in a loop with deployed ones, or a quota is exceeded.
        """
        # Some keys were unknown to `observe`: an image is named by its digest, a compute
        # environment by the hash of its content, which includes the network.
        snapshot = self._inventory.add_missing(observed.snapshot, desired)
        desired = failure_handler.keep_existing_handler(desired, snapshot.resources)
        desired, kept_queues = keep_queues_with_events(desired, snapshot.resources)
        raise_if_any(
            (
                *self._overlapping_notifications(desired, snapshot),
                *check_deployed_loops(observed.connected.functions, observed.connected.deployed),
            )
        )
        definitions = [r for r in desired if isinstance(r, JobDefinition)]
        desired_keys = {r.key for r in desired}
        # `plan` deletes all that is observed and not desired. So each merge below adds only
        # what may be deleted: the functions' own resources, then shared ones without a user.
        current = {
            key: r
            for key, r in snapshot.resources.items()
            if key in desired_keys or isinstance(r, _REMOVABLE_KINDS) or self._is_disabled(r)
        }
        # The definitions of these functions are about to be replaced: what counts as a use of a
        # queue is the desired definitions, and those of all other functions.
        current |= find_unused_infrastructure(
            self._inventory, snapshot, keep=definitions, changing=self.function_names
        )
        current |= self._unused_images(desired, snapshot, observed.images)
        region = self.connection.account.region
        for wanted in definitions:
            if isinstance(found := current.get(wanted.key), JobDefinition):
                current[wanted.key] = without_raw(found, wanted, region)
        changes = plan(desired, current)
        # New environments and queues are created before old ones are deleted, so for a moment
        # both count towards the quota.
        raise_if_any(account_checks.check_batch_quotas(changes, snapshot.batch_counts))
        notes = (
            *kept_queues,
            *_shared_queue_notes(definitions, snapshot, self.function_names),
            *_network_notes(account_state),
            *failure_handler.unhandled_function_notes(self.functions),
            *failure_handler.boundary_notes(self.functions),
            *batch.raw_property_notes(self.functions),
            *observed.connected.notes,
        )
        return replace(changes, notes=notes) if changes else changes

    def leaves_remainder(
        self, desired: Sequence[Resource], observed: ObservedState, changes: Plan
    ) -> bool:
        """Return whether a later deployment has to delete something: queues that are in use.

        They are queues with events of functions, and job queues with jobs.
        """
        keys, snapshot = {r.key for r in desired}, observed.snapshot
        if any(isinstance(r, SourceQueue) and k not in keys for k, r in snapshot.resources.items()):
            return True
        definitions = [r for r in desired if isinstance(r, JobDefinition)]
        definitions += [d for d in snapshot.job_definitions if d.name not in self.function_names]
        used = {queue for definition in definitions for queue in definition.queues}
        deleted = {c.resource.key for c in changes.changes if isinstance(c, Delete)}
        return any(
            isinstance(r, JobQueue) and r.name not in used and key not in deleted
            for key, r in snapshot.batch_infrastructure.items()
        )

    @property
    def function_names(self) -> list[str]:
        return [*(function.name for function in self.functions), *self.disabled]

    def _is_disabled(self, resource: Resource) -> bool:
        return isinstance(resource, _COMPUTE_KINDS) and resource.name in self.disabled

    @property
    def _inventory(self) -> Inventory:
        return Inventory(self.connection, self.aws)

    def _overlapping_notifications(
        self, desired: Iterable[Resource], snapshot: InventorySnapshot
    ) -> Iterator[str]:
        rules = [r for r in desired if isinstance(r, BucketNotification)]
        configurations = {
            bucket: {**configuration} for bucket, configuration in snapshot.notifications.items()
        }
        return check_buckets(rules, configurations, self.function_names)

    def _unused_images(
        self, desired: Sequence[Resource], snapshot: InventorySnapshot, images: ImagesByRepository
    ) -> dict[ResourceKey, Resource]:
        """Find the images, and the repositories left empty, that the new version does not use."""
        finder, desired_keys = UnusedImageFinder(self.connection), {r.key for r in desired}
        # Repositories of these functions under an earlier `ecr.prefix`.
        superseded = [
            r.name
            for key, r in snapshot.resources.items()
            if isinstance(r, EcrRepository) and key not in desired_keys and not r.is_kept
        ]
        kept = {k: r for k, r in snapshot.resources.items() if r.name not in self.disabled}
        unchanged = _functions_not_in_plan(kept, desired_keys)
        return finder.find_unused(
            {**images, **finder.images_by_repository(superseded)},
            superseded=superseded,
            wanted=_image_references([*desired, *unchanged]),
            # Those of disabled functions too, unless the repository is kept: it is not listed.
            replaced=_image_references(
                r
                for key, r in snapshot.resources.items()
                if key in desired_keys or r.name in self.disabled
            ),
            changing=[*(r.name for r in desired if isinstance(r, LambdaFunction)), *self.disabled],
        )


def _shared_queue_notes(
    definitions: Sequence[JobDefinition], snapshot: InventorySnapshot, functions: Sequence[str]
) -> Iterator[str]:
    """Name the functions that share a job queue with these."""
    others = [d for d in snapshot.job_definitions if d.name not in functions]
    for queue in sorted({d.queue for d in definitions}):
        users = sorted(d.name for d in (*definitions, *others) if d.queue == queue)
        if len(users) > 1:
            yield f"job queue {queue} and its compute environment are shared by {', '.join(users)}"


def _network_notes(account_state: AccountState) -> Iterator[str]:
    for network in sorted({str(n) for n in account_state.job_networks.values()}):
        yield f"jobs run in {network}"


def _image_references(resources: Iterable[Resource]) -> set[str]:
    """Return the images of functions and job definitions, as ``repository@digest``."""
    users = (r for r in resources if isinstance(r, LambdaFunction | JobDefinition))
    return {names.repository_and_digest(r.image) for r in users}


def _functions_not_in_plan(
    observed: Mapping[ResourceKey, Resource], desired: Collection[ResourceKey]
) -> list[Resource]:
    """Return observed functions that stay unchanged: a failure handler of another architecture."""
    return [r for k, r in observed.items() if isinstance(r, LambdaFunction) and k not in desired]
