"""Supervisors in threads that run step by step: a test chooses who calls the store next."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.fakes.object_store import Crash, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.batch.failure_handler import FailureHandler
    from supervisor.execution.core import Supervisor
    from supervisor.invocation import Invocation
    from supervisor.model import ObjectRef
    from supervisor.results import InvocationResult

TIMEOUT = 300.0  # seconds, so that a faulty test ends


@dataclass(slots=True)
class Turns:
    """Blocks each store call of an actor until its next step.

    Calls of other threads are not blocked.
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
    """A thread in which a supervisor handles one invocation."""

    turns: Turns
    supervisor: Supervisor | FailureHandler
    invocation: Invocation
    handled: InvocationResult | None = None
    dead: bool = False
    interruption: BaseException | None = None
    error: BaseException | None = None
    _may_continue: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def has_ended(self) -> bool:
        return self._thread is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Run to the first store call, and stop before it."""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._stopped.clear()
        self._thread.start()
        self._wait_until_stopped()

    def step(self) -> None:
        """Make one store call, and stop before the next."""
        self._stopped.clear()
        self._may_continue.set()
        self._wait_until_stopped()

    def crash(self) -> None:
        """Raise Crash instead of the next store call."""
        self.dead = True
        self.step()

    def interrupt(self, error: BaseException) -> None:
        """Raise an error, as a signal's handler does, instead of the next store call."""
        self.interruption = error
        self.step()

    def finish(self) -> None:
        while not self.has_ended:
            self.step()

    def wait_for_turn(self) -> None:
        self._stopped.set()
        assert self._may_continue.wait(TIMEOUT), "the test did not continue an actor"
        self._may_continue.clear()
        if self.dead:
            raise Crash
        if self.interruption is not None:
            error, self.interruption = self.interruption, None
            raise error

    def _wait_until_stopped(self) -> None:
        assert self._stopped.wait(TIMEOUT), "an actor did not stop"
        if self._thread is not None and self.handled is None and self.error is None:
            return
        if self._thread is not None:
            self._thread.join(TIMEOUT)

    def _work(self) -> None:
        self.turns.actors[threading.get_ident()] = self
        try:
            self.handled = self.supervisor.handle(self.invocation)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error
        finally:
            del self.turns.actors[threading.get_ident()]
            self._stopped.set()


def actor(
    turns: Turns,
    supervisor: Supervisor | FailureHandler,
    invocation: Invocation,
    *,
    now: Callable[[], float],
) -> Actor:
    """Start an actor whose clock is ``now``, and stop it before its first store call."""
    started = Actor(turns=turns, supervisor=replace(supervisor, now=now), invocation=invocation)
    started.start()
    return started
