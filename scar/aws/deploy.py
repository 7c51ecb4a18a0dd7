"""Bring functions into being, change them, take them away. The way in for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws import compile as compiler
from scar.aws import names, network, preflight
from scar.aws.apply import apply
from scar.aws.cloud import Cloud
from scar.aws.inventory import Inventory
from scar.aws.listing import list_functions
from scar.aws.lock import DeployLock
from scar.aws.plan import Plan, plan
from scar.aws.remove import NO_IMAGES, Removal
from scar.aws.resources import (
    BucketNotification,
    InvokePermission,
    JobDefinition,
    Role,
    StateBucket,
)
from scar.aws.retire import unused_machines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scar.aws.connection import Connection
    from scar.aws.function import Function
    from scar.aws.images import Images
    from scar.aws.network import Network
    from scar.aws.resources import Resource
    from supervisor.model import FunctionConfig, ImageDefaults

_RETIRED = (BucketNotification, InvokePermission, JobDefinition, Role)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Makes functions be as they are described."""

    functions: Sequence[Function]
    connection: Connection
    images: Images
    report: Callable[[str], None]

    def run(self, *, dry_run: bool = False) -> Plan:
        """Plan, and carry the plan out; return what was changed (or would be).

        Nothing is locked for looking. When there is something to change, the lock is taken
        and the plan is made again, since another deployment may just have ended.
        """
        preflight.require(preflight.of_functions(self.functions))
        wanted = self._wanted()
        region = self.connection.account.region
        preflight.require(preflight.of_resources(wanted, region))
        cloud = Cloud.of(self.connection, self.images)
        preflight.require(self._taken(cloud, wanted))
        todo = self._plan(cloud, wanted)
        if dry_run or not todo:
            return todo
        state = StateBucket(name=names.state_bucket(self.connection.account))
        if cloud.read(state) is None:
            cloud.create(state)
            self.report(f"+ {state.key}")
        with DeployLock(
            s3=self.connection.client("s3"), bucket=state.name, report=self.report
        ) as lock:
            now = self._plan(cloud, wanted)
            lock.check()
            apply(now, cloud, self.report)
        return todo

    def _taken(self, cloud: Cloud, wanted: Sequence[Resource]) -> Iterator[str]:
        """Find notifications of others that ours would overlap with."""
        rules = [r for r in wanted if isinstance(r, BucketNotification)]
        inventory = Inventory(self.connection, cloud)
        buckets = sorted({rule.bucket for rule in rules})
        found = ((bucket, inventory.configuration(bucket)) for bucket in buckets)
        there = {bucket: {**configuration} for bucket, configuration in found if configuration}
        return preflight.of_buckets(rules, there, [f.name for f in self.functions])

    def _wanted(self) -> tuple[Resource, ...]:
        account, networks = self.connection.account, self._networks()
        digests = {}
        for function in self.functions:
            self.report(f"Composing the image of {function.name}…")
            digests[function.name] = self.images.compose(
                function, self._configure(function, networks.get(function.name))
            )
        return compiler.desired(self.functions, account, images=digests, networks=networks)

    def _configure(
        self, function: Function, where: Network | None
    ) -> Callable[[ImageDefaults], FunctionConfig]:
        account = self.connection.account
        return lambda image: compiler.function_config(function, account, image, where)

    def _networks(self) -> dict[str, Network]:
        known: dict[tuple[tuple[str, ...], tuple[str, ...]], Network] = {}
        networks = {}
        for function in self.functions:
            if function.batch is None:
                continue
            given = (function.batch.compute.subnets, function.batch.compute.security_groups)
            if given not in known:
                known[given] = network.find(self.connection.client("ec2"), *given)
            networks[function.name] = known[given]
        return networks

    def _plan(self, cloud: Cloud, wanted: Sequence[Resource]) -> Plan:
        """Compare; what a former version of these functions had and nobody uses now, goes."""
        inventory = Inventory(self.connection, cloud)
        observed = cloud.observe(wanted)
        ours = {function.name for function in self.functions}
        for name in sorted(ours):
            found = inventory.of_function(name)
            observed |= {k: r for k, r in found.items() if isinstance(r, _RETIRED)}
        keep = [r for r in wanted if isinstance(r, JobDefinition)]
        observed |= unused_machines(inventory, keep=keep, changing=ours)
        return plan(wanted, observed)


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
    """Name all functions of which anything is left in the account, for ``rm --all``."""
    listed = {function.name for function in list_functions(connection)}
    inventory = Inventory(connection, Cloud.of(connection, NO_IMAGES))
    return tuple(sorted(listed | {d.name for d in inventory.definitions()}))
