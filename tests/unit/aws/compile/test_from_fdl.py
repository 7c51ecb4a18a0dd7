"""FDL documents are converted to functions, and every key has an effect on the resources."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scar.aws.compile.from_fdl import functions_of
from scar.aws.compile.function_config import function_config
from scar.aws.compile.placeholders import compile_with_placeholders
from scar.aws.model.account import Account
from scar.aws.model.function import Function
from scar.aws.model.network import VpcNetwork
from scar.aws.model.resources import JobDefinition
from scar.fdl.model import (
    ArraySpec,
    ComputeEnvironmentSpec,
    ExitRetrySpec,
    FdlDocument,
    FdlModel,
    FileSystemSpec,
    JobFileSystemSpec,
    JobOverrideSpec,
    StorageSpec,
    SupervisorSpec,
    TmpfsSpec,
    UlimitSpec,
)
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults
from tests.fakes.functions import new_function

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ACCOUNT = Account("123456789012", "eu-west-1")
ACCESS_POINT = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-1"
EC2 = {"compute_resources": {"max_v_cpus": 8, "subnets": ["subnet-1"]}}
SPEC = {
    "name": "crop",
    "memory": 1024,
    "retries": 1,
    "execution_mode": "lambda-batch",
    "sse": "aws:kms",
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


def test_the_sections_of_a_function_are_those_of_the_document(tmp_path: Path) -> None:
    fdl_document = document(tmp_path, {"lambda": SPEC, "batch": BATCH})
    (function,) = functions_of(fdl_document)
    spec = fdl_document.functions.aws[0]
    parts = (function.lambda_, function.iam, function.cloudwatch, function.ecr, function.batch)
    assert parts == (spec.lambda_, spec.iam, spec.cloudwatch, spec.ecr, spec.batch)


def test_a_lambda_function_has_no_batch_even_if_the_file_has(tmp_path: Path) -> None:
    spec = {**SPEC, "execution_mode": "lambda"}
    (function,) = functions_of(document(tmp_path, {"lambda": spec, "batch": BATCH}))
    assert function.batch is None


def test_the_supervisor_s_defaults_are_those_of_the_fdl() -> None:
    """The supervisor imports nothing of scar, so it repeats the defaults."""
    defaults = FunctionConfig(name="crop", mode=ExecutionMode.LAMBDA, state_bucket="")
    compiled = function_config(new_function(), ACCOUNT, ImageDefaults())
    assert replace(compiled, state_bucket="", memory=0) == defaults


def test_fractions_of_a_vcpu_are_written_in_fargate_s_format(tmp_path: Path) -> None:
    fdl_document = document(tmp_path, {"lambda": SPEC, "batch": {**BATCH, "vcpus": 0.25}})
    resources = compile_with_placeholders(functions_of(fdl_document), ACCOUNT)
    (definition,) = (r for r in resources if isinstance(r, JobDefinition))
    assert definition.vcpus == "0.25"


# Keys that the compiler does not read: ignored for compatibility, for rules, or for commands.
UNREAD = {
    *("lambda_.layers", "lambda_.supervisor", "lambda_.run_script", "iam.create"),
    "lambda_.container.image_file",
    *("batch.state", "batch.type", "batch.enabled", "lambda_.enabled"),
    *("batch.compute_resources.desired_v_cpus", "batch.compute_resources.launch_template_name"),
    # The compiler uses the content of the file, `Function.user_data`.
    "batch.compute_resources.user_data",
    # Read only with `preset: dual`, and with `scheduling.share`.
    *("batch.compute_resources.queue", "batch.compute_resources.shares"),
}


def leaves(part: FdlModel, path: str) -> Iterator[tuple[str, object]]:
    """Yield the keys below a section of the FDL, with their values."""
    for name in type(part).model_fields:
        value, here = getattr(part, name), f"{path}.{name}"
        if isinstance(value, FdlModel) and not isinstance(value, SupervisorSpec):
            yield from leaves(value, here)
        elif name not in ("boto_profile", "region"):
            yield here, value


def with_value(part: Any, path: list[str], value: object) -> Any:  # noqa: ANN401
    """Return a section of the FDL, or a function, with another value at a path of keys."""
    if len(path) > 1:
        value = with_value(getattr(part, path[0]), path[1:], value)
    change = {path[0]: value}
    is_function = isinstance(part, Function)
    return replace(part, **change) if is_function else part.model_copy(update=change)


def another(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        choices = {"EC2": "SPOT", "x86_64": "arm64", "lambda-batch": ExecutionMode.BATCH}
        return choices.get(value, f"{value}x")
    if isinstance(value, dict):
        return {**value, "MORE": "1"}
    is_storage = isinstance(value, tuple) and value and isinstance(value[0], StorageSpec)
    return (StorageSpec(path="films/other"),) if is_storage else ("other",)


def test_every_key_changes_the_resources_or_is_listed_as_unread(tmp_path: Path) -> None:
    batch = {**EC2, "multi_node_parallel": {"enabled": True}}
    (function,) = functions_of(document(tmp_path, {"lambda": SPEC, "batch": batch}))

    def compiled(function: Function) -> object:
        network = VpcNetwork(subnets=("subnet-1",), security_groups=("sg-1",))
        config = function_config(function, ACCOUNT, ImageDefaults(), network)
        return compile_with_placeholders([function], ACCOUNT), config

    assert function.batch is not None
    parts: dict[str, FdlModel] = {"lambda_": function.lambda_, "batch": function.batch}
    parts |= {"iam": function.iam, "cloudwatch": function.cloudwatch, "ecr": function.ecr}
    others = {
        "lambda_.init_script": tmp_path / "other.sh",
        "lambda_.concurrency": 7,
        "lambda_.container.secrets": {"DB": "ssm:/db"},
        "batch.container_properties": {"privileged": True},
        "batch.array": ArraySpec(window=5, size=100),
        "iam.policies": ("arn:aws:iam::aws:policy/ReadOnlyAccess",),
        "batch.compute_resources.preset": "dual",
        "batch.compute_resources.allocation_strategy": "BEST_FIT_PROGRESSIVE_ORDERED",
        "batch.compute_environments": (ComputeEnvironmentSpec(max_v_cpus=7),),
        "batch.overrides": (JobOverrideSpec(memory=4096),),
        "batch.retry": (ExitRetrySpec(exit_code=137),),
        "lambda_.file_system": (FileSystemSpec(arn=ACCESS_POINT, path="/mnt/data"),),
        "batch.file_system": (JobFileSystemSpec(arn=ACCESS_POINT, path="/mnt/data"),),
        "batch.tmpfs": (TmpfsSpec(path="/scratch", size=64),),
        "batch.ulimits": {"nofile": UlimitSpec(soft=1, hard=2)},
    }
    before, unread = compiled(function), set()
    for path, value in (leaf for name, part in parts.items() for leaf in leaves(part, name)):
        other = others.get(path, another(value))
        if compiled(with_value(function, path.split("."), other)) == before:
            unread.add(path)
    assert unread == UNREAD
