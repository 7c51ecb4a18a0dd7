"""Jobs that no instance can run, and GPUs without an image, are problems of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.batch.job_capacity import job_capacity
from scar.aws.compile.batch.job_sizes import larger_sizes
from scar.aws.model.instance_types import (
    default_instance_types,
    find_instance_types,
    instance_families,
    known_architecture,
)
from scar.fdl.batch_rules import check_batch
from scar.fdl.loader import load_document
from scar.fdl.model import AwsFunction, BatchSpec, ComputeResourcesSpec
from scar.fdl.model.batch import ExitRetrySpec, ObjectMatchSpec
from scar.fdl.problems import InvalidFdlError
from supervisor.batch.job_options import find_size_problem
from supervisor.job_model import BatchTarget, JobOptions

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
    "name",
    [
        "p2",
        "p2.xlarge",
        "p3.2xlarge",
        "p3dn",
        "g3",
        "g3s.xlarge",
        "g4ad.xlarge",
        "g2",
        "trn1",
        "inf2.xlarge",
        "dl1.24xlarge",
        "f1.2xlarge",
    ],
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


@pytest.mark.parametrize(
    ("batch", "count"),
    [
        ({}, 0),
        ({"enable_gpu": True}, 1),
        ({"gpus": 4}, 4),
        ({"gpus": 4, "enable_gpu": True}, 4),
        ({"gpus": 0, "enable_gpu": True}, 1),
    ],
)
def test_the_number_of_gpus_takes_precedence(batch: dict[str, object], count: int) -> None:
    assert BatchSpec.model_validate(batch).gpu_count == count


@pytest.mark.parametrize("gpus", [1, 2, 4, 5, 8])
def test_the_default_family_has_as_many_gpus(gpus: int) -> None:
    assert problems(on_types(gpus=gpus)) == []
    types = find_instance_types(default_instance_types("x86_64", gpus=gpus))
    assert types
    assert any(t.gpus >= gpus for t in types)


@pytest.mark.parametrize(
    ("types", "gpus", "said"),
    [
        (("g4dn",), 5, "has 4 GPUs. p4d.24xlarge"),
        (("g5.xlarge", "g6.2xlarge"), 2, "has a GPU. g4dn.12xlarge"),
        ((), 9, "g5.48xlarge has 8 GPUs. No known instance type would fit"),
    ],
)
def test_more_gpus_than_a_type_has_are_refused(
    types: tuple[str, ...], gpus: int, said: str
) -> None:
    (problem,) = problems(on_types(*types, gpus=gpus))
    assert problem.startswith(f"gpus: a job with {gpus} GPUs never starts on ")
    assert said in problem


@pytest.mark.parametrize("key", [{"gpus": 2}, {"enable_gpu": True}])
def test_fargate_has_no_gpus(key: dict[str, object]) -> None:
    (problem,) = problems({"compute_resources": {"type": "FARGATE"}, **key})
    assert problem == f"{next(iter(key))}: Fargate has no GPUs; use EC2 or SPOT"


def test_a_job_that_ran_out_of_memory_keeps_its_gpus() -> None:
    """4 GPUs: only g4dn.12xlarge has as many, so its memory is the most."""
    compute = ComputeResourcesSpec(instance_types=("g4dn",), max_v_cpus=512)
    batch = BatchSpec(gpus=4, memory=100_000, compute_resources=compute)
    (size,) = larger_sizes(batch)
    assert 180_000 < size[1] < 192 * 1024


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


@pytest.mark.parametrize(
    ("batch", "key", "words"),
    [
        ({"compute_resources": {"preset": "spot", "type": "EC2"}}, "preset", "SPOT"),
        ({"compute_resources": {"preset": "dual", "type": "SPOT"}}, "preset", "omit type"),
        ({"compute_resources": {"queue": "priority"}}, "queue", "preset: dual"),
        (
            {"compute_resources": {"preset": "spot"}, "compute_environments": [{}]},
            "compute_environments",
            "omit one",
        ),
        ({"compute_environments": [{"max_v_cpus": n} for n in (2, 3, 4, 5)]}, "env", "3"),
        ({"compute_environments": [{}, {"type": "FARGATE"}]}, "env", "Fargate"),
        ({"compute_environments": [{}, {"type": "SPOT"}, {}]}, "2", "equal"),
        ({"compute_environments": [{"min_v_cpus": 3}]}, "min_v_cpus", "larger"),
        ({"compute_environments": [{"bid_percentage": 60}]}, "bid_percentage", "SPOT"),
        ({"compute_resources": {"bid_percentage": 60}}, "bid_percentage", "SPOT"),
        ({"compute_resources": {"scale_down_delay": 19}}, "scale_down_delay", "20"),
        (
            {"compute_resources": {"preset": "fargate", "scale_down_delay": 20}, "memory": 2048},
            "scale_down_delay",
            "no instances",
        ),
        (
            {"compute_resources": {"type": "FARGATE", "min_v_cpus": 1}, "memory": 2048},
            "min_v_cpus",
            "no instances",
        ),
        (
            {"compute_environments": [{"type": "FARGATE"}, {"type": "FARGATE", "min_v_cpus": 1}]},
            "min_v_cpus",
            "no instances",
        ),
        ({"compute_resources": {"wait_limit": 599}}, "wait_limit", "600"),
        (
            {"compute_resources": {"allocation_strategy": "SPOT_CAPACITY_OPTIMIZED"}},
            "allocation_strategy",
            "not for the type EC2",
        ),
        (
            {"compute_resources": {"allocation_strategy": "BEST_FIT_PROGRESSIVE_ORDERED"}},
            "allocation_strategy",
            "instance_types",
        ),
        ({"scheduling": {"share": "lab-a"}}, "share", "letters and digits"),
        ({"scheduling": {"priority": 1}}, "priority", "share"),
        ({"compute_resources": {"shares": {"labA": 1}}}, "shares", "scheduling.share"),
        (
            {"scheduling": {"share": "a"}, "compute_resources": {"shares": {"a": 0}}},
            "a",
            "0.0001",
        ),
        (
            {"scheduling": {"share": "a"}, "compute_resources": {"shares": {"a*": 1, "ab": 1}}},
            "a*",
            "overlaps with ab",
        ),
    ],
)
def test_what_environments_queues_and_shares_cannot_have(
    batch: dict[str, object], key: str, words: str
) -> None:
    (problem,) = problems(batch)
    assert key in problem.partition(":")[0]
    assert words in problem


@pytest.mark.parametrize(
    "batch",
    [
        {"compute_resources": {"preset": "dual", "bid_percentage": 60, "queue": "priority"}},
        {"compute_resources": {"preset": "spot", "type": "SPOT"}},
        {"compute_resources": {"preset": "fargate-spot"}},
        {"compute_environments": [{"type": "FARGATE_SPOT"}, {"type": "FARGATE"}]},
        {"compute_environments": [{"type": "SPOT", "bid_percentage": 50}, {"max_v_cpus": 8}]},
        # A job that fits into one of the environments is possible.
        {"compute_environments": [{"max_v_cpus": 2}, {"max_v_cpus": 16}], "vcpus": 8},
        {
            "compute_environments": [{"instance_types": ["c6i.large"]}, {}],
            "memory": 100_000,
        },
        {"compute_resources": {"shares": {"a*": 1, "b": 2}}, "scheduling": {"share": "ab"}},
    ],
)
def test_what_environments_queues_and_shares_can_have(batch: dict[str, object]) -> None:
    assert problems(batch) == []


def test_a_preset_and_the_first_of_several_environments_set_the_type() -> None:
    def type_of(**batch: object) -> str:
        return BatchSpec.model_validate(batch).compute_resources.type

    assert type_of(compute_resources={"preset": "fargate-spot"}) == "FARGATE_SPOT"
    assert type_of(compute_environments=[{"type": "FARGATE"}, {}]) == "FARGATE"
    assert type_of(compute_environments=[{}, {"type": "SPOT"}]) == "EC2"


def test_an_environment_has_the_shared_keys_that_its_type_has() -> None:
    batch = BatchSpec.model_validate(
        {
            "compute_resources": {
                "bid_percentage": 60,
                "allocation_strategy": "SPOT_CAPACITY_OPTIMIZED",
                "max_v_cpus": 8,
            },
            "compute_environments": [{"type": "EC2", "max_v_cpus": 4}, {"type": "SPOT"}],
        }
    )
    on_demand, spot = batch.environments
    assert (on_demand.bid_percentage, on_demand.allocation_strategy) == (0, None)
    assert (on_demand.max_v_cpus, spot.max_v_cpus) == (4, 8)
    assert (spot.bid_percentage, spot.allocation_strategy) == (60, "SPOT_CAPACITY_OPTIMIZED")


BIG = {"match": {"min_size": "5GB"}}


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"overrides": [{**BIG, "memory": 900_000}]}, "memory: a job of 1 vCPU and 900,000 MiB"),
        ({"overrides": [{**BIG, "vcpus": 96}]}, "vcpus: a job of 96 vCPUs never fits"),
        ({"overrides": [{**BIG, "vcpus": 1.5}]}, "vcpus: fractions"),
        ({"overrides": [{**BIG, "gpus": 1}]}, "gpus: needs batch.gpus"),
        ({"overrides": [{**BIG, "timeout": 30}]}, "timeout: is 30; the least is 60"),
        ({"overrides": [BIG]}, "0: changes nothing"),
        ({"overrides": [{"memory": 4096}]}, "match: needs prefix, suffix or min_size"),
        (
            {
                "overrides": [
                    {"match": {"suffix": ".bam"}, "memory": 4096},
                    {"match": {"suffix": [".x.bam"], "min_size": 9}, "memory": 8000},
                ]
            },
            "match: never counts: entry 1 matches",
        ),
        ({"retry": [{"exit_code": 137}, {"exit_code": 137}]}, "exit_code: has no effect"),
        ({"retry": [{"exit_code": 137, "memory": "512"}]}, "memory: is not more than"),
        ({"retry": [{"exit_code": 137, "memory": "x2", "up_to": 512}]}, "up_to: is not more"),
        ({"retry": [{"exit_code": 137, "up_to": 4096}]}, "up_to: needs memory"),
        (
            {
                "overrides": [{**BIG, "memory": 6000}],
                "retry": [{"exit_code": 137, "memory": "6000"}],
            },
            "memory: is not more than overrides[0].memory, 6000",
        ),
        (
            {
                "overrides": [{**BIG, "memory": 6000}],
                "retry": [{"exit_code": 137, "memory": "x2", "up_to": 5000}],
            },
            "up_to: is less than overrides[0].memory, 6000",
        ),
        ({"retry": [{"exit_code": 137, "memory": "900000"}]}, "memory: a job of 1 vCPU"),
        (
            {"retry": [{"exit_code": 137, "memory": "8000", "up_to": 4096}]},
            "memory: is more than up_to",
        ),
    ],
)
def test_overrides_and_retries_that_cannot_be_are_refused(more: object, problem: str) -> None:
    assert isinstance(more, dict)
    (found,) = problems(
        {"compute_resources": {"instance_types": ["m6i"], "max_v_cpus": 64}, **more}
    )
    assert found.startswith(problem)


def test_overrides_that_can_run_are_accepted() -> None:
    overrides = [
        {"match": {"suffix": ".bam", "min_size": "5GiB"}, "memory": 60_000, "vcpus": 8},
        {"match": {"suffix": ".bam"}, "timeout": 600},
    ]
    retry = [{"exit_code": 137, "memory": "x1.5", "up_to": 64_000}, {"exit_code": 75}]
    compute = {"instance_types": ["m6i"], "max_v_cpus": 64}
    assert problems({"compute_resources": compute, "overrides": overrides, "retry": retry}) == []


def test_on_fargate_an_override_is_a_size_that_exists() -> None:
    fargate: dict[str, object] = {"compute_resources": {"type": "FARGATE", "max_v_cpus": 16}}
    (problem,) = problems({**fargate, "overrides": [{**BIG, "memory": 9000}]})
    assert problem.startswith("memory: Fargate does not support 9000 MiB with 1 vCPU")
    assert problems({**fargate, "overrides": [{**BIG, "memory": 16384, "vcpus": 4}]}) == []


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("5GB", 5_000_000_000), ("5 GiB", 5 << 30), ("1.5MB", 1_500_000)),
        *(("12", 12), (12, 12), ("0", 0)),
    ],
)
def test_sizes_have_decimal_and_binary_units(text: object, size: int) -> None:
    assert ObjectMatchSpec.model_validate({"min_size": text}).min_size == size


@pytest.mark.parametrize("text", ["5gb", "5G", "GB", "-1", "x", "5GBs", "1_000", True])
def test_other_spellings_of_sizes_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="min_size"):
        ObjectMatchSpec.model_validate({"min_size": text})


@pytest.mark.parametrize("text", ["x1", "x0.5", "x17", "2x", "0", "-5", "many", "x"])
def test_a_growth_is_a_factor_or_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="memory"):
        ExitRetrySpec.model_validate({"exit_code": 137, "memory": text})


@given(
    st.sampled_from([*instance_families(), ""]),
    st.integers(1, 300),
    st.integers(1, 64),
    st.integers(4, 300_000),
)
def test_an_override_that_is_accepted_is_in_the_capacity_or_close_to_it(
    family: str, most: int, vcpus: int, memory: int
) -> None:
    """What the rules accept, the supervisor can submit; it is stricter by the kernel's share."""
    types = [family] if family else []
    architecture = known_architecture(family) if family else "x86_64"
    section = {
        "overrides": [{**BIG, "vcpus": vcpus, "memory": memory}],
        "compute_resources": {"instance_types": types, "max_v_cpus": most},
    }
    batch = BatchSpec.model_validate(section)
    if problems(section, architecture):
        return
    capacity = job_capacity(batch, architecture)
    target = BatchTarget(
        queue="q", definition="d", vcpus="1", memory=batch.memory, capacity=capacity
    )
    options = JobOptions(vcpus=str(vcpus), memory=int(memory * 0.95) - 33)
    fits = not find_size_problem(target, options)
    # A family whose smallest sufficient instance has more vCPUs than max_v_cpus is not counted on.
    assert fits or most < 192


def test_an_override_of_a_multi_node_job_counts_for_all_nodes() -> None:
    batch: dict[str, object] = {
        "vcpus": 2,
        "memory": 2048,
        "multi_node_parallel": {"enabled": True, "number_nodes": 8},
        "compute_resources": {"instance_types": ["c6i.large", "m6i"], "max_v_cpus": 16},
    }
    assert problems({**batch, "overrides": [{**BIG, "memory": 6000}]}) == []
    (problem,) = problems({**batch, "overrides": [{**BIG, "memory": 12000}]})
    assert problem.startswith("memory: 8 nodes use 32 vCPUs, an instance of 4 or more each")
    (problem,) = problems({**batch, "retry": [{"exit_code": 137, "memory": "12000"}]})
    assert problem.startswith("memory: 8 nodes use 32 vCPUs")
