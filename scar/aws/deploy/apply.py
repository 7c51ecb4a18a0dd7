"""Carry out a plan: in order, independent steps at the same time, undone if one fails."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Protocol, assert_never

from scar.aws.client.waiter import CutShort, Stop, any_done
from scar.aws.handlers.aws_resources import PARALLEL
from scar.aws.model.plan import Change, Create, Delete, Plan, Update
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from scar.aws.model.resources import Key, Resource


class World(Protocol):
    """What changes are made to; every method raises ScarError."""

    def create(self, resource: Resource) -> None: ...
    def update(self, observed: Resource, desired: Resource) -> None: ...
    def delete(self, resource: Resource) -> None: ...


@dataclass(slots=True)
class Applying:
    """One run of one plan; ``report`` gets a line per step done.

    Ctrl-C is a failure like any other: nothing new starts, waits that end by ``stop`` are cut,
    what was begun is undone. A second one ends the undoing; what is left is said.
    """

    world: World
    report: Callable[[str], None]
    undo: bool = True
    stop: Stop = field(default_factory=Stop)
    begun: list[Change] = field(default_factory=list)
    running: dict[Future[None], Key] = field(default_factory=dict)

    def run(self, plan: Plan) -> None:
        """Make all changes; after a failure start nothing new, undo, raise the first error."""
        pool = ThreadPoolExecutor(PARALLEL)
        try:
            self._all(plan, pool)
        except BaseException as error:
            try:
                self._calm_down(error)
                if self.undo:
                    self._undo(plan)
            except KeyboardInterrupt:
                self._tell_what_is_left()
                raise
            raise
        finally:
            pool.shutdown(wait=False)

    def _all(self, plan: Plan, pool: ThreadPoolExecutor) -> None:
        order = _order(plan)
        graph, to_come = TopologicalSorter(order), _to_come(order)
        graph.prepare()
        steps = {change.resource.key: change for change in plan.changes}
        while graph.is_active():
            for key in sorted(graph.get_ready(), key=to_come.__getitem__, reverse=True):
                self.begun.append(steps[key])
                self.running[pool.submit(self._carry_out, steps[key])] = key
            finished, _ = any_done(self.running)
            for future in finished:
                key = self.running[future]
                future.result()
                del self.running[future]
                self.report(str(steps[key]))
                graph.done(key)

    def _carry_out(self, change: Change) -> None:
        match change:
            case Create(desired):
                self.world.create(desired)
            case Update(observed, desired):
                self.world.update(observed, desired)
            case Delete(observed):
                self.world.delete(observed)
            case _:
                assert_never(change)

    def _calm_down(self, cause: BaseException) -> None:
        """Wait until nothing runs any more; the first failure may not be the last."""
        self.stop.cut()
        never = {key for future, key in self.running.items() if future.cancel()}
        self.begun = [change for change in self.begun if change.resource.key not in never]
        wait(self.running)
        for future in self.running:
            error = None if future.cancelled() else future.exception()
            known = error is None or error is cause or isinstance(error, CutShort)
            if not known and isinstance(error, ScarError):
                self.report(f"! {error.problem}")
        self.stop.lift()

    def _undo(self, plan: Plan) -> None:
        """Take back what was begun, last first; a step that failed half-way is taken back too.

        Last in the plan, that is: what was made along with what it uses goes before that.
        """
        place = {change.resource.key: number for number, change in enumerate(plan.changes)}
        self.begun.sort(key=lambda change: place[change.resource.key])
        if self.begun:
            self.report("Undoing what was changed…")
        while self.begun:
            change = self.begun[-1]
            try:
                self._take_back(change)
            except ScarError as error:
                self.report(f"! {change.resource.key} is left as it is: {error.problem}")
            self.begun.pop()

    def _tell_what_is_left(self) -> None:
        for change in reversed(self.begun):
            self.report(f"! {change.resource.key} may be left changed.")
        self.report("`scar init` puts it right, `scar rm` takes it away.")

    def _take_back(self, change: Change) -> None:
        match change:
            case Create(desired):
                self.world.delete(desired)
                self.report(f"- {desired.key}")
            case Update(observed, desired):
                self.world.update(desired, observed)
                self.report(f"~ {desired.key} as it was")
            case Delete(observed):
                self.world.create(observed)
                self.report(f"+ {observed.key} again")
            case _:
                assert_never(change)


def apply(
    plan: Plan,
    world: World,
    report: Callable[[str], None],
    *,
    undo: bool = True,
    stop: Stop | None = None,
) -> None:
    """Carry out the plan; raise the ScarError of the step that failed."""
    Applying(world, report, undo, stop or Stop()).run(plan)


def _order(plan: Plan) -> dict[Key, set[Key]]:
    """Say which step waits for which: making for what is needed, deleting for what rests on it.

    What is there already works: it changes after what it uses. What sets work off waits for all
    that is below it. What is deleted waits for everything that is made: nothing goes before its
    successor.
    """
    made = {c.resource.key: c for c in plan.changes if not isinstance(c, Delete)}
    gone = {c.resource.key: c.resource for c in plan.changes if isinstance(c, Delete)}
    order = {key: _awaited(change, made) for key, change in made.items()}
    for key in gone:
        order[key] = {k for k, other in gone.items() if key in other.rests_on} | made.keys()
    return order


def _to_come(order: Mapping[Key, Collection[Key]]) -> dict[Key, int]:
    """Say how many steps come after each, one after another: what most rests on goes first."""
    found = dict.fromkeys(order, 0)
    for key in reversed([*TopologicalSorter(order).static_order()]):
        for earlier in order[key]:
            found[earlier] = max(found[earlier], found[key] + 1)
    return found


def _awaited(change: Change, made: Mapping[Key, Change]) -> set[Key]:
    resource = change.resource
    if resource.sets_off:
        return _below(resource, made)
    return {*(resource.needs if isinstance(change, Create) else resource.rests_on)} & made.keys()


def _below(resource: Resource, made: Mapping[Key, Change]) -> set[Key]:
    """Return all that changes and that the resource rests on, directly or not."""
    found: set[Key] = set()
    open_ = {*resource.rests_on} & made.keys()
    while open_:
        found |= open_
        open_ = {k for key in open_ for k in made[key].resource.rests_on & made.keys()} - found
    return found
