"""Bring functions into being, change them, take them away. The way in for the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.aws.account.account_state import has_network, inspect_account
from scar.aws.compile import compiler
from scar.aws.compile import failure_handler as delegate
from scar.aws.deploy.apply import apply
from scar.aws.deploy.lock import DeployLock, read_lock
from scar.aws.deploy.remove import Removal
from scar.aws.handlers.aws_resources import AwsResources
from scar.aws.handlers.image_store import NO_IMAGES
from scar.aws.images.unused_images import UnusedImageFinder
from scar.aws.inventory.deployed_resources import Inventory
from scar.aws.inventory.functions import list_tagged_functions
from scar.aws.inventory.unused import find_unused_infrastructure
from scar.aws.model import names
from scar.aws.model.plan import Plan, Update, plan
from scar.aws.model.resources import (
    BatchTargetRecord,
    BucketNotification,
    EcrImage,
    EcrRepository,
    InvokePermission,
    JobDefinition,
    LambdaFunction,
    Role,
    StateBucket,
    SupersededRepository,
    UnusedImage,
)
from scar.aws.validation import account_checks as surroundings
from scar.aws.validation import deployment_checks as preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from scar.aws.account.account_state import AccountState
    from scar.aws.client.connection import AwsConnection, ServiceName
    from scar.aws.deploy.lock import LockState
    from scar.aws.handlers.image_store import ImageBuilder
    from scar.aws.images.unused_images import ImagesByRepository
    from scar.aws.inventory.deployed_resources import InventorySnapshot
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource, ResourceKey
    from supervisor.model import FunctionConfig, ImageDefaults

# What cannot be brought back, and goes when all else is done.
_DELETED_LAST = (UnusedImage, SupersededRepository)
_REMOVABLE_KINDS = (BucketNotification, InvokePermission, JobDefinition, Role, BatchTargetRecord)


@dataclass(frozen=True, slots=True)
class _ObservedState:
    """What was read: the lock before all else, resources, and by repository its images."""

    lock: LockState
    snapshot: InventorySnapshot
    images: ImagesByRepository


@dataclass(frozen=True, slots=True)
class Deployment:
    """Makes functions be as they are described."""

    functions: Sequence[Function]
    connection: AwsConnection
    images: ImageBuilder
    report: Callable[[str], None]

    def run(self, *, dry_run: bool = False) -> Plan:
        """Plan, and carry the plan out; return what was changed (or would be).

        Nothing is locked for looking. The lock is seen before anything else is read: if it is
        still the same when it is taken, the plan holds. Else the lock was waited for, perhaps for
        long: everything is read, checked and planned again, the account's own state too.
        """
        preflight.raise_if_any(preflight.check_functions(self.functions))
        # Networks take two questions, one after the other.
        soon: tuple[ServiceName, ...] = ("ec2",) if any(map(has_network, self.functions)) else ()
        cloud = AwsResources.connect(self.connection, self.images, self.report, early_services=soon)
        todo, seen = self._examine(cloud)
        if dry_run or not todo:
            return todo
        if not _needs_lock(todo):
            self._apply_plan(todo, cloud)
            return todo
        if not seen.bucket_exists:
            self._make_state_bucket(cloud, todo)
        s3, bucket = self.connection.client("s3"), names.state_bucket_name(self.connection.account)
        lock = DeployLock(
            s3=s3,
            bucket=bucket,
            report=self.report,
            unfinished=self._unfinished_functions(),
            known_state=seen,
        )
        with lock:
            if not lock.is_unchanged:
                todo, _ = self._examine(cloud)
            lock.require_held()
            self._apply_plan(todo, cloud)
            lock.mark_finished(f.name for f in self.functions)
        return todo

    def _examine(self, cloud: AwsResources) -> tuple[Plan, LockState]:
        """Read and check all that the plan depends on; return it, and the lock before that."""
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(self._read_observed, cloud)
            wanted, site = self._compile_desired()
            there = looking.result()
        preflight.raise_if_any(preflight.check_resources(wanted, self.connection.account.region))
        return self._plan_changes(cloud, wanted, site, there), there.lock

    def _apply_plan(self, todo: Plan, cloud: AwsResources) -> None:
        """Carry out the plan; old images go when nothing can be undone any more."""
        gone = tuple(c for c in todo.changes if isinstance(c.resource, _DELETED_LAST))
        rest = tuple(c for c in todo.changes if c not in gone)
        apply(replace(todo, changes=rest), cloud, self.report, cancel_token=cloud.cancel_token)
        apply(
            replace(todo, changes=gone),
            cloud,
            self.report,
            undo=False,
            cancel_token=cloud.cancel_token,
        )

    def _make_state_bucket(self, cloud: AwsResources, todo: Plan) -> None:
        """Make what holds the lock before anything else; its settings come with all the rest."""
        for change in todo.changes:
            if isinstance(change.resource, StateBucket):
                cloud.create(StateBucket.without_settings(change.resource.name))

    def _unfinished_functions(self) -> dict[str, tuple[str, ...]]:
        """Say what is lost sight of if this process dies before the function exists."""
        return {f.name: f.buckets for f in self.functions}

    def _compile_desired(self) -> tuple[tuple[Resource, ...], AccountState]:
        """Compose and compile; what the account is like is seen meanwhile."""
        account, digests = self.connection.account, {}
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(inspect_account, self.connection, self.functions)
            for function in self.functions:
                self.report(f"Composing the image of {function.name}…")
                digests[function.name] = self.images.compose(
                    function, self._config_builder(function, looking)
                )
            if (taker := delegate.handler_function(self.functions)) is not None:
                digests[taker.name] = self.images.compose(
                    taker, lambda image: delegate.handler_config(account, image)
                )
            site = looking.result()
        preflight.raise_if_any(surroundings.find_errors(self.functions, site))
        for warning in surroundings.find_warnings(self.functions, site):
            self.report(f"Warning: {warning}")
        return compiler.compile_resources(
            self.functions,
            account,
            images=digests,
            networks=site.job_networks,
            kms_keys=site.kms_keys,
        ), site

    def _config_builder(
        self, function: Function, looking: Future[AccountState]
    ) -> Callable[[ImageDefaults], FunctionConfig]:
        """Say what is in the image; with Batch it names a queue, and that needs the network."""
        account = self.connection.account

        def build_config(image: ImageDefaults) -> FunctionConfig:
            where = looking.result().job_networks[function.name] if function.batch else None
            return compiler.function_config(function, account, image, where)

        return build_config

    def _read_observed(self, cloud: AwsResources) -> _ObservedState:
        """Read all that can be named before it is known what the images and networks are."""
        account = self.connection.account
        lock = read_lock(self.connection.client("s3"), names.state_bucket_name(account))
        sketch = compiler.compile_named_resources(self.functions, account)
        repositories = [r.name for r in sketch if isinstance(r, EcrRepository)]
        with ThreadPoolExecutor(1) as pool:
            listing = pool.submit(
                UnusedImageFinder(self.connection).images_by_repository, repositories
            )
            found = Inventory(self.connection, cloud).take_snapshot(self._function_names, sketch)
            return _ObservedState(lock, found, listing.result())

    @property
    def _function_names(self) -> list[str]:
        return [function.name for function in self.functions]

    def _plan_changes(
        self,
        cloud: AwsResources,
        wanted: Sequence[Resource],
        account_state: AccountState,
        observed_state: _ObservedState,
    ) -> Plan:
        """Compare; what a former version of these functions had and nobody uses now, goes."""
        inventory = Inventory(self.connection, cloud)
        ours, old, images = (
            self._function_names,
            UnusedImageFinder(self.connection),
            observed_state.images,
        )
        found = inventory.add_missing(observed_state.snapshot, wanted)
        wanted = delegate.keep_existing_handler(wanted, found.resources)
        rules = [r for r in wanted if isinstance(r, BucketNotification)]
        told = {bucket: {**configuration} for bucket, configuration in found.notifications.items()}
        preflight.raise_if_any(preflight.check_buckets(rules, told, ours))
        keys = {r.key for r in wanted}
        observed = {
            k: r for k, r in found.resources.items() if k in keys or isinstance(r, _REMOVABLE_KINDS)
        }
        keep = [r for r in wanted if isinstance(r, JobDefinition)]
        observed |= find_unused_infrastructure(inventory, found, keep=keep, changing=ours)
        superseded = [
            r.name
            for k, r in found.resources.items()
            if isinstance(r, EcrRepository) and k not in keys and not r.is_kept
        ]
        observed |= old.find_unused(
            {**images, **old.images_by_repository(superseded)},
            superseded=superseded,
            wanted=_image_references([*wanted, *_unchanged_functions(found.resources, keys)]),
            replaced=_image_references(r for k, r in found.resources.items() if k in keys),
            changing=[r.name for r in wanted if isinstance(r, LambdaFunction)],
        )
        todo = plan(wanted, observed)
        preflight.raise_if_any(surroundings.check_batch_quotas(todo, found.batch_counts))
        notes = (
            *_shared_queue_notes(keep, found, ours),
            *_network_notes(account_state),
            *delegate.unhandled_function_notes(self.functions),
            *delegate.boundary_notes(self.functions),
        )
        return replace(todo, notes=notes) if todo else todo


def _needs_lock(todo: Plan) -> bool:
    """Say whether others must not deploy meanwhile: not for changes of a function's own things."""
    return any(
        not isinstance(c, Update) or c.desired.shared or isinstance(c.desired, BucketNotification)
        for c in todo.changes
        if not isinstance(c.resource, (EcrImage, *_DELETED_LAST))
    )


def _shared_queue_notes(
    keep: Sequence[JobDefinition], found: InventorySnapshot, ours: Sequence[str]
) -> Iterator[str]:
    """Say which functions share the machines that these use."""
    others = [d for d in found.job_definitions if d.name not in ours]
    for queue in sorted({d.queue for d in keep}):
        users = sorted(d.name for d in (*keep, *others) if d.queue == queue)
        if len(users) > 1:
            yield f"job queue {queue} and its machines are shared by {', '.join(users)}"


def _network_notes(account_state: AccountState) -> Iterator[str]:
    """Say where jobs run."""
    for network in sorted({str(n) for n in account_state.job_networks.values()}):
        yield f"jobs run in {network}"


def _image_references(resources: Iterable[Resource]) -> set[str]:
    """Name the images that functions and their jobs use."""
    users = (r for r in resources if isinstance(r, LambdaFunction | JobDefinition))
    return {names.repository_and_digest(r.image) for r in users}


def _unchanged_functions(
    observed: Mapping[ResourceKey, Resource], wanted: Collection[ResourceKey]
) -> list[Resource]:
    """Return the functions that stay as they are, such as a delegate of another architecture."""
    return [r for k, r in observed.items() if isinstance(r, LambdaFunction) and k not in wanted]


def init(
    functions: Sequence[Function],
    connection: AwsConnection,
    report: Callable[[str], None],
    *,
    images: ImageBuilder,
    dry_run: bool = False,
) -> Plan:
    """Create or change the functions; return what was done, or with ``dry_run`` would be.

    ``report`` gets lines for people. A step that fails is undone with all others of this
    call, and its ScarError raised.
    """
    return Deployment(functions, connection, images, report).run(dry_run=dry_run)


def remove(
    functions: Sequence[str],
    connection: AwsConnection,
    report: Callable[[str], None],
    *,
    buckets: frozenset[str] = frozenset(),
    force: bool = False,
    dry_run: bool = False,
) -> Plan:
    """Remove functions by name and all that is theirs; return what was (or would be) deleted.

    ``buckets`` are those an FDL file mentions, in case the function that tells them is gone.
    Buckets with data, other tools' notifications and machines in use stay. Raises Refused
    while jobs of these functions have not ended, unless ``force`` ends them.
    """
    return Removal(functions, connection, report, buckets, force).run(dry_run=dry_run)


def list_function_names(connection: AwsConnection) -> tuple[str, ...]:
    """Name all functions of which anything is left in the account, for ``rm --all``.

    Found by tags, by their roles' path, and by what the deployment lock remembers.
    """
    inventory = Inventory(connection, AwsResources.connect(connection, NO_IMAGES))
    state = names.state_bucket_name(connection.account)
    with ThreadPoolExecutor(4) as pool:
        tagged = pool.submit(list_tagged_functions, connection)
        defined = pool.submit(inventory.list_job_definitions)
        roles = pool.submit(inventory.functions_with_roles)
        seen = pool.submit(read_lock, connection.client("s3"), state)
        found = {f["FunctionName"] for f, _ in tagged.result()}
        found |= {d.name for d in defined.result()}
        found |= roles.result() | seen.result().unfinished.keys()
    # The delegate goes with the last function, or alone if that was cut short.
    return tuple(sorted(found - {names.FAILURE_HANDLER} or found))
