"""Carry out a plan: in order, independent steps at the same time, undone if one fails."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Protocol, assert_never

from scar.aws.cloud import PARALLEL
from scar.aws.plan import Change, Create, Delete, Plan, Update
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.resources import Key, Resource


class World(Protocol):
    """What changes are made to; every method raises ScarError."""

    def create(self, resource: Resource) -> None: ...
    def update(self, observed: Resource, desired: Resource) -> None: ...
    def delete(self, resource: Resource) -> None: ...


@dataclass(slots=True)
class Applying:
    """One run of one plan; ``report`` gets a line per step done, from one thread only."""

    world: World
    report: Callable[[str], None]
    undo: bool = True
    done: list[Change] = field(default_factory=list)
    begun: list[Change] = field(default_factory=list)

    def run(self, plan: Plan) -> None:
        """Make all changes; after a failure start nothing new, undo, raise the first error."""
        graph = TopologicalSorter(_order(plan))
        graph.prepare()
        running: dict[Future[None], Key] = {}
        steps = {change.resource.key: change for change in plan.changes}
        try:
            with ThreadPoolExecutor(PARALLEL) as pool:
                while graph.is_active():
                    for key in graph.get_ready():
                        self.begun.append(steps[key])
                        running[pool.submit(self._carry_out, steps[key])] = key
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        key = running.pop(future)
                        future.result()
                        self._finished(steps[key])
                        graph.done(key)
        except BaseException:
            # The pool has waited: what was begun has ended, one way or the other.
            if self.undo:
                self._undo()
            raise

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

    def _finished(self, change: Change) -> None:
        self.done.append(change)
        self.report(str(change))

    def _undo(self) -> None:
        """Take back what was begun, last first; a step that failed half-way is taken back too."""
        if self.begun:
            self.report("Undoing what was changed…")
        for change in reversed(self.begun):
            try:
                self._take_back(change)
            except ScarError as error:
                self.report(f"! {change.resource.key} is left as it is: {error.problem}")

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


def apply(plan: Plan, world: World, report: Callable[[str], None], *, undo: bool = True) -> None:
    """Carry out the plan; raise the ScarError of the step that failed."""
    Applying(world, report, undo).run(plan)


def _order(plan: Plan) -> dict[Key, set[Key]]:
    """Say which step waits for which: making for what is needed, deleting for what needs it.

    What is deleted waits for everything that is made: nothing goes before its successor.
    """
    made = {c.resource.key: c.resource for c in plan.changes if not isinstance(c, Delete)}
    gone = {c.resource.key: c.resource for c in plan.changes if isinstance(c, Delete)}
    order = {key: set(resource.needs & made.keys()) for key, resource in made.items()}
    for key in gone:
        order[key] = {k for k, other in gone.items() if key in other.needs} | made.keys()
    return order
