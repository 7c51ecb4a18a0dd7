"""Whatever happens in whatever order, the next ``init`` or ``rm`` repairs it.

A few hundred steps, always the same; ``HYPOTHESIS_PROFILE=thorough`` tries more, and others.
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
from tests.functional.aws import foreign_resources
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.factories import MODES, a_function, deploy, left, remove
from tests.functional.aws.fault_injection import Accidents, Died, Kind
from tests.functional.aws.moto_account import an_account
from tests.profiles import PROFILE, examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function

NAMES = st.sampled_from(("crop", "cut"))
# An init of both functions makes about 120 calls; 0: nothing goes wrong.
ACCIDENTS = st.one_of(
    st.just((0, Kind.REFUSED)),
    st.tuples(st.integers(1, 120), st.sampled_from(list(Kind))),
)


@st.composite
def functions(draw: st.DrawFn) -> Function:
    """Draw a function; its folders are in a bucket of others' or in one that scar makes."""
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
    """Somebody edits an FDL, deploys and removes, next to others, and things go wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.connection: AwsConnection = self.stack.enter_context(an_account())
        self.accidents = Accidents.to(self.connection)
        self.images = FakeImages()
        self.wanted: dict[str, Function] = {}

    @initialize()
    def others_are_there(self) -> None:
        foreign_resources.make(self.connection)
        self.others = foreign_resources.state(self.connection)
        self.before = left(self.connection)

    @rule(function=functions())
    def describe(self, function: Function) -> None:
        self.wanted[function.name] = function

    @precondition(lambda self: self.wanted)
    @rule(name=NAMES)
    def forget(self, name: str) -> None:
        self.wanted.pop(name, None)

    @precondition(lambda self: self.wanted)
    @rule(accident=ACCIDENTS)
    def init(self, accident: tuple[int, Kind]) -> None:
        self._try(accident, lambda: deploy(self.connection, self.images, *self.wanted.values()))

    @rule(name=NAMES, accident=ACCIDENTS)
    def rm(self, name: str, accident: tuple[int, Kind]) -> None:
        self._try(accident, lambda: remove(self.connection, name))

    @invariant()
    def others_keep_what_they_have(self) -> None:
        if hasattr(self, "others"):
            assert foreign_resources.state(self.connection) == self.others

    def teardown(self) -> None:
        with self.stack:
            if hasattr(self, "others"):
                self._converges()

    def _try(self, accident: tuple[int, Kind], action: Callable[[], object]) -> None:
        """Act; only an accident may stop it."""
        try:
            with self.accidents.happening(*accident):
                action()
        except (ScarError, Died):
            if not self.accidents.happened:
                raise

    def _converges(self) -> None:
        wanted = self.wanted.values()
        if wanted:
            deploy(self.connection, self.images, *wanted)
            assert str(deploy(self.connection, self.images, *wanted)) == "Nothing to change."
        remove(self.connection, *list_function_names(self.connection))
        assert list_function_names(self.connection) == ()
        assert left(self.connection) == self.before
        self.others_keep_what_they_have()


Deployments.TestCase.settings = settings(
    max_examples=examples(10),
    stateful_step_count=8,
    derandomize=PROFILE == "usual",
    suppress_health_check=list(HealthCheck),
    database=None,
)
TestDeployments = pytest.mark.timeout(1800)(Deployments.TestCase)


def test_a_role_of_others_is_said_to_be_in_the_way_and_left_alone(
    connection: AwsConnection, images: FakeImages
) -> None:
    foreign_resources.make(connection)
    others: Any = foreign_resources.state(connection)
    with pytest.raises(
        OperationRefusedError, match="paste-eu-west-1-job exists, but not under the path /scar/"
    ):
        deploy(connection, images, a_function("batch", name="paste"))
    remove(connection, "paste")
    assert foreign_resources.state(connection) == others
