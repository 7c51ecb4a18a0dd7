"""After any sequence of deployments and faults, the next ``init`` or ``rm`` converges.

A few hundred steps, the same in every run; ``HYPOTHESIS_PROFILE=thorough`` tries more and others.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scar.aws.deploy.deploy import list_function_names
from scar.errors import OperationRefusedError, ScarError
from scar.fdl.model import BatchSpec, ComputeResourcesSpec, StorageSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import new_function
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support import foreign_resources
from tests.functional.aws.support.factories import (
    MODES,
    a_function,
    deploy,
    remaining_resources,
    remove,
)
from tests.functional.aws.support.fault_injection import FaultInjector, FaultKind, ProcessDied
from tests.functional.aws.support.moto_account import an_account
from tests.profiles import PROFILE, examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function

NAMES = st.sampled_from(("crop", "cut"))
# An init of both functions makes about 120 calls; 0: no fault.
FAULTS = st.one_of(
    st.just((0, FaultKind.DENIED)),
    st.tuples(st.integers(1, 120), st.sampled_from(list(FaultKind))),
)


@st.composite
def functions(draw: st.DrawFn) -> Function:
    """Draw a function; its folders are in an existing bucket or in one that scar creates."""
    name, mode = draw(NAMES), draw(st.sampled_from(MODES))
    folder, bucket = draw(st.sampled_from(("a", "b"))), draw(st.sampled_from(("photos", "fresh")))
    compute = ComputeResourcesSpec(type=draw(st.sampled_from(("EC2", "FARGATE"))))
    return new_function(
        name=name,
        image=draw(st.sampled_from(("busybox:1", "busybox:2"))),
        execution_mode=ExecutionMode(mode),
        memory=draw(st.sampled_from((512, 1024))),
        retries=draw(st.integers(0, 1)),
        input=(StorageSpec(path=f"photos/{name}-{folder}"),),
        output=(StorageSpec(path=f"{bucket}/{name}-out"),),
        batch=BatchSpec(memory=2048, compute_resources=compute) if mode != "lambda" else None,
    )


class Deployments(RuleBasedStateMachine):
    """A user edits an FDL, deploys and removes; the account has other resources; calls fail."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.connection: AwsConnection = self.stack.enter_context(an_account())
        self.injector = FaultInjector.to(self.connection)
        self.images = FakeImages()
        self.desired: dict[str, Function] = {}

    @initialize()
    def create_foreign_resources(self) -> None:
        foreign_resources.create(self.connection)
        self.foreign = foreign_resources.snapshot(self.connection)
        self.before = remaining_resources(self.connection)

    @rule(function=functions())
    def edit(self, function: Function) -> None:
        self.desired[function.name] = function

    @precondition(lambda self: self.desired)
    @rule(name=NAMES)
    def delete_from_file(self, name: str) -> None:
        self.desired.pop(name, None)

    @precondition(lambda self: self.desired)
    @rule(fault=FAULTS)
    def init(self, fault: tuple[int, FaultKind]) -> None:
        self._run(fault, lambda: deploy(self.connection, self.images, *self.desired.values()))

    @rule(name=NAMES, fault=FAULTS)
    def rm(self, name: str, fault: tuple[int, FaultKind]) -> None:
        self._run(fault, lambda: remove(self.connection, name))

    @invariant()
    def foreign_resources_are_unchanged(self) -> None:
        if hasattr(self, "foreign"):
            assert foreign_resources.snapshot(self.connection) == self.foreign

    def teardown(self) -> None:
        with self.stack:
            if hasattr(self, "foreign"):
                self._assert_convergence()

    def _run(self, fault: tuple[int, FaultKind], action: Callable[[], object]) -> None:
        """Run the action; raise its error unless a fault was injected."""
        try:
            with self.injector.inject(*fault):
                action()
        except (ScarError, ProcessDied):
            if not self.injector.injected:
                raise

    def _assert_convergence(self) -> None:
        desired = self.desired.values()
        if desired:
            deploy(self.connection, self.images, *desired)
            assert str(deploy(self.connection, self.images, *desired)) == "Nothing to change."
        remove(self.connection, *list_function_names(self.connection))
        assert list_function_names(self.connection) == ()
        assert remaining_resources(self.connection) == self.before
        self.foreign_resources_are_unchanged()


Deployments.TestCase.settings = settings(
    max_examples=examples(10),
    stateful_step_count=8,
    derandomize=PROFILE == "usual",
    suppress_health_check=list(HealthCheck),
    database=None,
)
TestDeployments = pytest.mark.timeout(1800)(Deployments.TestCase)


def test_a_foreign_role_with_the_same_name_is_an_error_and_is_left_alone(
    connection: AwsConnection, images: FakeImages
) -> None:
    foreign_resources.create(connection)
    before: Any = foreign_resources.snapshot(connection)
    with pytest.raises(
        OperationRefusedError, match="paste-eu-west-1-job exists, but not under the path /scar/"
    ):
        deploy(connection, images, a_function("batch", name="paste"))
    remove(connection, "paste")
    assert foreign_resources.snapshot(connection) == before
