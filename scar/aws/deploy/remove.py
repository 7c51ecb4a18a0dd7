"""Take functions away, and nothing that is not theirs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.aws.account import jobs
from scar.aws.client.errors import translated
from scar.aws.client.waiter import Patience
from scar.aws.deploy.apply import apply
from scar.aws.deploy.lock import DeployLock, look
from scar.aws.handlers.aws_resources import PARALLEL, Cloud
from scar.aws.handlers.image_store import NO_IMAGES
from scar.aws.handlers.s3 import BucketHandler
from scar.aws.inventory.deployed_resources import Inventory
from scar.aws.inventory.functions import buckets_of, tagged_functions
from scar.aws.inventory.unused import unused_machines
from scar.aws.model import names
from scar.aws.model.plan import Plan, owners, plan
from scar.aws.model.resources import (
    Bucket,
    BucketNotification,
    EventInvokeConfig,
    InvokePermission,
    JobQueue,
    LambdaFunction,
    Repository,
)
from scar.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from scar.aws.account.jobs import ActiveJob
    from scar.aws.client.connection import Connection
    from scar.aws.deploy.lock import Seen
    from scar.aws.inventory.deployed_resources import Found
    from scar.aws.model.resources import Key, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    found: Found
    active: tuple[ActiveJob, ...]
    running: tuple[ActiveJob, ...]
    todo: Plan


@dataclass(frozen=True, slots=True)
class Removal:
    """Removes functions by name; ``buckets`` are further ones that an FDL file mentions.

    Without ``force`` it refuses, before any change, while jobs of theirs run.
    """

    names: Sequence[str]
    connection: Connection
    report: Callable[[str], None]
    buckets: frozenset[str] = frozenset()
    force: bool = False
    patience: Patience = field(default_factory=Patience)

    def run(self, *, dry_run: bool = False) -> Plan:
        """Plan, and carry the plan out; return what was deleted (or would be)."""
        cloud = Cloud.of(self.connection, NO_IMAGES, self.report)
        s3 = self.connection.client("s3")
        bucket = names.state_bucket(self.connection.account)
        seen = look(s3, bucket)
        state = self._look(cloud, seen)
        running = state.running
        if dry_run:
            return state.todo
        if running and not self.force:
            shown = ", ".join(sorted(job.name for job in running)[:5])
            raise Refused(
                f"{len(running)} jobs have not ended: {shown}{'…' if len(running) > 5 else ''}",
                remedy="Wait for them, or end them with --force.",
            )
        if not (state.todo or running or seen.begun.keys() & {*self.names}):
            return state.todo
        if not seen.bucket_exists:
            # Without a state bucket nothing was ever locked, and nobody else is at work.
            return self._carry_out(cloud, state)
        begun = dict.fromkeys(self.names, tuple(sorted(state.found.told)))
        lock = DeployLock(s3=s3, bucket=bucket, report=self.report, begun=begun, seen=seen)
        with lock:
            if not lock.is_unchanged:
                state = self._look(cloud, seen)
            done = self._carry_out(cloud, state)
            lock.finished(self.names)
        return done

    def _carry_out(self, cloud: Cloud, state: _State) -> Plan:
        todo = state.todo
        if state.running:
            self._end(state)
            # Their queue was kept for them.
            others = {job.queue for job in state.active if job not in state.running}
            todo = self._plan(Inventory(self.connection, cloud), state.found, others)
        apply(todo, cloud, self.report, undo=False, stop=cloud.stop)
        return todo

    def _look(self, cloud: Cloud, seen: Seen) -> _State:
        """Look also into buckets of the FDL and of what was never finished."""
        inventory = Inventory(self.connection, cloud)
        begun = {b for name in self.names for b in seen.begun.get(name, ())}
        with ThreadPoolExecutor(1) as pool:
            remaining = pool.submit(self._others)
            every = {*self.names, names.DELEGATE}
            found = inventory.look(sorted(every), (), self.buckets | begun)
            others = remaining.result()
        found = replace(found, resources=self._going(found, others))
        active = jobs.active(self.connection.client("batch"), _queues(found))
        todo = self._plan(inventory, found, {job.queue for job in active})
        running = tuple(job for job in active if job.function in self.names)
        return _State(found=found, active=active, running=running, todo=todo)

    def _others(self) -> tuple[str, ...]:
        """Name the functions that stay."""
        there = (f["FunctionName"] for f, _ in tagged_functions(self.connection))
        return tuple(sorted(set(there) - {*self.names, names.DELEGATE}))

    def _going(self, found: Found, others: Collection[str]) -> dict[Key, Resource]:
        """Leave out the delegate while others need it; it goes with the last one."""
        if others and names.DELEGATE in self.names:
            raise Refused(
                f"{names.DELEGATE} takes the lost events of {', '.join(others)}.",
                remedy="Remove them; it goes with the last one.",
            )
        of = owners(found.resources.values())
        return {
            key: r
            for key, r in found.resources.items()
            if not others or of.get(key, "") != names.DELEGATE
        }

    def _plan(self, inventory: Inventory, found: Found, busy: Collection[str]) -> Plan:
        observed = dict(found.resources)
        observed |= unused_machines(inventory, found, keep=(), changing=self.names, busy=busy)
        observed |= self._empty_buckets(found)
        kept = {k for k, r in observed.items() if isinstance(r, Repository) and r.is_kept}
        observed = {k: r for k, r in observed.items() if k not in kept}
        return plan((), _without_what_goes_along(observed))

    def _empty_buckets(self, found: Found) -> dict[Key, Resource]:
        """Find the buckets scar made that hold no data and that nobody else uses."""
        if not found.told:
            return {}
        others = [
            t for f, t in tagged_functions(self.connection) if f["FunctionName"] not in self.names
        ]
        used = {bucket for tags in others for bucket in buckets_of(tags)}
        handler = BucketHandler(self.connection.client("s3"), self.connection.account.region)

        def free(bucket: str) -> bool:
            with translated(f"look into bucket {bucket}"):
                return handler.is_empty_and_ours(bucket)

        ours = [r.name for r in found.resources.values() if isinstance(r, BucketNotification)]
        sought = sorted(b for b in found.told.keys() - used if not _others_watch(found, b, ours))
        with ThreadPoolExecutor(PARALLEL) as pool:
            empty = [
                b for b, is_free in zip(sought, pool.map(free, sought), strict=True) if is_free
            ]
        return {(bucket := Bucket(name=name)).key: bucket for name in empty}

    def _end(self, state: _State) -> None:
        batch = self.connection.client("batch")
        for job in state.running:
            self.report(f"Ending job {job.name}")
            jobs.terminate(batch, job)
        ended = {job.id for job in state.running}

        def over() -> bool:
            return not ended & {job.id for job in jobs.active(batch, _queues(state.found))}

        self.patience.until(over, "The end of the jobs")


def _queues(found: Found) -> list[str]:
    return [r.name for r in found.machines.values() if isinstance(r, JobQueue)]


def _without_what_goes_along(observed: Mapping[Key, Resource]) -> dict[Key, Resource]:
    """Drop what goes with its function: who may invoke it, and how its events fail."""
    functions = {r.name for r in observed.values() if isinstance(r, LambdaFunction)}

    def goes_along(resource: Resource) -> bool:
        match resource:
            case InvokePermission(function=function) | EventInvokeConfig(name=function):
                return function in functions
            case _:
                return False

    return {key: r for key, r in observed.items() if not goes_along(r)}


def _others_watch(found: Found, bucket: str, ours: Sequence[str]) -> bool:
    """Say whether a bucket tells anybody else than the functions that go."""
    told = found.told[bucket]
    rules = told.get("LambdaFunctionConfigurations", [])
    others = [r for r in rules if f"{bucket}/{r.get('Id')}" not in ours]
    return bool(others or told.keys() - {"LambdaFunctionConfigurations", "ResponseMetadata"})
