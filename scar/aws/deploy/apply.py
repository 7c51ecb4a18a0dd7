"""Carry out a plan: in order, independent steps at the same time, undone if one fails."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Protocol, assert_never

from scar.aws.client.waiter import CancelToken, WaitCancelledError, wait_for_any
from scar.aws.handlers.aws_resources import PARALLEL
from scar.aws.model.plan import Change, Create, Delete, Plan, Update
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from scar.aws.model.resources import Resource, ResourceKey


class ResourceClient(Protocol):
    """What changes are made to; every method raises ScarError."""

    def create(self, resource: Resource) -> None: ...
    def update(self, observed: Resource, desired: Resource) -> None: ...
    def delete(self, resource: Resource) -> None: ...


@dataclass(slots=True)
class PlanExecutor:
    """One run of one plan; ``report`` gets a line per step done.

    Ctrl-C is a failure like any other: nothing new starts, waits that end by ``stop`` are cut,
    what was begun is undone. A second one ends the undoing; what is left is said.
    """

    client: ResourceClient
    report: Callable[[str], None]
    undo: bool = True
    cancel_token: CancelToken = field(default_factory=CancelToken)
    started: list[Change] = field(default_factory=list)
    running: dict[Future[None], ResourceKey] = field(default_factory=dict)

    def run(self, plan: Plan) -> None:
        """Make all changes; after a failure start nothing new, undo, raise the first error."""
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
        order = _step_dependencies(plan)
        graph, to_come = TopologicalSorter(order), _critical_path_lengths(order)
        graph.prepare()
        steps = {change.resource.key: change for change in plan.changes}
        while graph.is_active():
            for key in sorted(graph.get_ready(), key=to_come.__getitem__, reverse=True):
                self.started.append(steps[key])
                self.running[pool.submit(self._apply_change, steps[key])] = key
            finished, _ = wait_for_any(self.running)
            for future in finished:
                key = self.running[future]
                future.result()
                del self.running[future]
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
        """Wait until nothing runs any more; the first failure may not be the last."""
        self.cancel_token.cancel()
        never = {key for future, key in self.running.items() if future.cancel()}
        self.started = [change for change in self.started if change.resource.key not in never]
        wait(self.running)
        for future in self.running:
            error = None if future.cancelled() else future.exception()
            known = error is None or error is cause or isinstance(error, WaitCancelledError)
            if not known and isinstance(error, ScarError):
                self.report(f"! {error.problem}")
        self.cancel_token.reset()

    def _undo_started_changes(self, plan: Plan) -> None:
        """Take back what was begun, last first; a step that failed half-way is taken back too.

        Last in the plan, that is: what was made along with what it uses goes before that.
        """
        place = {change.resource.key: number for number, change in enumerate(plan.changes)}
        self.started.sort(key=lambda change: place[change.resource.key])
        if self.started:
            self.report("Undoing what was changed…")
        while self.started:
            change = self.started[-1]
            try:
                self._undo_change(change)
            except ScarError as error:
                self.report(f"! {change.resource.key} is left as it is: {error.problem}")
            self.started.pop()

    def _report_remaining_changes(self) -> None:
        for change in reversed(self.started):
            self.report(f"! {change.resource.key} may be left changed.")
        self.report("`scar init` puts it right, `scar rm` takes it away.")

    def _undo_change(self, change: Change) -> None:
        match change:
            case Create(desired):
                self.client.delete(desired)
                self.report(f"- {desired.key}")
            case Update(observed, desired):
                self.client.update(desired, observed)
                self.report(f"~ {desired.key} as it was")
            case Delete(observed):
                self.client.create(observed)
                self.report(f"+ {observed.key} again")
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
    """Carry out the plan; raise the ScarError of the step that failed."""
    PlanExecutor(client, report, undo, cancel_token or CancelToken()).run(plan)


def _step_dependencies(plan: Plan) -> dict[ResourceKey, set[ResourceKey]]:
    """Say which step waits for which: making for what is needed, deleting for what rests on it.

    What is there already works: it changes after what it uses. What sets work off waits for all
    that is below it. What is deleted waits for everything that is made: nothing goes before its
    successor.
    """
    made = {c.resource.key: c for c in plan.changes if not isinstance(c, Delete)}
    gone = {c.resource.key: c.resource for c in plan.changes if isinstance(c, Delete)}
    order = {key: _prerequisites(change, made) for key, change in made.items()}
    for key in gone:
        order[key] = {k for k, other in gone.items() if key in other.depends_on} | made.keys()
    return order


def _critical_path_lengths(
    order: Mapping[ResourceKey, Collection[ResourceKey]],
) -> dict[ResourceKey, int]:
    """Say how many steps come after each, one after another: what most rests on goes first."""
    found = dict.fromkeys(order, 0)
    for key in reversed([*TopologicalSorter(order).static_order()]):
        for earlier in order[key]:
            found[earlier] = max(found[earlier], found[key] + 1)
    return found


def _prerequisites(change: Change, made: Mapping[ResourceKey, Change]) -> set[ResourceKey]:
    resource = change.resource
    if resource.is_trigger:
        return _transitive_dependencies(resource, made)
    return {*(resource.needs if isinstance(change, Create) else resource.depends_on)} & made.keys()


def _transitive_dependencies(
    resource: Resource, made: Mapping[ResourceKey, Change]
) -> set[ResourceKey]:
    """Return all that changes and that the resource rests on, directly or not."""
    found: set[ResourceKey] = set()
    open_ = {*resource.depends_on} & made.keys()
    while open_:
        found |= open_
        open_ = {k for key in open_ for k in made[key].resource.depends_on & made.keys()} - found
    return found
