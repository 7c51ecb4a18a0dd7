"""The Lambda function and its container."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, StrictBool

from scar.aws.model import limits
from scar.fdl.field_types import (
    ExistingFolder,
    FunctionName,
    ImageFile,
    ImageName,
    RegionName,
    ScriptFile,
    SecretText,
    Text,
    TextList,
    VariableName,
    mapping_to_list,
    none_to_empty,
    to_list,
    to_upper,
    unwrap_single,
    unwrap_size,
)
from scar.fdl.model.base import (
    EnvironmentSpec,
    FdlModel,
    KmsKeyId,
    NetworkSpec,
    ReadPath,
    SseAlgorithm,
    StorageSpec,
)
from scar.fdl.model.batch.storage import ACCESS_POINT_ARN, EFS_ACCESS_POINT
from supervisor.model import ExecutionMode


class ContainerSpec(FdlModel):
    """The container image, and how the script runs in it."""

    image: ImageName = Field(
        "",
        description="name of the container image, as for `docker pull`, also with `docker://`;"
        " required without `image_file`",
        examples=["ubuntu:24.04"],
    )
    image_file: ImageFile | None = Field(
        None,
        description="image archive instead of `image`: from `docker save` or an OCI image layout,"
        " optionally compressed with gzip; relative to this file",
    )
    create_image: StrictBool = Field(
        True,
        description="`true`: scar builds the function's image and pushes it to Amazon ECR; `false`:"
        " `image` is an image in ECR, built with `scar image compose`, that scar uses"
        " unchanged",
    )
    timeout_threshold: int = Field(
        10,
        ge=0,
        le=600,
        description="the script is terminated this many seconds before `lambda.timeout`",
    )
    environment: EnvironmentSpec = Field(
        EnvironmentSpec(), description="environment variables of the script"
    )
    secrets: Annotated[dict[VariableName, SecretText], BeforeValidator(none_to_empty)] = Field(
        {},
        description="secret environment variables of the script, in Lambda and Batch: names and"
        " where each value is read when a run starts: `ssm:/path` (Parameter Store), or the ARN of"
        " a parameter or of a secret in AWS Secrets Manager, also with"
        " `:json-key:version-stage:version-id`",
    )


class FileSystemSpec(FdlModel):
    """An access point of Amazon EFS or Amazon S3 Files that the Lambda function mounts."""

    alternate_keys: ClassVar = {"Arn": "arn", "LocalMountPath": "path"}

    arn: Annotated[str, Field(pattern=ACCESS_POINT_ARN)] = Field(
        description="ARN of the access point, of Amazon EFS or Amazon S3 Files; required",
        examples=[EFS_ACCESS_POINT],
    )
    path: Annotated[str, Field(pattern=r"^/mnt/[a-zA-Z0-9_.-]+$")] = Field(
        description="local mount path, `/mnt/<name>`; required", examples=["/mnt/data"]
    )


_NO_SUPERVISOR = "accepted, not used: the supervisor is part of scar"


class SupervisorSpec(FdlModel):
    """Version of SCAR's supervisor; accepted, not used: the supervisor is part of scar."""

    version: Text = Field("latest", description=_NO_SUPERVISOR)
    license_: Text = Field("", alias="license", description=_NO_SUPERVISOR)


class LambdaSpec(FdlModel):
    """The Lambda function."""

    alternate_keys: ClassVar = {"architectures": "architecture"}

    enabled: StrictBool = Field(
        True,
        description="must be `true`: events of S3 and `scar run` reach jobs through the Lambda"
        " function; with `execution_mode: batch` the script runs in Batch only",
    )
    boto_profile: str = Field(
        "default",
        description="AWS profile; `default`: that of `--profile`, the configuration or AWS_PROFILE",
    )
    region: RegionName = Field(
        "",
        description="AWS Region; empty: that of `--region`, the configuration, AWS_REGION or the"
        " profile",
    )
    name: FunctionName = Field(
        description="function name: 1 to 64 letters, digits, `-` and `_`; required",
        examples=["my-function"],
    )
    description: Annotated[str, Field(max_length=limits.LAMBDA_DESCRIPTION.maximum)] = Field(
        "", description="description that the AWS console shows; at most 256 characters"
    )
    memory: int = Field(
        512,
        ge=limits.LAMBDA_MEMORY.minimum,
        le=limits.LAMBDA_MEMORY.maximum,
        description="memory in MB (128 to 10240); Lambda allocates one vCPU per 1769 MB",
    )
    timeout: int = Field(
        300,
        ge=limits.LAMBDA_TIMEOUT.minimum,
        le=limits.LAMBDA_TIMEOUT.maximum,
        description="Lambda timeout in seconds (1 to 900)",
    )
    ephemeral_storage: Annotated[int, BeforeValidator(unwrap_size)] = Field(
        512,
        ge=limits.LAMBDA_EPHEMERAL.minimum,
        le=limits.LAMBDA_EPHEMERAL.maximum,
        description="size of `/tmp` in MB (512 to 10240)",
    )
    architecture: Annotated[Literal["x86_64", "arm64"], BeforeValidator(unwrap_single)] = Field(
        "x86_64", description="instruction set architecture of the function and its image"
    )
    execution_mode: ExecutionMode = Field(
        ExecutionMode.LAMBDA,
        description="`lambda`, `batch` (AWS Batch jobs), or `lambda-batch` (Lambda first; runs that"
        " exceed its limits continue in Batch)",
    )
    concurrency: int | None = Field(
        None,
        ge=0,
        description="reserved concurrent executions; null: none, the function shares the account's"
        " unreserved concurrency",
    )
    retries: int = Field(
        0,
        ge=0,
        le=limits.LAMBDA_RETRIES.maximum,
        description="maximum retry attempts (0 to 2) for asynchronous invocations that fail",
    )
    max_event_age: int = Field(
        21600,
        ge=limits.LAMBDA_EVENT_AGE.minimum,
        le=limits.LAMBDA_EVENT_AGE.maximum,
        description="maximum age in seconds (60 to 21600) of an event in Lambda's queue; older"
        " events are discarded",
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(to_upper)
    ] = Field("INFO", description="log level of the supervisor, in upper or lower case")
    layers: TextList = Field(
        (), description="accepted, not used: container images cannot have Lambda layers"
    )
    environment: EnvironmentSpec = Field(
        EnvironmentSpec(),
        description="environment variables of the Lambda function, for the supervisor and the"
        " script; at most 4096 bytes",
    )
    init_script: ScriptFile | None = Field(
        None,
        description="script in the function's image, which each event runs, relative to this file;"
        " null: the image's entrypoint. It starts in the image's WORKDIR if that is not `/`",
    )
    run_script: ScriptFile | None = Field(
        None,
        description="script that `scar run -f FILE` sends with the call and runs instead of"
        " `init_script`, relative to this file; events and `scar run -n` do not run it. Needs"
        " `allow_script`",
    )
    extra_payload: ExistingFolder | None = Field(
        None,
        description="folder, relative to this file, whose files are copied into the image, next to"
        " the script: `EXTRA_PAYLOAD` is the folder, /opt/scar/function",
    )
    container: ContainerSpec = Field(ContainerSpec(), description="the container image")
    input: Annotated[tuple[StorageSpec, ...], BeforeValidator(mapping_to_list)] = Field(
        (),
        description="S3 folders; each new object starts the function",
        examples=[[{"path": "my-bucket/input"}]],
    )
    output: Annotated[tuple[StorageSpec, ...], BeforeValidator(mapping_to_list)] = Field(
        (),
        description="S3 folders that outputs are uploaded to",
        examples=[[{"path": "my-bucket/output"}]],
    )
    reads: Annotated[tuple[ReadPath, ...], BeforeValidator(to_list)] = Field(
        (),
        description="S3 folders that the script may read besides `input`, for reference data;"
        " `bucket/folder` or `s3://bucket/folder`, also of other accounts and Regions. New objects"
        " there start nothing",
    )
    sse: SseAlgorithm = Field(
        "",
        description="server-side encryption to request for run records, and for objects in buckets"
        " whose `input` or `output` does not set it: `AES256`, `aws:kms` or `aws:kms:dsse`; empty:"
        " none is requested, and the buckets' default encryption applies",
    )
    sse_kms_key_id: KmsKeyId = Field(
        "",
        description="ID or ARN of the KMS key for `sse: aws:kms`; empty: the AWS managed key"
        " `aws/s3`",
    )
    allow_loop: StrictBool = Field(
        False,
        description="allow outputs that start the function again, directly or through other"
        " functions, deployed ones included (a loop; a chain still ends after 32 runs, and one"
        " upload causes at most 1,000 repeated runs); Lambda's recursive loop detection is switched"
        " off for the function",
    )
    allow_script: StrictBool = Field(
        True,
        description="accept direct invocations with `script` or `cmd_args`, which run instead of"
        " the function's own script and with its role; `false`: such events are refused",
    )
    vpc: NetworkSpec = Field(
        NetworkSpec(), description="VPC that the Lambda function is attached to; empty: none"
    )
    file_system: Annotated[tuple[FileSystemSpec, ...], BeforeValidator(mapping_to_list)] = Field(
        (),
        max_length=1,
        description="file system to mount in Lambda, at most one; requires `vpc`; jobs mount those"
        " of `batch.file_system`",
    )
    supervisor: SupervisorSpec = Field(SupervisorSpec(), description=_NO_SUPERVISOR)
    tags: dict[str, Text] = Field(
        {},
        description="tags, for cost allocation for instance: of the function, its ECR repository,"
        " roles and log groups, job definition, jobs (their ECS tasks), and of the compute"
        " environment, job queue, instances and volumes, which functions with equal tags share",
    )
