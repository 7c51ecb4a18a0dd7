"""Remove functions with all their resources, and nothing that others use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.aws.account import jobs
from scar.aws.client.waiter import Waiter
from scar.aws.deploy.applied_record import AppliedRecords
from scar.aws.deploy.apply import apply
from scar.aws.deploy.exclusion import changes_shared
from scar.aws.deploy.lock import DeployLock
from scar.aws.deploy.lock_record import read_lock
from scar.aws.deploy.recorded_changes import RecordedChanges
from scar.aws.deploy.removal_parts import describe_running, queue_names, without_dependents
from scar.aws.handlers.aws_resources import AwsResources
from scar.aws.handlers.image_store import NO_IMAGES
from scar.aws.inventory.deployed_resources import Inventory
from scar.aws.inventory.functions import list_tagged_functions
from scar.aws.inventory.stored_secrets import list_stored_secrets
from scar.aws.inventory.unused import find_empty_buckets, find_unused_infrastructure
from scar.aws.model import names
from scar.aws.model.plan import Plan, owning_functions, plan
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
    LogGroup,
    SecretParameter,
    SourceQueue,
)
from scar.errors import OperationRefusedError
from scar.meter import format_count

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from scar.aws.account.jobs import ActiveJob
    from scar.aws.client.connection import AwsConnection
    from scar.aws.deploy.lock_record import UnfinishedFunctions
    from scar.aws.inventory.deployed_resources import InventorySnapshot
    from scar.aws.model.plan import Change
    from scar.aws.model.resources import Resource, ResourceKey


# Resources that submit jobs, directly or by starting the function. No other resource of a
# function depends on them, so they can be deleted first.
_SUBMITS = (
    BucketNotification,
    HttpApi,
    FunctionUrl,
    InvokePermission,
    EventInvokeConfig,
    EventSource,
    SourceQueue,
    LambdaFunction,
    BatchTargetRecord,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RemovalState:
    """What exists, and the plan made from it.

    ``active_jobs`` are all unfinished jobs in scar's queues, ``running_jobs`` those of the
    functions to remove. ``others`` are the tags of the functions that stay, by name.
    """

    snapshot: InventorySnapshot
    active_jobs: tuple[ActiveJob, ...]
    running_jobs: tuple[ActiveJob, ...]
    others: Mapping[str, Mapping[str, str]]
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalOptions:
    """What else to remove: ``buckets`` if they are empty, with ``force`` jobs that have not ended.

    ``keep_logs`` leaves the log groups; a later removal of the same functions deletes them.
    """

    buckets: frozenset[str] = frozenset()
    force: bool = False
    keep_logs: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """Removes functions by name.

    Without ``options.force`` no job is terminated. Unfinished jobs are listed before the first
    change (again, if the lock was waited for), and once more after the functions that submit them
    are deleted. Jobs submitted in between keep all resources that they need, and the removal is
    refused until they have ended. Not covered: an execution that Lambda started before its
    function was deleted may submit a job even later; its job definition or queue no longer
    exists then, and the submission fails.
    """

    names: Sequence[str]
    connection: AwsConnection
    report: Callable[[str], None]
    options: RemovalOptions = RemovalOptions()
    waiter: Waiter = field(default_factory=Waiter)

    def run(self, *, dry_run: bool = False) -> Plan:
        """Plan and apply the deletions; return those applied (or to be applied)."""
        aws = AwsResources.connect(self.connection, NO_IMAGES, self.report)
        s3 = self.connection.client("s3")
        bucket = names.state_bucket_name(self.connection.account)
        lock_state = read_lock(s3, bucket)
        records = AppliedRecords(s3, bucket)
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(records.read)
            state = self._read_state(aws, lock_state.unfinished)
            record = reading.result()
        if dry_run:
            return state.plan
        self._refuse_running(state)
        # With nothing to delete, the lock may still have a record of these functions to clear.
        if not (state.plan or state.running_jobs or lock_state.unfinished.keys() & {*self.names}):
            return state.plan
        if not lock_state.bucket_exists:
            # Every deployment creates the state bucket before it locks: none is active.
            return self._apply_plan(aws, state)
        unfinished = self._unfinished(state)
        lock = DeployLock(
            s3=s3,
            bucket=bucket,
            report=self.report,
            unfinished=unfinished,
            changes_shared=changes_shared(state.plan, self.names),
            known_state=lock_state,
        )
        with RecordedChanges(records, self.names, record) as recorded, lock:
            if not lock.is_unchanged:
                # Another process held the lock: what was read before may be outdated. The lock's
                # record may also name more buckets of these functions now.
                state = self._read_state(aws, lock.unfinished)
                self._refuse_running(state)
                lock.begin(self._unfinished(state))
            recorded.require_begun()
            lock.require_held()
            done = self._apply_plan(aws, state)
            lock.mark_finished(self.names)
        return done

    def _unfinished(self, state: _RemovalState) -> UnfinishedFunctions:
        secrets = [r for r in state.snapshot.resources.values() if isinstance(r, SecretParameter)]
        paths = {names.secret_path(r.function) for r in secrets}
        return {
            n: (*sorted(state.snapshot.notifications), *({names.secret_path(n)} & paths))
            for n in self.names
        }

    def _refuse_running(self, state: _RemovalState) -> None:
        if state.running_jobs and not self.options.force:
            raise OperationRefusedError(
                describe_running(state.running_jobs),
                remedy="Wait for them, or terminate them with --force.",
            )
        for queue in state.snapshot.resources.values():
            if isinstance(queue, SourceQueue) and queue.waiting and not self.options.force:
                raise OperationRefusedError(
                    f"The queue {queue.name} has about {format_count(queue.waiting, 'event')} whose"
                    " runs have not begun.",
                    remedy="Wait until they are submitted, or delete them with --force.",
                )

    def _apply_plan(self, aws: AwsResources, state: _RemovalState) -> Plan:
        """Delete what submits jobs, then list the jobs, then delete what jobs need."""
        first = [c for c in state.plan.changes if isinstance(c.resource, _SUBMITS)]
        self._apply(state.plan, first, aws)
        remaining = self._check_jobs_and_plan(aws, state)
        self._apply(remaining, [c for c in remaining.changes if c not in first], aws)
        return remaining

    def _apply(self, whole: Plan, changes: Sequence[Change], aws: AwsResources) -> None:
        # Deletions are not undone: repeating the command continues with what is left.
        part = replace(whole, changes=tuple(changes))
        apply(part, aws, self.report, undo=False, cancel_token=aws.cancel_token)

    def _check_jobs_and_plan(self, aws: AwsResources, state: _RemovalState) -> Plan:
        """Check, after the functions are deleted, that none of their jobs is left; plan again.

        With ``force`` the jobs left are terminated.
        """
        has_jobs = any(isinstance(c.resource, JobDefinition | JobQueue) for c in state.plan.changes)
        if not (has_jobs or state.running_jobs):
            return state.plan
        active = self._list_active_jobs(state.snapshot)
        if running := self._own_jobs(active):
            if not self.options.force:
                raise OperationRefusedError(
                    describe_running(running, ", submitted before the functions were deleted"),
                    remedy="The resources that they need still exist. Wait for them, then run the"
                    " same command again, or terminate them with --force.",
                )
            self._terminate_jobs(running, state.snapshot)
        others = {job.queue for job in active if job not in running}
        if others == {job.queue for job in state.active_jobs}:
            return state.plan
        # The first plan keeps queues that had active jobs. Some of these jobs have ended since,
        # or were terminated, and their queues may now be unused.
        return self._plan_removal(
            Inventory(self.connection, aws), state.snapshot, others, state.others
        )

    def _list_active_jobs(self, snapshot: InventorySnapshot) -> tuple[ActiveJob, ...]:
        return jobs.list_active_jobs(self.connection.client("batch"), queue_names(snapshot))

    def _own_jobs(self, active: Sequence[ActiveJob]) -> tuple[ActiveJob, ...]:
        return tuple(job for job in active if job.function in self.names)

    def _read_state(self, aws: AwsResources, unfinished: UnfinishedFunctions) -> _RemovalState:
        """Read what exists, also in buckets of the FDL and of unfinished deployments, and plan."""
        inventory = Inventory(self.connection, aws)
        # Among the buckets there may be paths in Parameter Store: these begin with a slash.
        recorded = {text for name in self.names for text in unfinished.get(name, ())}
        with_secrets = [n for n in self.names if names.secret_path(n) in recorded]
        recorded_buckets = {text for text in recorded if not text.startswith("/")}
        with ThreadPoolExecutor(1) as pool:
            remaining = pool.submit(list_tagged_functions, self.connection, besides={*self.names})
            functions = {*self.names, names.FAILURE_HANDLER}
            snapshot = inventory.take_snapshot(
                sorted(functions), (), self.options.buckets | recorded_buckets
            )
            others = {f["FunctionName"]: tags for f, tags in remaining.result()}
        found = list_stored_secrets(self.connection, (), with_secrets)
        snapshot = replace(snapshot, resources={**{r.key: r for r in found}, **snapshot.resources})
        snapshot = replace(snapshot, resources=self._resources_to_remove(snapshot, others.keys()))
        active = self._list_active_jobs(snapshot)
        busy = {job.queue for job in active}
        removal_plan = self._plan_removal(inventory, snapshot, busy, others)
        return _RemovalState(
            snapshot=snapshot,
            active_jobs=active,
            running_jobs=self._own_jobs(active),
            others=others,
            plan=removal_plan,
        )

    def _resources_to_remove(
        self, snapshot: InventorySnapshot, others: Collection[str]
    ) -> dict[ResourceKey, Resource]:
        """Leave out the failure handler while other functions use it."""
        others = sorted({*others} - {names.FAILURE_HANDLER})
        if others and names.FAILURE_HANDLER in self.names:
            raise OperationRefusedError(
                f"{names.FAILURE_HANDLER} handles failed invocations of {', '.join(others)}.",
                remedy="Remove these functions; it is deleted together with the last one.",
            )
        owners = owning_functions(snapshot.resources.values())
        return {
            key: r
            for key, r in snapshot.resources.items()
            if not others or owners.get(key, "") != names.FAILURE_HANDLER
        }

    def _plan_removal(
        self,
        inventory: Inventory,
        snapshot: InventorySnapshot,
        busy: Collection[str],
        others: Mapping[str, Mapping[str, str]],
    ) -> Plan:
        observed = dict(snapshot.resources)
        observed |= find_unused_infrastructure(
            inventory, snapshot, keep=(), changing=self.names, busy=busy
        )
        observed |= find_empty_buckets(self.connection, snapshot, other_tags=others.values())
        # The FDL said `ecr.delete_image: false`, which is recorded as a tag of the repository.
        kept_repositories = {
            k for k, r in observed.items() if isinstance(r, EcrRepository) and r.is_kept
        }
        observed = {k: r for k, r in observed.items() if k not in kept_repositories}
        if self.options.keep_logs:
            observed = {k: r for k, r in observed.items() if not isinstance(r, LogGroup)}
        return plan((), without_dependents(observed))

    def _terminate_jobs(self, running: Sequence[ActiveJob], snapshot: InventorySnapshot) -> None:
        batch = self.connection.client("batch")
        for job in running:
            self.report(f"Terminating job {job.name}")
            jobs.terminate_job(batch, job)
        terminated = {job.id for job in running}

        def jobs_ended() -> bool:
            return not terminated & {job.id for job in self._list_active_jobs(snapshot)}

        self.waiter.wait_until(jobs_ended, "the end of the jobs")
