"""The table of instance types: complete for what Batch chooses itself, and as EC2 describes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.ec2.models.instance_types import INSTANCE_TYPES

from scar.aws.model.instance_types import (
    FAMILY_GROUPS,
    InstanceType,
    default_instance_types,
    find_instance_types,
    fitting_types,
    instance_families,
    known_architecture,
    suggest_type,
    unsupported_gpu,
)

ALL = [t for types in instance_families().values() for t in types]


def test_the_table_is_that_of_ec2() -> None:
    compared = [t for t in ALL if t.name in INSTANCE_TYPES]
    assert len(compared) > 1000
    for known in compared:
        actual = INSTANCE_TYPES[known.name]
        assert known.vcpus == actual["VCpuInfo"]["DefaultVCpus"]
        assert known.memory == actual["MemoryInfo"]["SizeInMiB"]
        assert known.architecture in actual["ProcessorInfo"]["SupportedArchitectures"]
        assert bool(known.gpus) == bool(actual.get("GpuInfo"))


def test_every_size_of_a_family_in_the_table_is_there() -> None:
    missing = [
        name
        for name in INSTANCE_TYPES
        if name.partition(".")[0] in instance_families() and "metal" not in name
        if find_instance_types([name]) is None
    ]
    assert missing == []


def test_accelerators_that_are_not_gpus_of_nvidia_do_not_serve_gpu_jobs() -> None:
    others = {"InferenceAcceleratorInfo", "NeuronInfo", "FpgaInfo", "MediaAcceleratorInfo"}
    seen = set()
    for name, described in INSTANCE_TYPES.items():
        gpus = described.get("GpuInfo", {}).get("Gpus", [])
        makers = {gpu["Manufacturer"] for gpu in gpus}
        if makers - {"NVIDIA"} or (others & described.keys() and not makers):
            assert unsupported_gpu(name), name
            seen.add(name.partition(".")[0])
        elif makers:
            assert "accelerators" not in unsupported_gpu(name)
    assert seen >= {"trn1", "inf2", "dl2q", "f2"}


@pytest.mark.parametrize("group", sorted(FAMILY_GROUPS))
def test_groups_are_of_one_architecture_and_known(group: str) -> None:
    types = find_instance_types([group])
    assert types
    assert {t.architecture for t in types} == {known_architecture(group)}


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
@pytest.mark.parametrize("gpu", [True, False])
def test_defaults_are_known_and_of_the_architecture(architecture: str, *, gpu: bool) -> None:
    types = find_instance_types(default_instance_types(architecture, gpus=int(gpu)))
    assert types
    assert {t.architecture for t in types} == {architecture}
    assert any(t.gpus for t in types) is gpu


@pytest.mark.parametrize("names", [["zz9"], ["m5", "zz9.large"], ["m5.huge"], ["m5.metal"]])
def test_a_name_that_is_not_in_the_table_makes_the_choice_unknown(names: list[str]) -> None:
    assert find_instance_types(names) is None


def test_the_memory_of_an_instance_is_not_all_for_jobs() -> None:
    m4 = InstanceType(2, 8192, "m4.large")
    assert m4.most_usable_memory == 7985 - 32  # docs: compute resource memory management
    assert m4.fits(2, 7953)
    assert not m4.fits(2, 7954)
    assert m4.surely_usable_memory < m4.most_usable_memory


@given(
    vcpus=st.integers(1, 192),
    memory=st.integers(4, 2**22),
    gpus=st.integers(0, 1),
    architecture=st.sampled_from(["x86_64", "arm64"]),
)
def test_a_suggestion_fits_and_there_is_one_if_any_type_surely_fits(
    vcpus: int, memory: int, gpus: int, architecture: str
) -> None:
    suggested = suggest_type(architecture, vcpus, memory, gpus)
    if suggested is not None:
        assert fitting_types([suggested], vcpus, memory, gpus) == (suggested,)
        assert suggested.architecture == architecture
    elif not gpus:
        of_it = [t for t in ALL if t.architecture == architecture and not t.gpus]
        assert not any(t.fits(vcpus, memory) and memory <= t.surely_usable_memory for t in of_it)
