"""FDL documents as functions to deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.from_fdl import functions_of
from scar.aws.model.function import BatchSettings, ComputeSettings, Function, InputRule
from scar.fdl.model import FdlDocument
from supervisor.model import ExecutionMode, OutputRule

if TYPE_CHECKING:
    from pathlib import Path

SPEC = {
    "name": "crop",
    "memory": 1024,
    "retries": 1,
    "execution_mode": "lambda-batch",
    "init_script": "crop.sh",
    "environment": {"Variables": {"LEVEL": "1"}},
    "container": {
        "image": "busybox:1",
        "timeout_threshold": 20,
        "environment": {"Variables": {"SIZE": "10"}},
    },
    "input": [{"storage_provider": "s3", "path": "photos/in/", "suffix": [".jpg"]}],
    "output": [{"storage_provider": "s3.mine", "path": "photos/out", "prefix": ["small-"]}],
    "tags": {"project": "x"},
}
BATCH = {
    "vcpus": 2,
    "memory": 2048,
    "compute_resources": {"type": "FARGATE", "max_v_cpus": 8, "subnets": ["subnet-1"]},
}


def document(folder: Path, *functions: dict[str, object]) -> FdlDocument:
    (folder / "crop.sh").write_text("true")
    return FdlDocument.model_validate(
        {"functions": {"aws": list(functions)}}, context={"folder": folder}
    )


def test_every_value_is_taken_over(tmp_path: Path) -> None:
    described = document(
        tmp_path,
        {
            "lambda": SPEC,
            "batch": BATCH,
            "iam": {"permissions_boundary": "arn:boundary"},
            "cloudwatch": {"log_retention_policy_in_days": 7},
        },
    )
    assert functions_of(described) == (
        Function(
            name="crop",
            image="busybox:1",
            script=tmp_path / "crop.sh",
            mode=ExecutionMode.LAMBDA_BATCH,
            memory=1024,
            retries=1,
            timeout_threshold=20,
            environment=(("LEVEL", "1"),),
            container_environment=(("SIZE", "10"),),
            inputs=(InputRule(provider="s3", path="photos/in", suffix=".jpg"),),
            outputs=(OutputRule(provider="s3.mine", path="photos/out", prefix=("small-",)),),
            tags=(("project", "x"),),
            boundary="arn:boundary",
            retention_days=7,
            batch=BatchSettings(
                vcpus="2",
                memory=2048,
                compute=ComputeSettings(type="FARGATE", max_vcpus=8, subnets=("subnet-1",)),
            ),
        ),
    )


def test_a_lambda_function_has_no_batch_even_if_the_file_has(tmp_path: Path) -> None:
    spec = {**SPEC, "execution_mode": "lambda"}
    (function,) = functions_of(document(tmp_path, {"lambda": spec, "batch": BATCH}))
    assert function.batch is None


def test_fractions_of_a_cpu_are_written_as_fargate_wants_them(tmp_path: Path) -> None:
    described = document(tmp_path, {"lambda": SPEC, "batch": {**BATCH, "vcpus": 0.25}})
    (function,) = functions_of(described)
    assert function.batch is not None
    assert function.batch.vcpus == "0.25"
