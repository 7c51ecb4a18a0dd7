from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scar.local.lambda_.model import DeployedFunction, LambdaApiError
from scar.local.lambda_.pool import WorkerPool

CONCURRENCY, WARM = 3, 2


def a_function(name: str, *, memory_mb: int = 128, reserved: int | None = None) -> DeployedFunction:
    return DeployedFunction(
        name=name,
        arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        memory_mb=memory_mb,
        timeout=3,
        image_uri="image",
        reserved_concurrency=reserved,
    )


class Servant:
    def __init__(self, function: DeployedFunction) -> None:
        self.function = function
        self.idle_since = 0.0
        self.dead = False
        self.closed = False
        self.flushed = 0

    @property
    def is_alive(self) -> bool:
        return not self.dead and not self.closed

    def flush(self) -> None:
        self.flushed += 1

    def close(self) -> None:
        self.closed = True


class Directory:
    def __init__(self) -> None:
        self.functions = {
            name: a_function(name, reserved=reserved)
            for name, reserved in (("f", None), ("g", 1), ("h", None))
        }

    def get(self, name_or_arn: str, /) -> DeployedFunction | None:
        return self.functions.get(name_or_arn.rpartition(":")[2])


class Leases(RuleBasedStateMachine):
    """Limits hold and no worker leaks, in any order of leases, releases and changes."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Servant] = []
        self.leased: list[Servant] = []
        self.directory = Directory()
        self.pool: WorkerPool[Servant] = WorkerPool(
            self.make,
            concurrency=CONCURRENCY,
            warm_limit=WARM,
            idle_limit=60,
            on_release=lambda: None,
        )

    def make(self, function: DeployedFunction) -> Servant:
        self.made.append(Servant(function))
        return self.made[-1]

    @rule(name=st.sampled_from("fgh"))
    def lease(self, name: str) -> None:
        function = self.directory.functions[name]
        own = sum(servant.function.name == name for servant in self.leased)
        full = len(self.leased) == CONCURRENCY
        if full or own == function.reserved_concurrency:
            with pytest.raises(LambdaApiError):
                self.pool.lease(function)
            return
        servant = self.pool.lease(function)
        assert servant.is_alive
        assert servant.function.sandbox_key == function.sandbox_key
        assert servant not in self.leased
        self.leased.append(servant)

    @precondition(lambda self: self.leased)
    @rule(position=st.integers(0, CONCURRENCY), dies=st.booleans())
    def give_back(self, position: int, dies: bool) -> None:
        servant = self.leased.pop(position % len(self.leased))
        servant.dead = dies
        self.pool.release(servant)
        assert servant.is_alive or servant.closed

    @precondition(lambda self: self.leased)
    @rule(position=st.integers(0, CONCURRENCY), dies=st.booleans())
    def renew(self, position: int, dies: bool) -> None:
        servant = self.leased[position % len(self.leased)]
        servant.dead |= dies
        function = self.directory.functions[servant.function.name]
        is_current = servant.function.sandbox_key == function.sandbox_key
        assert self.pool.renew(servant, function) == (is_current and not servant.dead)

    @rule(name=st.sampled_from("fgh"))
    def change(self, name: str) -> None:
        function = self.directory.functions[name]
        self.directory.functions[name] = replace(function, memory_mb=function.memory_mb + 1)

    @rule()
    def sweep(self) -> None:
        self.pool.close_stale_workers(self.directory)
        for servant in self.made:
            if not servant.closed and servant not in self.leased:
                present = self.directory.functions[servant.function.name]
                assert servant.function.sandbox_key == present.sandbox_key

    @invariant()
    def limits_hold(self) -> None:
        waiting = [s for s in self.made if not s.closed and s not in self.leased]
        assert self.pool.running_count == len(self.leased) <= CONCURRENCY
        assert self.pool.warm_count == len(waiting) <= WARM

    def teardown(self) -> None:
        self.pool.close()
        assert all(s.closed for s in self.made)


Leases.TestCase.settings = settings(stateful_step_count=30)
TestLeases = Leases.TestCase


def test_output_of_waiting_sandboxes_becomes_visible_too() -> None:
    """The last output of an invocation may arrive after the invocation has ended."""
    made: list[Servant] = []

    def make(function: DeployedFunction) -> Servant:
        made.append(Servant(function))
        return made[-1]

    pool = WorkerPool(make, concurrency=2, warm_limit=2, idle_limit=60, on_release=lambda: None)
    waiting, _ = pool.lease(a_function("f")), pool.lease(a_function("g"))
    pool.release(waiting)
    pool.flush()
    pool.close()
    assert [servant.flushed for servant in made] == [1, 1]
