"""Jobs that no instance can run, and GPUs without an image, are problems of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.model.instance_types import find_instance_types, instance_families
from scar.fdl.batch_rules import check_batch
from scar.fdl.loader import load_document
from scar.fdl.model import AwsFunction, BatchSpec, ComputeResourcesSpec
from scar.fdl.problems import InvalidFdlError

if TYPE_CHECKING:
    from pathlib import Path


def problems(batch: object, architecture: str = "x86_64") -> list[str]:
    """Return the problems of a function with this ``batch`` section, as ``key: message``."""
    function = AwsFunction.model_validate(
        {
            "lambda": {
                "name": "crop",
                "execution_mode": "batch",
                "architecture": architecture,
                "container": {"image": "busybox:1"},
            },
            "batch": batch,
        }
    )
    return [f"{location[-1]}: {message}" for location, message in check_batch(function, ())]


def on_types(*types: str, most: int = 512, **batch: object) -> dict[str, object]:
    compute = {"instance_types": [*types], "max_v_cpus": most}
    return {"compute_resources": compute, **batch}


@pytest.mark.parametrize("types", [(), ("g5g",), ("g5g.xlarge",), ("g5g", "g4dn")])
def test_gpus_on_graviton_are_refused_with_what_works(types: tuple[str, ...]) -> None:
    (problem,) = problems(on_types(*types, enable_gpu=True), "arm64")
    assert problem.startswith("enable_gpu: ")
    for word in ("Graviton", "ECS_AL2023_NVIDIA", "x86_64", "g4dn"):
        assert word in problem


@pytest.mark.parametrize(
    "name", ["p2", "p2.xlarge", "p3.2xlarge", "p3dn", "g3", "g3s.xlarge", "g4ad.xlarge", "g2"]
)
def test_gpus_that_the_image_does_not_support_are_refused_with_what_works(name: str) -> None:
    (problem,) = problems(on_types(name, enable_gpu=True))
    assert problem.startswith(f"instance_types: {name} ")
    for word in ("ECS_AL2023_NVIDIA", "g4dn", "g5"):
        assert word in problem


@pytest.mark.parametrize(
    "types",
    [(), ("g4dn",), ("g5.xlarge", "g6"), ("p4d",), ("p5",), ("g6f",), ("gr6",), ("m5", "g4dn")],
)
def test_gpus_that_the_image_supports_are_accepted(types: tuple[str, ...]) -> None:
    assert problems(on_types(*types, enable_gpu=True)) == []


@pytest.mark.parametrize("name", ["m5", "optimal", "c7i.large", "default_x86_64"])
def test_a_gpu_on_types_without_gpus_is_refused_with_one_that_has_some(name: str) -> None:
    (problem,) = problems(on_types(name, enable_gpu=True))
    assert problem.startswith("instance_types: a job with a GPU never starts")
    assert "would fit" in problem


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("m6g", "x86_64"),
        ("c7g.large", "x86_64"),
        ("default_arm64", "x86_64"),
        ("m5", "arm64"),
        ("optimal", "arm64"),
        ("g4dn", "arm64"),
    ],
)
def test_instances_of_another_architecture_are_refused(name: str, architecture: str) -> None:
    (problem,) = problems(on_types(name), architecture)
    assert f"lambda.architecture is {architecture}" in problem


def test_a1_is_refused() -> None:
    (problem,) = problems(on_types("a1"), "arm64")
    assert "Amazon Linux 2023" in problem


@pytest.mark.parametrize(
    ("batch", "key", "words"),
    [
        # Exactly the memory of an instance never fits: the kernel and the agent keep some.
        (on_types("m5.large", memory=8192), "memory", ("m5.large", "8,192", "7,953")),
        (on_types("m5.large", "m5.xlarge", memory=16384), "memory", ("m5.xlarge", "16,384")),
        (on_types("m5.large", vcpus=4), "vcpus", ("2 vCPUs", "would fit")),
        (on_types(memory=1024 * 1024), "memory", ("r6i.32xlarge", "1,048,576", "would fit")),
        (on_types(vcpus=192, memory=400_000), "memory", ("c7i.48xlarge", "would fit")),
        (on_types("g4dn", enable_gpu=True, memory=300_000), "memory", ("GPU", "would fit")),
        (on_types(memory=100_000_000), "memory", ("No known instance type",)),
    ],
)
def test_a_job_that_fits_no_instance_is_refused_with_numbers(
    batch: object, key: str, words: tuple[str, ...]
) -> None:
    (problem,) = problems(batch)
    assert problem.startswith(f"{key}: ")
    for word in words:
        assert word in problem


@pytest.mark.parametrize(
    "batch",
    [
        {},
        on_types("m5.large", memory=7900),
        on_types("m5.large", "m5.xlarge", memory=8192),
        on_types(memory=1_000_000),
        on_types("zz9", memory=10_000_000),
        on_types("m5.metal", memory=390_000),
        on_types("t3.micro", memory=512),
    ],
)
def test_a_job_that_may_fit_is_accepted(batch: object) -> None:
    assert problems(batch) == []


def test_graviton_has_its_own_largest_instance() -> None:
    assert problems(on_types(memory=480_000), "arm64") == []
    (problem,) = problems(on_types(memory=600_000), "arm64")
    assert "r6g.16xlarge" in problem


@given(
    vcpus=st.integers(1, 192),
    memory=st.integers(4, 2**22),
    gpu=st.booleans(),
    types=st.lists(st.sampled_from(sorted(instance_families())), max_size=3),
)
def test_a_job_is_refused_exactly_if_no_instance_type_holds_it(
    *, vcpus: int, memory: int, gpu: bool, types: list[str]
) -> None:
    compute = ComputeResourcesSpec(instance_types=tuple(types), max_v_cpus=192)
    batch = BatchSpec(vcpus=vcpus, memory=memory, enable_gpu=gpu, compute_resources=compute)
    found = problems(batch.model_dump())
    chosen = find_instance_types(types or (["g4dn"] if gpu else ["optimal"]))
    assert chosen is not None
    holds = any(t.fits(vcpus, memory, 1 if gpu else 0) for t in chosen)
    assert holds or found
    if any("never starts" in problem for problem in found):
        assert not holds


def test_validate_reports_the_line(tmp_path: Path) -> None:
    path = tmp_path / "gpu.yaml"
    path.write_text(
        "functions:\n  aws:\n  - lambda: {name: six-gpu, execution_mode: batch,"
        " container: {image: busybox:1}, architecture: arm64}\n    batch: {enable_gpu: true}\n"
    )
    with pytest.raises(InvalidFdlError, match="Graviton") as error:
        load_document(path)
    assert "gpu.yaml:4" in str(error.value)
