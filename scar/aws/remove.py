"""Take functions away, and nothing that is not theirs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.aws import jobs, names
from scar.aws.apply import apply
from scar.aws.cloud import PARALLEL, Cloud
from scar.aws.faults import translated
from scar.aws.handlers.s3 import BucketHandler
from scar.aws.inventory import Inventory
from scar.aws.listing import buckets_of, tagged_functions
from scar.aws.lock import DeployLock, look
from scar.aws.plan import Plan, owners, plan
from scar.aws.resources import (
    Bucket,
    BucketNotification,
    EventInvokeConfig,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    Repository,
    RunsElsewhere,
)
from scar.aws.retire import unused_machines
from scar.aws.wait import Patience
from scar.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from scar.aws.connection import Connection
    from scar.aws.inventory import Found
    from scar.aws.jobs import ActiveJob
    from scar.aws.lock import Begun
    from scar.aws.plan import Change
    from scar.aws.resources import Key, Resource


class _NoImages:
    """Removing looks for no image and pushes none: they go with their repository."""

    def holds(self, repository: str, digest: str) -> bool:
        del repository, digest
        return False

    def push(self, repository: str, digest: str, check: Callable[[], None]) -> None:
        raise AssertionError(repository, digest, check)


NO_IMAGES = _NoImages()

# What submits jobs. Nothing else that a function has needs any of these.
_SUBMITS = (BucketNotification, InvokePermission, EventInvokeConfig, LambdaFunction, RunsElsewhere)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    found: Found
    active: tuple[ActiveJob, ...]
    running: tuple[ActiveJob, ...]
    todo: Plan


@dataclass(frozen=True, slots=True)
class Removal:
    """Removes functions by name; ``buckets`` are further ones that an FDL file mentions.

    Without ``force`` no job is ended. Unfinished jobs are looked for before any change (again,
    if the lock was waited for), and once more when the functions are gone, which submit them:
    jobs submitted in between keep all that they need, and the removal is refused until they have
    ended. What remains: an execution that Lambda began before its function was deleted may
    submit a job even later; that job finds its definition or its queue gone, and fails.
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
        state = self._look(cloud, seen.begun)
        if dry_run:
            return state.todo
        self._refuse_running(state)
        if not (state.todo or state.running or seen.begun.keys() & {*self.names}):
            return state.todo
        if not seen.bucket_exists:
            # Without a state bucket nothing was ever locked, and nobody else is at work.
            return self._carry_out(cloud, state)
        begun = self._begun(state)
        lock = DeployLock(s3=s3, bucket=bucket, report=self.report, begun=begun, seen=seen)
        with lock:
            if not lock.is_unchanged:
                # The lock was waited for: nothing that was found before it holds any more.
                state = self._look(cloud, lock.begun)
                self._refuse_running(state)
                lock.begin(self._begun(state))
            lock.check()
            done = self._carry_out(cloud, state)
            lock.finished(self.names)
        return done

    def _begun(self, state: _State) -> Begun:
        return dict.fromkeys(self.names, tuple(sorted(state.found.told)))

    def _refuse_running(self, state: _State) -> None:
        if state.running and not self.force:
            raise Refused(
                f"{len(state.running)} jobs have not ended: {_some(state.running)}",
                remedy="Wait for them, or end them with --force.",
            )

    def _carry_out(self, cloud: Cloud, state: _State) -> Plan:
        """Remove what submits jobs, look for jobs, then remove all that jobs need."""
        first = [c for c in state.todo.changes if isinstance(c.resource, _SUBMITS)]
        self._apply(state.todo, first, cloud)
        todo = self._after_jobs(cloud, state)
        self._apply(todo, [c for c in todo.changes if c not in first], cloud)
        return todo

    def _apply(self, todo: Plan, changes: Sequence[Change], cloud: Cloud) -> None:
        part = replace(todo, changes=tuple(changes))
        apply(part, cloud, self.report, undo=False, stop=cloud.stop)

    def _after_jobs(self, cloud: Cloud, state: _State) -> Plan:
        """Return the plan that holds once no job of these functions is left."""
        has_jobs = any(isinstance(c.resource, JobDefinition | JobQueue) for c in state.todo.changes)
        if not (has_jobs or state.running):
            return state.todo
        active = self._active(state.found)
        if running := self._own(active):
            if not self.force:
                raise Refused(
                    f"{len(running)} jobs were submitted before the functions were gone, and"
                    f" have not ended: {_some(running)}",
                    remedy="What they need is still there. Wait for them, then run the same"
                    " command again, or end them with --force.",
                )
            self._end(running, state.found)
        others = {job.queue for job in active if job not in running}
        if others == {job.queue for job in state.active}:
            return state.todo
        # The queues of jobs that have ended since were kept for them.
        return self._plan(Inventory(self.connection, cloud), state.found, others)

    def _active(self, found: Found) -> tuple[ActiveJob, ...]:
        return jobs.active(self.connection.client("batch"), _queues(found))

    def _own(self, active: Sequence[ActiveJob]) -> tuple[ActiveJob, ...]:
        return tuple(job for job in active if job.function in self.names)

    def _look(self, cloud: Cloud, begun: Begun) -> _State:
        """Look also into buckets of the FDL and of what was never finished."""
        inventory = Inventory(self.connection, cloud)
        left = {bucket for name in self.names for bucket in begun.get(name, ())}
        with ThreadPoolExecutor(1) as pool:
            remaining = pool.submit(self._others)
            every = {*self.names, names.DELEGATE}
            found = inventory.look(sorted(every), (), self.buckets | left)
            others = remaining.result()
        found = replace(found, resources=self._going(found, others))
        active = self._active(found)
        todo = self._plan(inventory, found, {job.queue for job in active})
        return _State(found=found, active=active, running=self._own(active), todo=todo)

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

    def _end(self, running: Sequence[ActiveJob], found: Found) -> None:
        batch = self.connection.client("batch")
        for job in running:
            self.report(f"Ending job {job.name}")
            jobs.terminate(batch, job)
        ended = {job.id for job in running}

        def over() -> bool:
            return not ended & {job.id for job in self._active(found)}

        self.patience.until(over, "The end of the jobs")


def _some(running: Sequence[ActiveJob]) -> str:
    """Name the first five."""
    shown = ", ".join(sorted(job.name for job in running)[:5])
    return f"{shown}{'…' if len(running) > 5 else ''}"


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
