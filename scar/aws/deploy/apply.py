"""Apply a plan: steps in dependency order, in parallel where possible, undone if one fails."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Protocol, assert_never

from scar.aws.client.connection import PARALLEL
from scar.aws.client.waiter import CancelToken, WaitCancelledError, wait_for_any
from scar.aws.model.plan import Change, Create, Delete, Plan, Update
from scar.aws.model.resources import StateBucket
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from scar.aws.model.resources import Resource, ResourceKey


class ResourceClient(Protocol):
    """The interface that reads and changes resources; every method raises ScarError."""

    def read(self, resource: Resource) -> Resource | None: ...
    def create(self, resource: Resource) -> None: ...
    def update(self, observed: Resource, desired: Resource) -> None: ...
    def delete(self, resource: Resource) -> None: ...


@dataclass(slots=True)
class PlanExecutor:
    """Applies one plan once; ``report`` receives a line per completed step.

    Ctrl-C is handled like a failed step: no further step starts, waits with ``cancel_token`` are
    cancelled, started steps are undone. A second Ctrl-C stops the rollback and reports the
    resources that it has not reached.

    Created roles and empty buckets stay if they are as described: services accept a role, and S3
    the name of a bucket, only some time after it was deleted, so the next try would fail again.
    """

    client: ResourceClient
    report: Callable[[str], None]
    undo: bool = True
    cancel_token: CancelToken = field(default_factory=CancelToken)
    started: list[Change] = field(default_factory=list)
    running: dict[Future[None], ResourceKey] = field(default_factory=dict)
    completed: set[ResourceKey] = field(default_factory=set)

    def run(self, plan: Plan) -> None:
        """Apply all changes; after a failure start no further step, undo, raise the first error."""
        pool = ThreadPoolExecutor(PARALLEL)
        try:
            self._run_steps(plan, pool)
        except BaseException as error:
            try:
                self._wait_for_running_steps(error)
                if self.undo:
                    self._undo_started_changes(plan)
            except KeyboardInterrupt:
                self._report_remaining_changes()
                raise
            raise
        finally:
            pool.shutdown(wait=False)

    def _run_steps(self, plan: Plan, pool: ThreadPoolExecutor) -> None:
        dependencies = _step_dependencies(plan)
        graph, lengths = TopologicalSorter(dependencies), _critical_path_lengths(dependencies)
        graph.prepare()
        steps = {change.resource.key: change for change in plan.changes}
        while graph.is_active():
            for key in sorted(graph.get_ready(), key=lengths.__getitem__, reverse=True):
                # Recorded before it is submitted: a step that fails half-way is undone too.
                self.started.append(steps[key])
                self.running[pool.submit(self._apply_change, steps[key])] = key
            finished, _ = wait_for_any(self.running)
            for future in finished:
                key = self.running[future]
                # Raises the step's error. The future then stays in `running`, so that
                # `_wait_for_running_steps` finds it among the others and recognizes its error.
                future.result()
                del self.running[future]
                self.completed.add(key)
                self.report(str(steps[key]))
                graph.done(key)

    def _apply_change(self, change: Change) -> None:
        match change:
            case Create(desired):
                self.client.create(desired)
            case Update(observed, desired):
                self.client.update(observed, desired)
            case Delete(observed):
                self.client.delete(observed)
            case _:
                assert_never(change)

    def _wait_for_running_steps(self, cause: BaseException) -> None:
        """Cancel waits and wait until no step runs; report errors other than ``cause``."""
        self.cancel_token.cancel()
        # Steps still queued in the pool have changed nothing: there is nothing to undo.
        never_ran = {key for future, key in self.running.items() if future.cancel()}
        self.started = [change for change in self.started if change.resource.key not in never_ran]
        wait(self.running)
        for future, key in self.running.items():
            if not future.cancelled() and future.exception() is None:
                self.completed.add(key)
            error = None if future.cancelled() else future.exception()
            known = error is None or error is cause or isinstance(error, WaitCancelledError)
            if not known and isinstance(error, ScarError):
                self.report(f"! {error.problem}")
        # The rollback uses the same handlers, and their waits must work again.
        self.cancel_token.reset()

    def _undo_started_changes(self, plan: Plan) -> None:
        """Undo all started steps, in the reverse order of the plan.

        Not in the reverse order of their start: steps that ran in parallel have no such order,
        but in the plan a resource always comes after those that it depends on. A step that
        cannot be undone is reported and does not stop the others.
        """
        positions = {change.resource.key: index for index, change in enumerate(plan.changes)}
        self.started.sort(key=lambda change: positions[change.resource.key])
        if self.started:
            self.report("Rolling back the changes…")
        kept = self._find_kept_resources()
        while self.started:
            change = self.started[-1]
            try:
                if change.resource.key not in kept:
                    self._undo_change(change)
            except ScarError as error:
                self.report(f"! {change.resource.key} could not be rolled back: {error.problem}")
            # Removed only now: what Ctrl-C interrupts is still among the remaining changes.
            self.started.pop()
        if shown := sorted(str(key) for key in kept if key.kind != StateBucket.kind):
            self.report(
                f"Kept: {', '.join(shown)}. The next `scar init` uses them: AWS needs minutes to"
                " accept new ones. `scar rm` deletes them."
            )

    def _find_kept_resources(self) -> set[ResourceKey]:
        """Return the created resources that stay."""
        return {
            change.resource.key
            for change in self.started
            if isinstance(change, Create)
            and change.resource.kept_on_undo
            and self._may_stay(change.resource)
        }

    def _may_stay(self, resource: Resource) -> bool:
        if resource.key in self.completed:
            return True
        try:
            return resource.may_stay(self.client.read(resource))
        except ScarError:
            return False

    def _report_remaining_changes(self) -> None:
        for change in reversed(self.started):
            self.report(f"! {change.resource.key} may not have been rolled back.")
        self.report("Run `scar init` to complete the deployment, or `scar rm` to delete it.")

    def _undo_change(self, change: Change) -> None:
        match change:
            case Create(desired):
                self.client.delete(desired)
                self.report(f"- {desired.key}")
            case Update(observed, desired):
                self.client.update(desired, observed)
                self.report(f"~ {desired.key} restored")
            case Delete(observed):
                self.client.create(observed)
                self.report(f"+ {observed.key} recreated")
            case _:
                assert_never(change)


def apply(
    plan: Plan,
    client: ResourceClient,
    report: Callable[[str], None],
    *,
    undo: bool = True,
    cancel_token: CancelToken | None = None,
) -> None:
    """Apply the plan; raise the ScarError of the step that failed.

    With ``undo``, completed and half-completed steps are rolled back before, except that created
    roles, instance profiles and empty buckets stay (``Resource.kept_on_undo``).
    """
    PlanExecutor(client, report, undo, cancel_token or CancelToken()).run(plan)


def _step_dependencies(plan: Plan) -> dict[ResourceKey, set[ResourceKey]]:
    """Return for each step the steps that have to be completed before it.

    - A creation waits for the resources that it needs; those that it only uses once it works
      may be created at the same time.
    - An update also waits for the resources that it uses, since the resource works already.
    - A trigger waits for everything below it: once it exists, events arrive.
    - A deletion waits for the deletion of everything that depends on the resource, and for all
      creations and updates: no resource is deleted before its replacement works.
    """
    applied = {c.resource.key: c for c in plan.changes if not isinstance(c, Delete)}
    deleted = {c.resource.key: c.resource for c in plan.changes if isinstance(c, Delete)}
    dependencies = {key: _prerequisites(change, applied) for key, change in applied.items()}
    for key in deleted:
        dependencies[key] = {
            k for k, other in deleted.items() if key in other.depends_on
        } | applied.keys()
    return dependencies


def _critical_path_lengths(
    dependencies: Mapping[ResourceKey, Collection[ResourceKey]],
) -> dict[ResourceKey, int]:
    """Return the length of the longest chain of steps after each: the longest starts first."""
    lengths = dict.fromkeys(dependencies, 0)
    for key in reversed([*TopologicalSorter(dependencies).static_order()]):
        for earlier in dependencies[key]:
            lengths[earlier] = max(lengths[earlier], lengths[key] + 1)
    return lengths


def _prerequisites(change: Change, applied: Mapping[ResourceKey, Change]) -> set[ResourceKey]:
    resource = change.resource
    if resource.is_trigger:
        return _transitive_dependencies(resource, applied)
    return {
        *(resource.needs if isinstance(change, Create) else resource.depends_on)
    } & applied.keys()


def _transitive_dependencies(
    resource: Resource, applied: Mapping[ResourceKey, Change]
) -> set[ResourceKey]:
    """Return the changing resources that the resource depends on, directly or indirectly."""
    found: set[ResourceKey] = set()
    frontier = {*resource.depends_on} & applied.keys()
    while frontier:
        found |= frontier
        frontier = {
            k for key in frontier for k in applied[key].resource.depends_on & applied.keys()
        } - found
    return found
