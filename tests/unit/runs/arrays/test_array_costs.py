"""The upper bound of what an array costs: no outcome of its runs costs more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scar.aws.model.prices import find_prices
from scar.runs.arrays.array_plan import ChildResources, estimate_most, plan_jobs
from supervisor.batch.resubmission import plan_next_job
from supervisor.invocation import RunJob, RunOwner
from supervisor.job_model import BatchTarget, ExitRetry, JobCapacity, JobOptions
from supervisor.model import ComputeService

TARGET = BatchTarget(queue="scar-1", definition="fn", memory=512)


def test_the_upper_bound_of_cost_grows_with_children_time_and_size() -> None:
    at = find_prices("us-east-1")
    small = ChildResources(vcpus=1, memory=1024, gpus=0, timeout=3600, is_fargate=False)
    one = estimate_most(1, small, at)
    assert one is not None
    # Half of a m5.large for an hour: 0.048 USD, and some requests.
    assert 0.048 < one < 0.0482
    assert estimate_most(1000, small, at) == pytest.approx(1000 * one)
    fargate = ChildResources(vcpus=1, memory=2048, gpus=0, timeout=3600, is_fargate=True)
    assert (estimate_most(1, fargate, at) or 0) > 0.04048
    no_bound = ChildResources(vcpus=1, memory=1024, gpus=1, timeout=3600, is_fargate=False)
    assert estimate_most(1, no_bound, at) is None


def test_the_upper_bound_of_cost_has_every_attempt_of_every_job() -> None:
    at = find_prices("us-east-1")
    for is_fargate in (False, True):
        once = ChildResources(vcpus=1, memory=2048, gpus=0, timeout=3600, is_fargate=is_fargate)
        thrice = replace(once, attempts=3)
        assert estimate_most(7, thrice, at) == pytest.approx(3 * (estimate_most(7, once, at) or 0))
        requested = [JobOptions(attempts=5)]
        most = estimate_most(7, thrice, at, requested)
        assert most == pytest.approx(5 * (estimate_most(7, once, at) or 0))
        grown = estimate_most(7, once, at, [JobOptions(), JobOptions(memory=4096, vcpus="1")])
        larger = replace(once, memory=4096)
        both = [estimate_most(7, size, at) or 0 for size in (once, larger)]
        assert grown == pytest.approx(sum(both))
        assert both[1] > both[0]
        assert estimate_most(7, once, at, [JobOptions(), JobOptions(gpus=1)]) is None


@given(
    st.lists(
        st.builds(
            ExitRetry,
            exit_code=st.sampled_from([1, 137]),
            attempts=st.integers(2, 6),
            factor=st.sampled_from([1.0, 1.5, 2.0]),
            memory=st.sampled_from([0, 3000]),
            up_to=st.sampled_from([0, 2000, 5000]),
        ),
        max_size=3,
    ),
    st.lists(st.integers(0, 2), max_size=8),
)
@example(
    [ExitRetry(exit_code=1, attempts=2), ExitRetry(exit_code=2, memory=3000, up_to=2000)], [0, 1]
)
def test_no_sequence_of_failures_has_larger_jobs_than_the_upper_bound(
    rules: list[ExitRetry], failures: list[int]
) -> None:
    capacity = JobCapacity(shapes=((2, 8000, 0),))
    target = replace(TARGET, vcpus="1", capacity=capacity, retry=tuple(rules))
    planned = plan_jobs(target, JobOptions())
    job = RunJob(options=JobOptions())
    for number in failures if rules else ():
        following = plan_next_job(
            target, rules[number % len(rules)], job, RunOwner(site=ComputeService.BATCH, request="")
        )
        if isinstance(following, str):
            break
        job = following
        assert job.number <= len(planned)
        assert job.options.memory <= planned[job.number - 1].memory
