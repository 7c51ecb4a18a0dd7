"""Larger sizes for a job that ran out of memory."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.batch.job_sizes import larger_sizes
from scar.aws.model import limits
from scar.aws.model.instance_types import find_instance_types, instance_families
from scar.fdl.model import BatchSpec, ComputeResourcesSpec


def on_fargate(vcpus: str, memory: int, most: int = 32) -> BatchSpec:
    return BatchSpec(
        vcpus=float(vcpus),
        memory=memory,
        compute_resources=ComputeResourcesSpec(type="FARGATE", max_v_cpus=most),
    )


def test_fargate_keeps_the_vcpus_while_they_support_the_memory() -> None:
    assert larger_sizes(on_fargate("1", 2048))[:3] == (("1", 4096), ("1", 8192), ("2", 16384))


def test_the_last_size_on_fargate_is_the_largest() -> None:
    assert larger_sizes(on_fargate("0.25", 512))[-1] == ("32", 249856)
    assert larger_sizes(on_fargate("32", 249856)) == ()


def on_ec2(*types: str, most: int = 256, memory: int = 1000, vcpus: int = 2) -> BatchSpec:
    compute = ComputeResourcesSpec(instance_types=types, max_v_cpus=most)
    return BatchSpec(vcpus=vcpus, memory=memory, compute_resources=compute)


def test_no_size_on_fargate_has_more_vcpus_than_the_environment() -> None:
    assert larger_sizes(on_fargate("1", 2048, most=4))[-1] == ("4", 30720)
    assert larger_sizes(on_fargate("1", 2048, most=1))[-1] == ("1", 8192)


def test_memory_on_ec2_doubles_up_to_what_the_largest_instance_leaves_to_jobs() -> None:
    larger = larger_sizes(on_ec2())
    assert larger[:2] == (("2", 2000), ("2", 4000))
    (last,) = {memory for _, memory in larger[-1:]}
    assert 0.9 * 1024 * 1024 < last < limits.BATCH_INSTANCE_MEMORY.maximum  # r6i.32xlarge


def test_memory_on_ec2_ends_with_the_largest_instance_of_max_v_cpus() -> None:
    (last,) = {memory for _, memory in larger_sizes(on_ec2(most=2))[-1:]}
    assert 15_000 < last < 16 * 1024  # r6i.large
    assert larger_sizes(on_ec2("m5.large"))[-1][1] < 8192
    # The smallest instance that fits the job itself is always allowed, whatever the maximum.
    assert larger_sizes(on_ec2("g4dn", most=2))[-1][1] > 15_000


def test_memory_on_graviton_ends_with_its_largest_instance() -> None:
    larger = larger_sizes(on_ec2(), "arm64")
    assert 480 * 1024 < larger[-1][1] < 512 * 1024  # r6g.16xlarge


def test_memory_on_unknown_families_doubles_up_to_the_largest_known_instance() -> None:
    assert larger_sizes(on_ec2("zz9"))[-1][1] == limits.BATCH_INSTANCE_MEMORY.maximum


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


@given(
    memory=st.integers(4, 2**21),
    vcpus=st.integers(1, 192),
    most=st.integers(1, 512),
    types=st.lists(st.sampled_from(sorted(instance_families())), max_size=3),
)
def test_every_larger_size_fits_an_instance_of_the_environment(
    memory: int, vcpus: int, most: int, types: list[str]
) -> None:
    batch = on_ec2(*types, most=most, memory=memory, vcpus=vcpus)
    possible = find_instance_types(types or ["optimal"])
    assert possible is not None
    for _, size in larger_sizes(batch):
        assert any(t.fits(vcpus, size) for t in possible)


def test_the_largest_size_is_that_of_any_environment() -> None:
    entries = [{"instance_types": ["m6i.large"]}, {"instance_types": ["r6i.4xlarge"]}]
    batch = BatchSpec.model_validate(
        {"memory": 1000, "compute_environments": [{**e, "max_v_cpus": 64} for e in entries]}
    )
    assert larger_sizes(batch)[-1] == larger_sizes(on_ec2("r6i.4xlarge", vcpus=1))[-1]
