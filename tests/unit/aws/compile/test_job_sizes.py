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


def test_fargate_keeps_the_vcpus_while_they_support_the_memory() -> None:
    assert larger_sizes(on_fargate("1", 2048))[:3] == (("1", 4096), ("1", 8192), ("2", 16384))


def test_the_last_size_on_fargate_is_the_largest() -> None:
    assert larger_sizes(on_fargate("0.25", 512))[-1] == ("32", 249856)
    assert larger_sizes(on_fargate("32", 249856)) == ()


def test_memory_on_ec2_doubles_up_to_the_largest_instance_type() -> None:
    larger = larger_sizes(BatchSpec(vcpus=2, memory=1000))
    assert larger[:2] == (("2", 2000), ("2", 4000))
    assert larger[-1] == ("2", limits.BATCH_INSTANCE_MEMORY.maximum)


@given(vcpus=st.sampled_from(sorted(limits.FARGATE_MEMORY)), data=st.data())
def test_sizes_on_fargate_are_supported_and_grow(vcpus: str, data: st.DataObject) -> None:
    memory = data.draw(st.sampled_from(sorted(limits.FARGATE_MEMORY[vcpus])))
    larger = larger_sizes(on_fargate(vcpus, memory))
    for number, size in larger:
        assert size in limits.FARGATE_MEMORY[number]
    assert all(a < b for a, b in pairwise([memory, *(size for _, size in larger)]))


@given(memory=st.integers(4, 2**31 - 1))
def test_sizes_of_any_definition_grow(memory: int) -> None:
    sizes = [memory, *(size for _, size in larger_sizes(BatchSpec(memory=memory)))]
    assert all(a < b for a, b in pairwise(sizes))
