"""The Lambda function and its container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, StrictBool

from scar.aws.model import limits
from scar.fdl.field_types import (
    ExistingFolder,
    FunctionName,
    ReadableFile,
    ScriptFile,
    Text,
    TextList,
    mapping_to_list,
    to_list,
    unwrap_size,
)
from scar.fdl.model.base import EnvironmentSpec, FdlModel, NetworkSpec, StorageSpec
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from pathlib import Path

_ACCESS_POINTS = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point"  # in examples


class ContainerSpec(FdlModel):
    """The container that runs the script."""

    image: str = Field(
        "", description="the image's name, as Docker users write it", examples=["ubuntu:24.04"]
    )
    image_file: ReadableFile | None = Field(
        None, description="the image as a file: `docker save` or OCI layout, gzipped or not"
    )
    create_image: StrictBool = Field(
        True,
        description="`false`: use `image`, made by `scar image compose` and pushed to ECR by you,"
        " as it is",
    )
    timeout_threshold: int = Field(
        10, ge=0, le=600, description="seconds before the time-out at which the script is stopped"
    )
    environment: EnvironmentSpec = Field(
        EnvironmentSpec(), description="variables that the script sees"
    )


class FileSystemSpec(FdlModel):
    """A folder of an EFS file system, for scripts in Lambda."""

    alternate_keys: ClassVar = {"Arn": "arn", "LocalMountPath": "path"}

    arn: Annotated[str, Field(pattern=r"^arn:[^:]+:elasticfilesystem:.*:access-point/fsap-.+$")] = (
        Field(
            description="ARN of an access point; required",
            examples=[f"{_ACCESS_POINTS}/fsap-0123456789abcdef0"],
        )
    )
    path: Annotated[str, Field(pattern=r"^/mnt/[a-zA-Z0-9_.-]+$")] = Field(
        description="where scripts see it, `/mnt/<name>`; required", examples=["/mnt/data"]
    )


class SupervisorSpec(FdlModel):
    """SCAR's choice of a supervisor; accepted and not used: it comes with scar."""

    version: Text = Field("latest", description="accepted, not used")
    license_: Text = Field("", alias="license", description="accepted, not used")


class LambdaSpec(FdlModel):
    """The Lambda function."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the one of the command")
    name: FunctionName = Field(
        description="the function's name; required", examples=["my-function"]
    )
    description: Annotated[str, Field(max_length=limits.LAMBDA_DESCRIPTION.maximum)] = Field(
        "", description="for people"
    )
    memory: int = Field(
        512,
        ge=limits.LAMBDA_MEMORY.minimum,
        le=limits.LAMBDA_MEMORY.maximum,
        description="MB; 1769 give one full vCPU",
    )
    timeout: int = Field(
        300,
        ge=limits.LAMBDA_TIMEOUT.minimum,
        le=limits.LAMBDA_TIMEOUT.maximum,
        description="seconds",
    )
    ephemeral_storage: Annotated[int, BeforeValidator(unwrap_size)] = Field(
        512,
        ge=limits.LAMBDA_EPHEMERAL.minimum,
        le=limits.LAMBDA_EPHEMERAL.maximum,
        description="size of /tmp in MB",
    )
    architecture: Literal["x86_64", "arm64"] = Field("x86_64", description="of the image")
    execution_mode: ExecutionMode = Field(
        ExecutionMode.LAMBDA, description="`lambda`, `lambda-batch` or `batch`"
    )
    concurrency: int | None = Field(
        None,
        ge=0,
        description="reserved concurrency: at most so many runs at once; null: no limit of its own",
    )
    retries: int = Field(
        0,
        ge=0,
        le=limits.LAMBDA_RETRIES.maximum,
        description="how often Lambda repeats a failed event by itself",
    )
    max_event_age: int = Field(
        21600,
        ge=limits.LAMBDA_EVENT_AGE.minimum,
        le=limits.LAMBDA_EVENT_AGE.maximum,
        description="seconds that an event may wait",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="of the supervisor"
    )
    layers: TextList = Field((), description="accepted, not used: images have no Lambda layers")
    environment: EnvironmentSpec = Field(
        EnvironmentSpec(),
        description="variables of the Lambda function, for the supervisor and script",
    )
    init_script: ScriptFile | None = Field(
        None, description="the script, relative to this file; none: the image's own entrypoint"
    )
    run_script: ScriptFile | None = Field(None, description="another word for init_script")
    extra_payload: ExistingFolder | None = Field(
        None, description="folder whose files lie next to the script, in /opt/scar/function"
    )
    container: ContainerSpec = Field(ContainerSpec(), description="the image")
    input: Annotated[tuple[StorageSpec, ...], BeforeValidator(to_list)] = Field(
        (),
        description="folders whose new files start the function",
        examples=[[{"path": "my-bucket/input"}]],
    )
    output: Annotated[tuple[StorageSpec, ...], BeforeValidator(to_list)] = Field(
        (),
        description="folders to which outputs go",
        examples=[[{"path": "my-bucket/output"}]],
    )
    allow_loop: StrictBool = Field(
        False, description="take outputs that start the function, or a chain to it, again"
    )
    vpc: NetworkSpec = Field(
        NetworkSpec(), description="the VPC that the function runs in; empty: none"
    )
    file_system: Annotated[tuple[FileSystemSpec, ...], BeforeValidator(mapping_to_list)] = Field(
        (), max_length=1, description="EFS, with `vpc` and in mode `lambda` only"
    )
    supervisor: SupervisorSpec = Field(SupervisorSpec(), description="accepted, not used")
    tags: dict[str, Text] = Field({}, description="tags of the resources")

    @property
    def script(self) -> Path | None:
        return self.init_script or self.run_script
