"""Deploy, remove and list functions: the entry points for the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.aws.account.account_state import has_network, inspect_account
from scar.aws.account.store_states import find_store_problems
from scar.aws.client.encryption import add_encryption
from scar.aws.compile import compiler, failure_handler
from scar.aws.compile.encryption import encryption_of_all, requests_encryption
from scar.aws.compile.function_config import function_config
from scar.aws.deploy.apply import apply
from scar.aws.deploy.lock import DeployLock, read_lock
from scar.aws.deploy.planner import DELETED_LAST, DeploymentPlanner, needs_lock
from scar.aws.deploy.remove import Removal, RemovalOptions
from scar.aws.handlers.aws_resources import AwsResources
from scar.aws.inventory.batch_infrastructure import list_job_definitions
from scar.aws.inventory.functions import functions_with_roles, list_tagged_functions
from scar.aws.model import names
from scar.aws.model.resources import SecretParameter, StateBucket
from scar.aws.validation import account_checks, deployment_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from scar.aws.account.account_state import AccountState
    from scar.aws.client.connection import AwsConnection, ServiceName
    from scar.aws.deploy.lock import LockState
    from scar.aws.handlers.image_store import ImageBuilder
    from scar.aws.model.function import Function
    from scar.aws.model.plan import Plan
    from scar.aws.model.resources import Resource
    from supervisor.model import FunctionConfig, ImageDefaults


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

    def run(self, *, dry_run: bool = False) -> Plan:
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
        plan, lock_state = self._plan(aws)
        if dry_run:
            return plan
        # Not for a plan, since it writes to the outputs' folders; but also without changes: the
        # problem that the last deployment warned of may still exist.
        for warning in find_store_problems(self.functions, self.connection):
            self.report(f"Warning: {warning}")
        if not plan:
            return plan
        if not needs_lock(plan):
            self._apply_plan(plan, aws)
            return plan
        if not lock_state.bucket_exists:
            self._create_state_bucket(aws, plan)
        lock = DeployLock(
            s3=self.connection.client("s3"),
            bucket=names.state_bucket_name(self.connection.account),
            report=self.report,
            unfinished=self._unfinished_functions(plan),
            known_state=lock_state,
        )
        with lock:
            if not lock.is_unchanged:
                # Whatever was true before the wait may be false now: read, check, plan again.
                plan, _ = self._plan(aws)
            # Reading may have taken longer than the lease, if its renewal failed.
            lock.require_held()
            self._apply_plan(plan, aws)
            # Not reached after an error: then the lock's record still names these functions, and
            # the next deployment or removal finds their buckets there.
            lock.mark_finished(f.name for f in self.functions)
        return plan

    def _plan(self, aws: AwsResources) -> tuple[Plan, LockState]:
        """Read and check all that the plan depends on; return the plan and the lock's state.

        What exists is read while images are built and the account is inspected.
        """
        planner = DeploymentPlanner(self.functions, self.connection, aws, self.disabled)
        with ThreadPoolExecutor(1) as pool:
            observing = pool.submit(planner.observe)
            desired, account_state = self._compile_desired()
            observed = observing.result()
        region = self.connection.account.region
        deployment_checks.raise_if_any(deployment_checks.check_resources(desired, region))
        return planner.plan_changes(desired, account_state, observed), observed.lock

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

    def _compile_desired(self) -> tuple[tuple[Resource, ...], AccountState]:
        """Build the images while the account is inspected, and compile the desired resources."""
        account, digests = self.connection.account, {}
        with ThreadPoolExecutor(1) as pool:
            inspection = pool.submit(inspect_account, self.connection, self.functions)
            for function in self.functions:
                self.report(f"Composing the image of {function.name}…")
                digests[function.name] = self.images.compose(
                    function, self._config_builder(function, inspection)
                )
            if (handler := failure_handler.handler_function(self.functions)) is not None:
                digests[handler.name] = self.images.compose(
                    handler, lambda image: failure_handler.handler_config(account, image)
                )
            account_state = inspection.result()
        deployment_checks.raise_if_any(account_checks.find_errors(self.functions, account_state))
        for warning in account_checks.find_warnings(self.functions, account_state):
            self.report(f"Warning: {warning}")
        return compiler.compile_resources(
            self.functions,
            account,
            images=digests,
            networks=account_state.job_networks,
            kms_keys=account_state.kms_keys,
            file_systems=account_state.file_system_ids,
        ), account_state

    def _config_builder(
        self, function: Function, inspection: Future[AccountState]
    ) -> Callable[[ImageDefaults], FunctionConfig]:
        """Return the function that creates ``function.json`` for the function's image.

        With Batch it waits for the network: ``function.json`` names the job queue, and the
        queue's name is the hash of its compute environment, network included.
        """
        account = self.connection.account

        def build_config(image: ImageDefaults) -> FunctionConfig:
            network = inspection.result().job_networks[function.name] if function.batch else None
            return function_config(function, account, image, network)

        return build_config


def _is_secret(resource: Resource) -> bool:
    return isinstance(resource, SecretParameter)


def init(
    functions: Sequence[Function],
    connection: AwsConnection,
    report: Callable[[str], None],
    *,
    images: ImageBuilder,
    disabled: Sequence[str] = (),
    dry_run: bool = False,
) -> Plan:
    """Create or update the functions; return the changes, which ``dry_run`` does not apply.

    ``disabled`` are the names of functions that must not exist; their data stays.
    ``report`` receives lines for the user. If a step fails, all steps of this call are undone
    and the failed step's ScarError is raised.
    """
    return Deployment(functions, connection, images, report, disabled).run(dry_run=dry_run)


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
