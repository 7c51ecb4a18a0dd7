"""Supervisors as threads that take turns: one call to the store each, or a death in between."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.fakes.object_store import Crash, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.batch.failure_handler import FailureHandler
    from supervisor.execution.core import Supervisor
    from supervisor.invocation import Invocation, InvocationResult
    from supervisor.model import ObjectRef

PATIENCE = 300.0  # seconds, so that a mistake in a test ends


@dataclass(slots=True)
class Turns:
    """A store that lets a caller pass only when it is its turn.

    Calls of threads that are no actors pass at once.
    """

    store: MemoryStore
    actors: dict[int, Actor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store.before = self._wait

    def _wait(self, method: str, ref: ObjectRef) -> None:
        del method, ref
        actor = self.actors.get(threading.get_ident())
        if actor is not None:
            actor.wait_for_turn()


@dataclass(slots=True, repr=False)
class Actor:
    """One supervisor at work on one invocation."""

    turns: Turns
    supervisor: Supervisor | FailureHandler
    invocation: Invocation
    handled: InvocationResult | None = None
    dead: bool = False
    error: BaseException | None = None
    _mine: threading.Event = field(default_factory=threading.Event)
    _resting: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def over(self) -> bool:
        return self._thread is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Go to the first call of the store, and stop before it."""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._resting.clear()
        self._thread.start()
        self._rest()

    def step(self) -> None:
        """Make one call of the store, and stop before the next."""
        self._resting.clear()
        self._mine.set()
        self._rest()

    def crash(self) -> None:
        """Die before the next call."""
        self.dead = True
        self.step()

    def finish(self) -> None:
        while not self.over:
            self.step()

    def wait_for_turn(self) -> None:
        self._resting.set()
        assert self._mine.wait(PATIENCE), "an actor was forgotten"
        self._mine.clear()
        if self.dead:
            raise Crash

    def _rest(self) -> None:
        assert self._resting.wait(PATIENCE), "an actor does not come back"
        if self._thread is not None and self.handled is None and self.error is None:
            return
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def _work(self) -> None:
        self.turns.actors[threading.get_ident()] = self
        try:
            self.handled = self.supervisor.handle(self.invocation)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error
        finally:
            del self.turns.actors[threading.get_ident()]
            self._resting.set()


def actor(
    turns: Turns,
    supervisor: Supervisor | FailureHandler,
    invocation: Invocation,
    *,
    now: Callable[[], float],
) -> Actor:
    """Start an actor whose clock is ``now``; it stands before its first call."""
    made = Actor(turns=turns, supervisor=replace(supervisor, now=now), invocation=invocation)
    made.start()
    return made
