"""Take functions away, and nothing that is not theirs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.aws.account import jobs
from scar.aws.client.errors import translate_errors
from scar.aws.client.waiter import Waiter
from scar.aws.deploy.apply import apply
from scar.aws.deploy.lock import DeployLock, read_lock
from scar.aws.handlers.aws_resources import PARALLEL, AwsResources
from scar.aws.handlers.image_store import NO_IMAGES
from scar.aws.handlers.s3 import BucketHandler
from scar.aws.inventory.deployed_resources import Inventory
from scar.aws.inventory.functions import buckets_of, list_tagged_functions
from scar.aws.inventory.unused import find_unused_infrastructure
from scar.aws.model import names
from scar.aws.model.plan import Plan, owning_functions, plan
from scar.aws.model.resources import (
    BatchTargetRecord,
    Bucket,
    BucketNotification,
    EcrRepository,
    EventInvokeConfig,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
)
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from scar.aws.account.jobs import ActiveJob
    from scar.aws.client.connection import AwsConnection
    from scar.aws.deploy.lock import UnfinishedFunctions
    from scar.aws.inventory.deployed_resources import InventorySnapshot
    from scar.aws.model.plan import Change
    from scar.aws.model.resources import Resource, ResourceKey


# What submits jobs. Nothing else that a function has needs any of these.
_SUBMITS = (
    BucketNotification,
    InvokePermission,
    EventInvokeConfig,
    LambdaFunction,
    BatchTargetRecord,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RemovalState:
    snapshot: InventorySnapshot
    active_jobs: tuple[ActiveJob, ...]
    running_jobs: tuple[ActiveJob, ...]
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
    connection: AwsConnection
    report: Callable[[str], None]
    buckets: frozenset[str] = frozenset()
    force: bool = False
    waiter: Waiter = field(default_factory=Waiter)

    def run(self, *, dry_run: bool = False) -> Plan:
        """Plan, and carry the plan out; return what was deleted (or would be)."""
        cloud = AwsResources.connect(self.connection, NO_IMAGES, self.report)
        s3 = self.connection.client("s3")
        bucket = names.state_bucket_name(self.connection.account)
        seen = read_lock(s3, bucket)
        state = self._read_state(cloud, seen.unfinished)
        if dry_run:
            return state.todo
        self._refuse_running(state)
        if not (state.todo or state.running_jobs or seen.unfinished.keys() & {*self.names}):
            return state.todo
        if not seen.bucket_exists:
            # Without a state bucket nothing was ever locked, and nobody else is at work.
            return self._apply_plan(cloud, state)
        begun = self._begun(state)
        lock = DeployLock(
            s3=s3, bucket=bucket, report=self.report, unfinished=begun, known_state=seen
        )
        with lock:
            if not lock.is_unchanged:
                # The lock was waited for: nothing that was found before it holds any more.
                state = self._read_state(cloud, lock.unfinished)
                self._refuse_running(state)
                lock.begin(self._begun(state))
            lock.require_held()
            done = self._apply_plan(cloud, state)
            lock.mark_finished(self.names)
        return done

    def _begun(self, state: _RemovalState) -> UnfinishedFunctions:
        return dict.fromkeys(self.names, tuple(sorted(state.snapshot.notifications)))

    def _refuse_running(self, state: _RemovalState) -> None:
        if state.running_jobs and not self.force:
            raise OperationRefusedError(
                f"{len(state.running_jobs)} jobs have not ended: {_some(state.running_jobs)}",
                remedy="Wait for them, or end them with --force.",
            )

    def _apply_plan(self, cloud: AwsResources, state: _RemovalState) -> Plan:
        """Remove what submits jobs, look for jobs, then remove all that jobs need."""
        first = [c for c in state.todo.changes if isinstance(c.resource, _SUBMITS)]
        self._apply(state.todo, first, cloud)
        todo = self._after_jobs(cloud, state)
        self._apply(todo, [c for c in todo.changes if c not in first], cloud)
        return todo

    def _apply(self, todo: Plan, changes: Sequence[Change], cloud: AwsResources) -> None:
        part = replace(todo, changes=tuple(changes))
        apply(part, cloud, self.report, undo=False, cancel_token=cloud.cancel_token)

    def _after_jobs(self, cloud: AwsResources, state: _RemovalState) -> Plan:
        """Return the plan that holds once no job of these functions is left."""
        has_jobs = any(isinstance(c.resource, JobDefinition | JobQueue) for c in state.todo.changes)
        if not (has_jobs or state.running_jobs):
            return state.todo
        active = self._active(state.snapshot)
        if running := self._own(active):
            if not self.force:
                raise OperationRefusedError(
                    f"{len(running)} jobs were submitted before the functions were gone, and"
                    f" have not ended: {_some(running)}",
                    remedy="What they need is still there. Wait for them, then run the same"
                    " command again, or end them with --force.",
                )
            self._terminate_jobs(running, state.snapshot)
        others = {job.queue for job in active if job not in running}
        if others == {job.queue for job in state.active_jobs}:
            return state.todo
        # The queues of jobs that have ended since were kept for them.
        return self._plan_removal(Inventory(self.connection, cloud), state.snapshot, others)

    def _active(self, found: InventorySnapshot) -> tuple[ActiveJob, ...]:
        return jobs.list_active_jobs(self.connection.client("batch"), _queue_names(found))

    def _own(self, active: Sequence[ActiveJob]) -> tuple[ActiveJob, ...]:
        return tuple(job for job in active if job.function in self.names)

    def _read_state(self, cloud: AwsResources, begun: UnfinishedFunctions) -> _RemovalState:
        """Look also into buckets of the FDL and of what was never finished."""
        inventory = Inventory(self.connection, cloud)
        left = {bucket for name in self.names for bucket in begun.get(name, ())}
        with ThreadPoolExecutor(1) as pool:
            remaining = pool.submit(self._remaining_functions)
            every = {*self.names, names.FAILURE_HANDLER}
            found = inventory.take_snapshot(sorted(every), (), self.buckets | left)
            others = remaining.result()
        found = replace(found, resources=self._resources_to_remove(found, others))
        active = self._active(found)
        todo = self._plan_removal(inventory, found, {job.queue for job in active})
        return _RemovalState(
            snapshot=found, active_jobs=active, running_jobs=self._own(active), todo=todo
        )

    def _remaining_functions(self) -> tuple[str, ...]:
        """Name the functions that stay."""
        there = (f["FunctionName"] for f, _ in list_tagged_functions(self.connection))
        return tuple(sorted(set(there) - {*self.names, names.FAILURE_HANDLER}))

    def _resources_to_remove(
        self, found: InventorySnapshot, others: Collection[str]
    ) -> dict[ResourceKey, Resource]:
        """Leave out the delegate while others need it; it goes with the last one."""
        if others and names.FAILURE_HANDLER in self.names:
            raise OperationRefusedError(
                f"{names.FAILURE_HANDLER} takes the lost events of {', '.join(others)}.",
                remedy="Remove them; it goes with the last one.",
            )
        of = owning_functions(found.resources.values())
        return {
            key: r
            for key, r in found.resources.items()
            if not others or of.get(key, "") != names.FAILURE_HANDLER
        }

    def _plan_removal(
        self, inventory: Inventory, found: InventorySnapshot, busy: Collection[str]
    ) -> Plan:
        observed = dict(found.resources)
        observed |= find_unused_infrastructure(
            inventory, found, keep=(), changing=self.names, busy=busy
        )
        observed |= self._find_empty_buckets(found)
        kept = {k for k, r in observed.items() if isinstance(r, EcrRepository) and r.is_kept}
        observed = {k: r for k, r in observed.items() if k not in kept}
        return plan((), _without_dependents(observed))

    def _find_empty_buckets(self, found: InventorySnapshot) -> dict[ResourceKey, Resource]:
        """Find the buckets scar made that hold no data and that nobody else uses."""
        if not found.notifications:
            return {}
        others = [
            t
            for f, t in list_tagged_functions(self.connection)
            if f["FunctionName"] not in self.names
        ]
        used = {bucket for tags in others for bucket in buckets_of(tags)}
        handler = BucketHandler(self.connection.client("s3"), self.connection.account.region)

        def is_removable(bucket: str) -> bool:
            with translate_errors(f"look into bucket {bucket}"):
                return handler.is_empty_and_managed(bucket)

        ours = [r.name for r in found.resources.values() if isinstance(r, BucketNotification)]
        sought = sorted(
            b
            for b in found.notifications.keys() - used
            if not _has_other_notifications(found, b, ours)
        )
        with ThreadPoolExecutor(PARALLEL) as pool:
            empty = [
                b
                for b, is_free in zip(sought, pool.map(is_removable, sought), strict=True)
                if is_free
            ]
        return {(bucket := Bucket(name=name)).key: bucket for name in empty}

    def _terminate_jobs(self, running: Sequence[ActiveJob], found: InventorySnapshot) -> None:
        batch = self.connection.client("batch")
        for job in running:
            self.report(f"Ending job {job.name}")
            jobs.terminate_job(batch, job)
        ended = {job.id for job in running}

        def jobs_ended() -> bool:
            return not ended & {job.id for job in self._active(found)}

        self.waiter.wait_until(jobs_ended, "The end of the jobs")


def _some(running: Sequence[ActiveJob]) -> str:
    """Name the first five."""
    shown = ", ".join(sorted(job.name for job in running)[:5])
    return f"{shown}{'…' if len(running) > 5 else ''}"


def _queue_names(found: InventorySnapshot) -> list[str]:
    return [r.name for r in found.batch_infrastructure.values() if isinstance(r, JobQueue)]


def _without_dependents(observed: Mapping[ResourceKey, Resource]) -> dict[ResourceKey, Resource]:
    """Drop what goes with its function: who may invoke it, and how its events fail."""
    functions = {r.name for r in observed.values() if isinstance(r, LambdaFunction)}

    def is_deleted_with_function(resource: Resource) -> bool:
        match resource:
            case InvokePermission(function=function) | EventInvokeConfig(name=function):
                return function in functions
            case _:
                return False

    return {key: r for key, r in observed.items() if not is_deleted_with_function(r)}


def _has_other_notifications(found: InventorySnapshot, bucket: str, ours: Sequence[str]) -> bool:
    """Say whether a bucket tells anybody else than the functions that go."""
    told = found.notifications[bucket]
    rules = told.get("LambdaFunctionConfigurations", [])
    others = [r for r in rules if f"{bucket}/{r.get('Id')}" not in ours]
    return bool(others or told.keys() - {"LambdaFunctionConfigurations", "ResponseMetadata"})
