"""Deploy, remove and list functions: the entry points for the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.aws.account.account_state import has_network
from scar.aws.account.store_states import find_store_problems
from scar.aws.client.encryption import add_encryption
from scar.aws.compile.encryption import encryption_of_all, requests_encryption
from scar.aws.deploy.applied import digest_of
from scar.aws.deploy.applied_record import AppliedRecords
from scar.aws.deploy.apply import apply
from scar.aws.deploy.deployment_digests import DeploymentDigests, generation_of
from scar.aws.deploy.desired import compile_desired
from scar.aws.deploy.exclusion import DELETED_LAST, changes_shared, needs_lock
from scar.aws.deploy.lock import DeployLock
from scar.aws.deploy.lock_record import read_lock
from scar.aws.deploy.planner import DeploymentPlanner
from scar.aws.deploy.quick_look import QuickLook
from scar.aws.deploy.remove import Removal, RemovalOptions
from scar.aws.handlers.aws_resources import AwsResources
from scar.aws.inventory.batch_infrastructure import list_job_definitions
from scar.aws.inventory.functions import functions_with_roles, list_tagged_functions
from scar.aws.model import names
from scar.aws.model.plan import Plan
from scar.aws.model.resources import SecretParameter, StateBucket
from scar.aws.validation import deployment_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scar.aws.client.connection import AwsConnection, ServiceName
    from scar.aws.deploy.applied_record import AppliedRecord
    from scar.aws.deploy.lock_record import LockState
    from scar.aws.deploy.planner import ObservedState
    from scar.aws.deploy.recorded_changes import RecordedChanges
    from scar.aws.handlers.image_store import ImageBuilder
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource


@dataclass(frozen=True, slots=True)
class _PlannedDeployment:
    """A plan; the lock, and what was applied before, as they were before anything else was read.

    ``digest`` is that of the desired state, empty if it must not be recorded once it is applied.
    """

    plan: Plan
    lock: LockState
    record: AppliedRecord
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Creates or updates functions so that they are as described.

    The ``disabled`` functions, by name, are deleted, but not their buckets, logs and records.
    """

    functions: Sequence[Function]
    connection: AwsConnection
    images: ImageBuilder
    report: Callable[[str], None]
    disabled: Sequence[str] = ()

    def run(self, *, dry_run: bool = False, refresh: bool = True) -> Plan:
        """Plan and apply the changes; return those applied (or to be applied).

        Reading and planning need no lock: they take most of the time, and often there is nothing
        to change. The lock's state is read before anything else. If it is the same when the lock
        is acquired, the plan is still valid; otherwise another deployment was active, and
        everything is read, checked and planned again, including the account's state.
        """
        deployment_checks.raise_if_any(deployment_checks.check_functions(self.functions))
        # Networks take two requests, one after the other: their client is created first.
        early: tuple[ServiceName, ...] = ("ec2",) if any(map(has_network, self.functions)) else ()
        aws = AwsResources.connect(self.connection, self.images, self.report, early_services=early)
        if any(map(requests_encryption, self.functions)):
            requested = encryption_of_all(self.functions, self.connection.account)
            add_encryption(self.connection.client("s3"), requested)
        planned = self._plan(aws, may_trust=not (dry_run or refresh))
        if dry_run:
            if planned.plan and not self._digests.forget(planned.record):
                self.report(
                    "Run `scar init --refresh` to make these changes: `scar init` without it"
                    " may not look for them."
                )
            return planned.plan
        # Not for a plan, since it writes to the outputs' folders; but also without changes: the
        # problem that the last deployment warned of may still exist.
        for warning in find_store_problems(self.functions, self.connection):
            self.report(f"Warning: {warning}")
        if not planned.plan:
            self._digests.confirm(planned.digest, planned.lock, planned.record)
            return planned.plan
        if not planned.lock.bucket_exists:
            self._create_state_bucket(aws, planned.plan)
        with self._digests.record_changes(planned.record) as recorded:
            if needs_lock(planned.plan):
                return self._apply_under_lock(planned, aws, recorded)
            recorded.require_begun()
            self._apply_plan(planned.plan, aws)
            recorded.finish(planned.digest, generation_of(planned.lock), planned.record)
        return planned.plan

    def _apply_under_lock(
        self, planned: _PlannedDeployment, aws: AwsResources, recorded: RecordedChanges
    ) -> Plan:
        """Acquire the lock, apply the plan, and record what was applied; return the plan."""
        lock = DeployLock(
            s3=self.connection.client("s3"),
            bucket=self._state_bucket,
            report=self.report,
            unfinished=self._unfinished_functions(planned.plan),
            changes_shared=changes_shared(planned.plan, self._function_names),
            known_state=planned.lock,
        )
        with lock:
            if not lock.is_unchanged:
                # Whatever was true before the wait may be false now: read, check, plan again.
                planned = self._plan(aws, may_trust=False)
                if changes_shared(planned.plan, self._function_names):
                    lock.begin_generation()
            recorded.require_begun()
            # Reading may have taken longer than the lease, if its renewal failed.
            lock.require_held()
            self._apply_plan(planned.plan, aws)
            # Not reached after an error: then the lock's record still names these functions, and
            # the next deployment or removal finds their buckets there.
            lock.mark_finished(f.name for f in self.functions)
            recorded.finish(planned.digest, lock.generation, planned.record)
        return planned.plan

    def _plan(self, aws: AwsResources, *, may_trust: bool) -> _PlannedDeployment:
        """Read and check all that the plan depends on; return the plan and the lock's state.

        What exists is read while images are built and the account is inspected. With ``may_trust``
        only a part of it is read if the same state was applied completely before.
        """
        planner = DeploymentPlanner(self.functions, self.connection, aws, self.disabled)
        with ThreadPoolExecutor(1) as pool:
            observing = pool.submit(self._observe, planner, may_trust=may_trust)
            desired, account_state = compile_desired(
                self.functions, self.connection, self.images, self.report
            )
            lock, record, observed = observing.result()
        region = self.connection.account.region
        deployment_checks.raise_if_any(deployment_checks.check_resources(desired, region))
        digest = digest_of(desired, self.disabled)
        if isinstance(observed, QuickLook):
            applied = self._digests.find(lock, record)
            is_same = applied is not None and digest == applied.digest
            if is_same and observed.confirms(desired, account_state):
                return _PlannedDeployment(Plan(), lock, record)
            observed = planner.observe()
        plan = planner.plan_changes(desired, account_state, observed)
        is_complete = not planner.leaves_remainder(desired, observed, plan)
        return _PlannedDeployment(plan, lock, record, digest if is_complete else "")

    def _observe(
        self, planner: DeploymentPlanner, *, may_trust: bool
    ) -> tuple[LockState, AppliedRecord, ObservedState | QuickLook]:
        """Read the lock, then what exists: of a state that was applied before, only a part.

        If the lock is unchanged when it is acquired, no other deployment held it in between, and
        everything read after it is still valid.
        """
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(self._digests.records.read)
            lock = read_lock(self.connection.client("s3"), self._state_bucket)
            record = reading.result()
        is_trusted = may_trust and self._digests.find(lock, record) is not None
        return lock, record, planner.look_quickly() if is_trusted else planner.observe()

    @property
    def _digests(self) -> DeploymentDigests:
        records = AppliedRecords(self.connection.client("s3"), self._state_bucket)
        return DeploymentDigests(records, self._function_names)

    @property
    def _function_names(self) -> tuple[str, ...]:
        return (*(f.name for f in self.functions), *self.disabled)

    @property
    def _state_bucket(self) -> str:
        return names.state_bucket_name(self.connection.account)

    def _apply_plan(self, plan: Plan, aws: AwsResources) -> None:
        """Apply the plan; delete unused images last, once nothing has to be undone any more."""
        last = tuple(c for c in plan.changes if isinstance(c.resource, DELETED_LAST))
        rest = tuple(c for c in plan.changes if c not in last)
        token = aws.cancel_token
        apply(replace(plan, changes=rest), aws, self.report, cancel_token=token)
        apply(replace(plan, changes=last), aws, self.report, undo=False, cancel_token=token)

    def _create_state_bucket(self, aws: AwsResources, plan: Plan) -> None:
        """Create the bucket that holds the lock; its settings are applied with the plan.

        It has to exist before the lock, and creating it twice is harmless.
        """
        for change in plan.changes:
            if isinstance(change.resource, StateBucket):
                aws.create(StateBucket.without_settings(change.resource.name))

    def _unfinished_functions(self, plan: Plan) -> dict[str, tuple[str, ...]]:
        """Return what the lock has to record, in case this process dies while it applies.

        A function's tags name its buckets, and the path of its parameters; until the function
        exists, only this record does.
        """
        changed = {c.resource.function for c in plan.changes if _is_secret(c.resource)}
        return {
            f.name: (*f.buckets, *([names.secret_path(f.name)] if f.name in changed else ()))
            for f in self.functions
        }


def _is_secret(resource: Resource) -> bool:
    return isinstance(resource, SecretParameter)


def init(  # noqa: PLR0913 one argument per option
    functions: Sequence[Function],
    connection: AwsConnection,
    report: Callable[[str], None],
    *,
    images: ImageBuilder,
    disabled: Sequence[str] = (),
    dry_run: bool = False,
    refresh: bool = True,
) -> Plan:
    """Create or update the functions; return the changes, which ``dry_run`` does not apply.

    Without ``refresh``, a state that was applied completely less than a day ago is compared with
    what a few requests show; otherwise, and for ``dry_run``, all resources are read.

    ``disabled`` are the names of functions that must not exist; their data stays.
    ``report`` receives lines for the user. If a step fails, all steps of this call are undone
    and the failed step's ScarError is raised.
    """
    return Deployment(functions, connection, images, report, disabled).run(
        dry_run=dry_run, refresh=refresh
    )


def remove(
    functions: Sequence[str],
    connection: AwsConnection,
    report: Callable[[str], None],
    options: RemovalOptions = RemovalOptions(),  # noqa: B008 immutable
    *,
    dry_run: bool = False,
) -> Plan:
    """Delete functions by name with all their resources; return the deletions.

    ``options.buckets`` are those an FDL file names, in case the function whose tags name them is
    deleted already. Buckets with data, other tools' notifications and compute environments in use
    are not deleted. Raise OperationRefusedError while jobs of these functions have not ended,
    unless ``options.force`` terminates them.
    """
    return Removal(functions, connection, report, options).run(dry_run=dry_run)


def list_function_names(connection: AwsConnection) -> tuple[str, ...]:
    """Return the names of all functions that left anything in the account, for ``rm --all``.

    They are found by tags, by their roles' path, and in the record of the deployment lock.
    """
    bucket = names.state_bucket_name(connection.account)
    with ThreadPoolExecutor(4) as pool:
        tagged = pool.submit(list_tagged_functions, connection)
        defined = pool.submit(list_job_definitions, connection)
        with_roles = pool.submit(functions_with_roles, connection)
        lock_state = pool.submit(read_lock, connection.client("s3"), bucket)
        found = {f["FunctionName"] for f, _ in tagged.result()}
        found |= {d.name for d in defined.result()}
        found |= with_roles.result() | lock_state.result().unfinished.keys()
    # The failure handler is deleted together with the last function. It is named alone only if
    # that deletion was interrupted and nothing else is left.
    return tuple(sorted(found - {names.FAILURE_HANDLER} or found))
