"""Bring functions into being, change them, take them away. The way in for the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.aws import compile as compiler
from scar.aws import delegate, names, preflight, surroundings
from scar.aws.apply import apply
from scar.aws.cloud import Cloud
from scar.aws.inventory import Inventory
from scar.aws.listing import tagged_functions
from scar.aws.lock import DeployLock, look
from scar.aws.old_images import OldImages
from scar.aws.plan import Plan, Update, plan
from scar.aws.remove import NO_IMAGES, Removal
from scar.aws.resources import (
    BucketNotification,
    Image,
    InvokePermission,
    JobDefinition,
    LambdaFunction,
    OldImage,
    OldRepository,
    Repository,
    Role,
    RunsElsewhere,
    StateBucket,
)
from scar.aws.retire import unused_machines
from scar.aws.site import has_network, look_around

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from scar.aws.connection import Connection, Service
    from scar.aws.function import Function
    from scar.aws.images import Images
    from scar.aws.inventory import Found
    from scar.aws.lock import Seen
    from scar.aws.old_images import Listed
    from scar.aws.resources import Key, Resource
    from scar.aws.site import Site
    from supervisor.model import FunctionConfig, ImageDefaults

# What cannot be brought back, and goes when all else is done.
_LAST = (OldImage, OldRepository)
_RETIRED = (BucketNotification, InvokePermission, JobDefinition, Role, RunsElsewhere)


@dataclass(frozen=True, slots=True)
class _There:
    """What was read: the lock before all else, resources, and by repository its images."""

    lock: Seen
    found: Found
    images: Listed


@dataclass(frozen=True, slots=True)
class Deployment:
    """Makes functions be as they are described."""

    functions: Sequence[Function]
    connection: Connection
    images: Images
    report: Callable[[str], None]

    def run(self, *, dry_run: bool = False) -> Plan:
        """Plan, and carry the plan out; return what was changed (or would be).

        Nothing is locked for looking. The lock is seen before anything else is read: if it is
        still the same when it is taken, the plan holds. Else the lock was waited for, perhaps for
        long: everything is read, checked and planned again, the account's own state too.
        """
        preflight.require(preflight.of_functions(self.functions))
        # Networks take two questions, one after the other.
        soon: tuple[Service, ...] = ("ec2",) if any(map(has_network, self.functions)) else ()
        cloud = Cloud.of(self.connection, self.images, self.report, soon=soon)
        todo, seen = self._examine(cloud)
        if dry_run or not todo:
            return todo
        if not _needs_lock(todo):
            self._apply(todo, cloud)
            return todo
        if not seen.bucket_exists:
            self._make_state_bucket(cloud, todo)
        s3, bucket = self.connection.client("s3"), names.state_bucket(self.connection.account)
        lock = DeployLock(s3=s3, bucket=bucket, report=self.report, begun=self._begun(), seen=seen)
        with lock:
            if not lock.is_unchanged:
                todo, _ = self._examine(cloud)
            lock.check()
            self._apply(todo, cloud)
            lock.finished(f.name for f in self.functions)
        return todo

    def _examine(self, cloud: Cloud) -> tuple[Plan, Seen]:
        """Read and check all that the plan depends on; return it, and the lock before that."""
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(self._look, cloud)
            wanted, site = self._wanted()
            there = looking.result()
        preflight.require(preflight.of_resources(wanted, self.connection.account.region))
        return self._plan(cloud, wanted, site, there), there.lock

    def _apply(self, todo: Plan, cloud: Cloud) -> None:
        """Carry out the plan; old images go when nothing can be undone any more."""
        gone = tuple(c for c in todo.changes if isinstance(c.resource, _LAST))
        rest = tuple(c for c in todo.changes if c not in gone)
        apply(replace(todo, changes=rest), cloud, self.report, stop=cloud.stop)
        apply(replace(todo, changes=gone), cloud, self.report, undo=False, stop=cloud.stop)

    def _make_state_bucket(self, cloud: Cloud, todo: Plan) -> None:
        """Make what holds the lock before anything else; its settings come with all the rest."""
        for change in todo.changes:
            if isinstance(change.resource, StateBucket):
                cloud.create(StateBucket.bare(change.resource.name))

    def _begun(self) -> dict[str, tuple[str, ...]]:
        """Say what is lost sight of if this process dies before the function exists."""
        return {f.name: f.buckets for f in self.functions}

    def _wanted(self) -> tuple[tuple[Resource, ...], Site]:
        """Compose and compile; what the account is like is seen meanwhile."""
        account, digests = self.connection.account, {}
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(look_around, self.connection, self.functions)
            for function in self.functions:
                self.report(f"Composing the image of {function.name}…")
                digests[function.name] = self.images.compose(
                    function, self._configure(function, looking)
                )
            if (taker := delegate.described(self.functions)) is not None:
                digests[taker.name] = self.images.compose(
                    taker, lambda image: delegate.configure(account, image)
                )
            site = looking.result()
        preflight.require(surroundings.faults(self.functions, site))
        for warning in surroundings.warnings(self.functions, site):
            self.report(f"Warning: {warning}")
        return compiler.desired(
            self.functions, account, images=digests, networks=site.jobs, kms_keys=site.kms_keys
        ), site

    def _configure(
        self, function: Function, looking: Future[Site]
    ) -> Callable[[ImageDefaults], FunctionConfig]:
        """Say what is in the image; with Batch it names a queue, and that needs the network."""
        account = self.connection.account

        def configure(image: ImageDefaults) -> FunctionConfig:
            where = looking.result().jobs[function.name] if function.batch else None
            return compiler.function_config(function, account, image, where)

        return configure

    def _look(self, cloud: Cloud) -> _There:
        """Read all that can be named before it is known what the images and networks are."""
        account = self.connection.account
        lock = look(self.connection.client("s3"), names.state_bucket(account))
        sketch = compiler.sketch(self.functions, account)
        repositories = [r.name for r in sketch if isinstance(r, Repository)]
        with ThreadPoolExecutor(1) as pool:
            listing = pool.submit(OldImages(self.connection).listed, repositories)
            found = Inventory(self.connection, cloud).look(self._names, sketch)
            return _There(lock, found, listing.result())

    @property
    def _names(self) -> list[str]:
        return [function.name for function in self.functions]

    def _plan(self, cloud: Cloud, wanted: Sequence[Resource], site: Site, there: _There) -> Plan:
        """Compare; what a former version of these functions had and nobody uses now, goes."""
        inventory = Inventory(self.connection, cloud)
        ours, old, images = self._names, OldImages(self.connection), there.images
        found = inventory.complete(there.found, wanted)
        wanted = delegate.kept(wanted, found.resources)
        rules = [r for r in wanted if isinstance(r, BucketNotification)]
        told = {bucket: {**configuration} for bucket, configuration in found.told.items()}
        preflight.require(preflight.of_buckets(rules, told, ours))
        keys = {r.key for r in wanted}
        observed = {
            k: r for k, r in found.resources.items() if k in keys or isinstance(r, _RETIRED)
        }
        keep = [r for r in wanted if isinstance(r, JobDefinition)]
        observed |= unused_machines(inventory, found, keep=keep, changing=ours)
        superseded = [
            r.name
            for k, r in found.resources.items()
            if isinstance(r, Repository) and k not in keys and not r.is_kept
        ]
        observed |= old.unused(
            {**images, **old.listed(superseded)},
            superseded=superseded,
            wanted=_images([*wanted, *_untouched(found.resources, keys)]),
            replaced=_images(r for k, r in found.resources.items() if k in keys),
            changing=[r.name for r in wanted if isinstance(r, LambdaFunction)],
        )
        todo = plan(wanted, observed)
        preflight.require(surroundings.of_counts(todo, found.counts))
        notes = (
            *_sharing(keep, found, ours),
            *_standing(site),
            *delegate.unserved(self.functions),
            *delegate.bounded(self.functions),
        )
        return replace(todo, notes=notes) if todo else todo


def _needs_lock(todo: Plan) -> bool:
    """Say whether others must not deploy meanwhile: not for changes of a function's own things."""
    return any(
        not isinstance(c, Update) or c.desired.shared or isinstance(c.desired, BucketNotification)
        for c in todo.changes
        if not isinstance(c.resource, (Image, *_LAST))
    )


def _sharing(keep: Sequence[JobDefinition], found: Found, ours: Sequence[str]) -> Iterator[str]:
    """Say which functions share the machines that these use."""
    others = [d for d in found.definitions if d.name not in ours]
    for queue in sorted({d.queue for d in keep}):
        users = sorted(d.name for d in (*keep, *others) if d.queue == queue)
        if len(users) > 1:
            yield f"job queue {queue} and its machines are shared by {', '.join(users)}"


def _standing(site: Site) -> Iterator[str]:
    """Say where jobs run."""
    for network in sorted({str(n) for n in site.jobs.values()}):
        yield f"jobs run in {network}"


def _images(resources: Iterable[Resource]) -> set[str]:
    """Name the images that functions and their jobs use."""
    users = (r for r in resources if isinstance(r, LambdaFunction | JobDefinition))
    return {names.image(r.image) for r in users}


def _untouched(observed: Mapping[Key, Resource], wanted: Collection[Key]) -> list[Resource]:
    """Return the functions that stay as they are, such as a delegate of another architecture."""
    return [r for k, r in observed.items() if isinstance(r, LambdaFunction) and k not in wanted]


def init(
    functions: Sequence[Function],
    connection: Connection,
    report: Callable[[str], None],
    *,
    images: Images,
    dry_run: bool = False,
) -> Plan:
    """Create or change the functions; return what was done, or with ``dry_run`` would be.

    ``report`` gets lines for people. A step that fails is undone with all others of this
    call, and its ScarError raised.
    """
    return Deployment(functions, connection, images, report).run(dry_run=dry_run)


def remove(
    functions: Sequence[str],
    connection: Connection,
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


def every_function(connection: Connection) -> tuple[str, ...]:
    """Name all functions of which anything is left in the account, for ``rm --all``.

    Found by tags, by their roles' path, and by what the deployment lock remembers.
    """
    inventory = Inventory(connection, Cloud.of(connection, NO_IMAGES))
    state = names.state_bucket(connection.account)
    with ThreadPoolExecutor(4) as pool:
        tagged = pool.submit(tagged_functions, connection)
        defined = pool.submit(inventory.definitions)
        roles = pool.submit(inventory.functions_of_roles)
        seen = pool.submit(look, connection.client("s3"), state)
        found = {f["FunctionName"] for f, _ in tagged.result()}
        found |= {d.name for d in defined.result()}
        found |= roles.result() | seen.result().begun.keys()
    # The delegate goes with the last function, or alone if that was cut short.
    return tuple(sorted(found - {names.DELEGATE} or found))
