"""Larger sizes for a job that ran out of memory."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.job_sizes import larger_sizes
from scar.aws.model import limits
from scar.fdl.model import BatchSpec, ComputeResourcesSpec


def on_fargate(vcpus: str, memory: int) -> BatchSpec:
    return BatchSpec(
        vcpus=float(vcpus), memory=memory, compute_resources=ComputeResourcesSpec(type="FARGATE")
    )


def test_fargate_keeps_the_vcpus_as_long_as_they_can_have_the_memory() -> None:
    assert larger_sizes(on_fargate("1", 2048))[:3] == (("1", 4096), ("1", 8192), ("2", 16384))


def test_fargates_last_step_is_its_largest_size() -> None:
    assert larger_sizes(on_fargate("0.25", 512))[-1] == ("32", 249856)
    assert larger_sizes(on_fargate("32", 249856)) == ()


def test_instances_double_up_to_the_largest_machine() -> None:
    steps = larger_sizes(BatchSpec(vcpus=2, memory=1000))
    assert steps[:2] == (("2", 2000), ("2", 4000))
    assert steps[-1] == ("2", limits.BATCH_INSTANCE_MEMORY.maximum)


@given(vcpus=st.sampled_from(sorted(limits.FARGATE_MEMORY)), data=st.data())
def test_every_step_on_fargate_is_an_offer_and_larger_than_the_last(
    vcpus: str, data: st.DataObject
) -> None:
    memory = data.draw(st.sampled_from(sorted(limits.FARGATE_MEMORY[vcpus])))
    steps = larger_sizes(on_fargate(vcpus, memory))
    for offered, size in steps:
        assert size in limits.FARGATE_MEMORY[offered]
    assert all(a < b for a, b in pairwise([memory, *(size for _, size in steps)]))


@given(memory=st.integers(4, 2**31 - 1))
def test_any_definition_has_steps_that_grow(memory: int) -> None:
    sizes = [memory, *(size for _, size in larger_sizes(BatchSpec(memory=memory)))]
    assert all(a < b for a, b in pairwise(sizes))
