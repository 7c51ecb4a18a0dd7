"""After any sequence of deployments, removals and faults, init finds what a plan would find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scar.aws.deploy.deploy import init
from scar.errors import ScarError
from tests.fakes.functions import changed
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support.factories import a_function, deploy, remove
from tests.functional.aws.support.fault_injection import FaultInjector, FaultKind, ProcessDied
from tests.functional.aws.support.moto_account import an_account
from tests.profiles import PROFILE, examples

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function

# An init makes about 90 calls; 0: no fault.
FAULTS = st.one_of(
    st.just((0, FaultKind.DENIED)),
    st.tuples(st.integers(1, 90), st.sampled_from(list(FaultKind))),
)
NAMES = ("crop", "cut")
FUNCTIONS = st.builds(
    lambda mode, name, memory: changed(a_function(mode, name=name), memory=memory),
    st.sampled_from(("lambda", "lambda-batch")),
    st.sampled_from(NAMES),
    st.sampled_from((512, 1024)),
)
# What is deployed together: one function of each name at most; or, as a name, what is removed.
STEPS = st.tuples(
    st.one_of(
        st.sampled_from(NAMES),
        st.lists(FUNCTIONS, min_size=1, max_size=2, unique_by=lambda f: f.name).map(tuple),
    ),
    FAULTS,
)


def run_step(
    connection: AwsConnection, images: FakeImages, step: str | tuple[Function, ...]
) -> None:
    if isinstance(step, str):
        remove(connection, step)
        return
    deploy(connection, images, *step, refresh=False)


@pytest.mark.timeout(900)
@given(st.lists(STEPS, min_size=2, max_size=5))
@settings(
    max_examples=examples(6),
    derandomize=PROFILE == "usual",
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_a_plan_after_a_trusting_init_is_empty(
    steps: list[tuple[str | tuple[Function, ...], tuple[int, FaultKind]]],
) -> None:
    with an_account() as connection:
        injector, images = FaultInjector.to(connection), FakeImages()
        for step, fault in steps:
            try:
                with injector.inject(*fault):
                    run_step(connection, images, step)
            except (ScarError, ProcessDied):
                if not injector.injected:
                    raise
            if isinstance(step, str):
                continue
            for _ in range(2):  # what the first one records, the second one trusts
                deploy(connection, images, *step, refresh=False)
            plan = init(step, connection, lambda _: None, images=images, dry_run=True)
            assert str(plan) == "Nothing to change."
