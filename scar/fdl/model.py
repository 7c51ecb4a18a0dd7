"""The Functions Definition Language: every key, its type, limits and default.

Attribute names are the FDL's keys. Text in ``description`` is what people read in
``docs/fdl.md``. Single values are checked by ``values``; what concerns several keys or functions
is in ``rules``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scar.aws import limits
from scar.fdl.values import (
    File,
    Name,
    Text,
    Texts,
    VariableName,
    keyed,
    listed,
    no_oscar,
    retention,
    storage_path,
)
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from pathlib import Path


class Model(BaseModel):
    """What all parts of the FDL have in common: unknown keys are faults, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        """Take a key with nothing below it as one that has only defaults below it."""
        return {} if value is None else value

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_not_truth_values(cls, value: object, info: ValidationInfo) -> object:
        """Refuse what pydantic takes as 0 or 1: ``timeout: yes`` is a mistake."""
        wanted = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and wanted in (int, float, int | None):
            raise ValueError(f"must be a number, not {str(value).lower()}")
        return value


class Environment(Model):
    """Environment variables."""

    Variables: Annotated[dict[VariableName, Text], BeforeValidator(keyed)] = Field(
        {}, description="names and values"
    )


class Storage(Model):
    """A folder of a bucket."""

    storage_provider: str = Field(
        "s3", description="`s3`, or `s3.<name>` of an entry in storage_providers"
    )
    path: Annotated[str, AfterValidator(storage_path)] = Field(
        description="bucket and folder, as `bucket/folder`"
    )
    prefix: Texts = Field((), description="output: upload names that start with one of these")
    suffix: Texts = Field(
        (), description="output: upload names that end with one of these; input: one of them"
    )

    @property
    def bucket(self) -> str:
        return self.path.partition("/")[0]

    @property
    def folder(self) -> str:
        """The key prefix: ``folder/``, or nothing for the whole bucket."""
        inside = self.path.partition("/")[2]
        return f"{inside}/" if inside else ""


class Container(Model):
    """The container that runs the script."""

    image: str = Field("", description="the image's name, as Docker users write it")
    image_file: File | None = Field(
        None, description="the image as a file: `docker save` or OCI layout, gzipped or not"
    )
    create_image: StrictBool = Field(
        True, description="compose an image of scar's own; only `true` can be used now"
    )
    timeout_threshold: int = Field(
        10, ge=0, le=600, description="seconds before the time-out at which the script is stopped"
    )
    environment: Environment = Field(Environment(), description="variables that the script sees")


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
    ephemeral_storage: int = Field(
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
    init_script: File | None = Field(
        None, description="the script, relative to this file; none: the image's own entrypoint"
    )
    run_script: File | None = Field(None, description="another word for init_script")
    container: Container = Field(Container(), description="the image")
    input: Annotated[tuple[Storage, ...], BeforeValidator(listed)] = Field(
        (), description="folders whose new files start the function"
    )
    output: Annotated[tuple[Storage, ...], BeforeValidator(listed)] = Field(
        (), description="folders to which outputs go"
    )
    supervisor: Supervisor = Field(Supervisor(), description="accepted, not used")
    tags: dict[str, Text] = Field({}, description="tags of the resources")

    @property
    def script(self) -> Path | None:
        return self.init_script or self.run_script


class Iam(Model):
    """Roles."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    role: str = Field(
        "", description="ARN of a role to use for everything; empty: scar makes the roles"
    )
    permissions_boundary: str = Field("", description="ARN of a boundary for roles that scar makes")


class CloudWatch(Model):
    """Logs."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the function's")
    log_retention_policy_in_days: Annotated[int, AfterValidator(retention)] = Field(
        30, description="days that logs are kept"
    )


class ApiGateway(Model):
    """SCAR's HTTP endpoint; refused until it is there, unless empty."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the function's")
    name: str = Field("", description="not supported yet: must be empty")


class Ecr(Model):
    """The repository of the composed image."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the function's")
    delete_image: StrictBool = Field(True, description="`scar rm` removes the repository")


class ComputeResources(Model):
    """The machines of a Batch compute environment."""

    type: Literal["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"] = Field(
        "EC2", description="`EC2`, `SPOT`, `FARGATE` or `FARGATE_SPOT`"
    )
    security_group_ids: Texts = Field((), description="security groups; empty: the default VPC's")
    subnets: Texts = Field((), description="subnets; empty: the default VPC's")
    desired_v_cpus: int = Field(0, ge=0, description="vCPUs at the start")
    min_v_cpus: int = Field(0, ge=0, description="vCPUs that are always there, and paid for")
    max_v_cpus: int = Field(2, ge=1, description="vCPUs that jobs may use at once")
    instance_types: Texts = Field(
        (), description="EC2 instance types or families; empty: Batch chooses"
    )
    launch_template_name: str = Field("", description="accepted, not used")
    instance_role: str = Field("", description="ARN of an instance profile; empty: scar makes one")


class Batch(Model):
    """AWS Batch, for the modes `batch` and `lambda-batch`."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the function's")
    vcpus: float = Field(1, gt=0, le=192, description="vCPUs of a job; fractions on Fargate only")
    memory: int = Field(1024, ge=4, description="MiB of a job")
    enable_gpu: StrictBool = Field(False, description="give each job a GPU")
    timeout: int = Field(86400, ge=60, description="seconds that one attempt of a job may take")
    attempts: int = Field(
        3, ge=1, le=10, description="attempts when the host is lost; failures are not repeated"
    )
    state: Literal["ENABLED", "DISABLED"] = Field("ENABLED", description="must be `ENABLED`")
    type: Literal["MANAGED"] = Field("MANAGED", description="must be `MANAGED`")
    environment: Environment = Field(
        Environment(), description="variables that jobs see, besides the container's"
    )
    service_role: str = Field("", description="ARN; empty: Batch's service-linked role")
    compute_resources: ComputeResources = Field(ComputeResources(), description="the machines")


class AwsFunction(Model):
    """One function with the services it uses."""

    lambda_: Lambda = Field(alias="lambda", description="the function; required")
    iam: Iam = Field(Iam(), description="roles")
    cloudwatch: CloudWatch = Field(CloudWatch(), description="logs")
    api_gateway: ApiGateway = Field(ApiGateway(), description="HTTP endpoint")
    ecr: Ecr = Field(Ecr(), description="repository of the composed image")
    batch: Batch = Field(Batch(), description="Batch")


class Functions(Model):
    """The functions, by provider."""

    aws: Annotated[tuple[AwsFunction, ...], BeforeValidator(listed)] = Field(
        min_length=1, description="functions on AWS; at least one"
    )
    oscar: Annotated[None, BeforeValidator(no_oscar)] = Field(
        None, description="OSCAR clusters: not supported, must be absent"
    )


class S3Provider(Model):
    """An S3 account of its own."""

    access_key: str = Field("", description="not supported: runs use the function's role")
    secret_key: str = Field("", repr=False, description="not supported")
    region: str = Field("", description="AWS Region; empty: the function's")


class StorageProviders(Model):
    """Storage accounts, by kind and name."""

    s3: dict[str, S3Provider] = Field({}, description="S3 accounts")
    minio: Any = Field(None, description="not supported yet, must be absent")
    onedata: Any = Field(None, description="not supported yet, must be absent")
    webdav: Any = Field(None, description="not supported yet, must be absent")


class Document(Model):
    """A whole FDL file."""

    functions: Functions = Field(description="the functions; required")
    storage_providers: StorageProviders = Field(StorageProviders(), description="storage accounts")
