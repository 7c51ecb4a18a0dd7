"""The Lambda function and its container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool, model_validator

from scar.aws.model import limits
from scar.fdl.field_types import (
    File,
    Folder,
    Name,
    Script,
    Text,
    Texts,
    listed,
    listed_or_one,
    renamed,
    sized,
)
from scar.fdl.model.base import Environment, Model, Network, Storage
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from pathlib import Path


class Container(Model):
    """The container that runs the script."""

    image: str = Field("", description="the image's name, as Docker users write it")
    image_file: File | None = Field(
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
    environment: Environment = Field(Environment(), description="variables that the script sees")


class FileSystem(Model):
    """A folder of an EFS file system, for scripts in Lambda."""

    arn: Annotated[str, Field(pattern=r"^arn:[^:]+:elasticfilesystem:.*:access-point/fsap-.+$")] = (
        Field(description="ARN of an access point; required")
    )
    path: Annotated[str, Field(pattern=r"^/mnt/[a-zA-Z0-9_.-]+$")] = Field(
        description="where scripts see it, `/mnt/<name>`; required"
    )

    @model_validator(mode="before")
    @classmethod
    def _as_lambda_writes_it(cls, value: object) -> object:
        return renamed(value, Arn="arn", LocalMountPath="path")


class Supervisor(Model):
    """SCAR's choice of a supervisor; accepted and not used: it comes with scar."""

    version: Text = Field("latest", description="accepted, not used")
    license_: Text = Field("", alias="license", description="accepted, not used")


class Lambda(Model):
    """The Lambda function."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the one of the command")
    name: Name = Field(description="the function's name; required")
    description: Annotated[str, Field(max_length=limits.LAMBDA_DESCRIPTION.most)] = Field(
        "", description="for people"
    )
    memory: int = Field(
        512,
        ge=limits.LAMBDA_MEMORY.least,
        le=limits.LAMBDA_MEMORY.most,
        description="MB; 1769 give one full vCPU",
    )
    timeout: int = Field(
        300, ge=limits.LAMBDA_TIMEOUT.least, le=limits.LAMBDA_TIMEOUT.most, description="seconds"
    )
    ephemeral_storage: Annotated[int, BeforeValidator(sized)] = Field(
        512,
        ge=limits.LAMBDA_EPHEMERAL.least,
        le=limits.LAMBDA_EPHEMERAL.most,
        description="size of /tmp in MB",
    )
    architecture: Literal["x86_64", "arm64"] = Field("x86_64", description="of the image")
    execution_mode: ExecutionMode = Field(
        ExecutionMode.LAMBDA, description="`lambda`, `lambda-batch` or `batch`"
    )
    concurrency: int | None = Field(
        None, ge=0, description="reserved concurrency: at most so many runs at once"
    )
    retries: int = Field(
        0,
        ge=0,
        le=limits.LAMBDA_RETRIES.most,
        description="how often Lambda repeats a failed event by itself",
    )
    max_event_age: int = Field(
        21600,
        ge=limits.LAMBDA_EVENT_AGE.least,
        le=limits.LAMBDA_EVENT_AGE.most,
        description="seconds that an event may wait",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="of the supervisor"
    )
    layers: Texts = Field((), description="accepted, not used: images have no Lambda layers")
    environment: Environment = Field(
        Environment(), description="variables of the Lambda function, for the supervisor and script"
    )
    init_script: Script | None = Field(
        None, description="the script, relative to this file; none: the image's own entrypoint"
    )
    run_script: Script | None = Field(None, description="another word for init_script")
    extra_payload: Folder | None = Field(
        None, description="folder whose files lie next to the script, in /opt/scar/function"
    )
    container: Container = Field(Container(), description="the image")
    input: Annotated[tuple[Storage, ...], BeforeValidator(listed)] = Field(
        (), description="folders whose new files start the function"
    )
    output: Annotated[tuple[Storage, ...], BeforeValidator(listed)] = Field(
        (), description="folders to which outputs go"
    )
    allow_loop: StrictBool = Field(
        False, description="take outputs that start the function, or a chain to it, again"
    )
    vpc: Network = Field(Network(), description="the VPC that the function runs in; empty: none")
    file_system: Annotated[tuple[FileSystem, ...], BeforeValidator(listed_or_one)] = Field(
        (), max_length=1, description="EFS, with `vpc` and in mode `lambda` only"
    )
    supervisor: Supervisor = Field(Supervisor(), description="accepted, not used")
    tags: dict[str, Text] = Field({}, description="tags of the resources")

    @property
    def script(self) -> Path | None:
        return self.init_script or self.run_script
