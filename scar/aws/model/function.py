"""One function as deployment needs it: every value resolved, nothing optional left open. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.model import names
from supervisor.model import ExecutionMode, OutputRule

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.model.resources import Architecture, ComputeType, Pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRule:
    """Objects created in a folder of a bucket start the function; see ``OutputRule`` for paths."""

    provider: str
    path: str
    suffix: str = ""

    @property
    def bucket(self) -> str:
        return self.path.strip("/").partition("/")[0]

    @property
    def prefix(self) -> str:
        """The folder with one slash at its end, or nothing for the whole bucket."""
        return key_prefix(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeSettings:
    """The machines that jobs ask for; empty subnets and groups: those of the default VPC.

    ``disk_gib`` is of each instance or Fargate task, 0: as the service has it; ``user_data`` is
    what instances run first.
    """

    type: ComputeType = "EC2"
    max_vcpus: int = 2
    min_vcpus: int = 0
    instance_types: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    instance_profile: str = ""
    service_role: str = ""
    disk_gib: int = 0
    user_data: str = ""

    @property
    def is_fargate(self) -> bool:
        return self.type in ("FARGATE", "FARGATE_SPOT")

    @property
    def uses_shared_role(self) -> bool:
        """Whether they are instances with the one role that scar makes for all of a Region."""
        return not (self.is_fargate or self.instance_profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """How the function's jobs run: memory in MiB, time in seconds."""

    vcpus: str = "1"
    memory: int = 1024
    gpus: int = 0
    timeout: int = 86_400
    attempts: int = 3
    environment: Pairs = ()
    compute: ComputeSettings = field(default_factory=ComputeSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function; memory and ephemeral storage in MB, times in seconds.

    ``environment`` is that of the Lambda function and of jobs, ``container_environment`` only
    the script's. ``script`` is the file to run, None for the image's own entrypoint;
    ``payload`` a folder whose files lie next to it.
    ``role`` is a role of the user's, by ARN or name, that is used for everything instead of
    generated ones; without ``create_roles`` no role is generated at all. ``subnets`` and
    ``security_groups`` put the function into a VPC; ``file_systems`` are pairs of an EFS access
    point's ARN and a path. ``allow_loop``: outputs may start the function again.
    ``keep_repository``: removing the function leaves its images. Without ``create_image``, the
    image is one in the account's own registry that is used as it is.
    """

    name: str
    image: str = ""
    image_file: Path | None = None
    create_image: bool = True
    script: Path | None = None
    payload: Path | None = None
    mode: ExecutionMode = ExecutionMode.LAMBDA
    architecture: Architecture = "x86_64"
    memory: int = 512
    timeout: int = 300
    ephemeral_mb: int = 512
    reserved_concurrency: int | None = None
    retries: int = 0
    max_event_age: int = 21_600
    timeout_threshold: int = 10
    log_level: str = "INFO"
    description: str = ""
    environment: Pairs = ()
    container_environment: Pairs = ()
    inputs: tuple[InputRule, ...] = ()
    outputs: tuple[OutputRule, ...] = ()
    tags: Pairs = ()
    role: str = ""
    boundary: str = ""
    create_roles: bool = True
    retention_days: int = 30
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    file_systems: Pairs = ()
    allow_loop: bool = False
    repository_prefix: str = names.DEFAULT_REPOSITORY_PREFIX
    keep_repository: bool = False
    batch: BatchSettings | None = None

    @property
    def repository(self) -> str:
        """The container repository of the composed image, or of the user's own."""
        if not self.create_image:
            return names.parse_repository(self.image)
        return names.repository_name(self.name, self.repository_prefix)

    @property
    def image_name(self) -> str:
        """What people call the image: its name, or its file's."""
        return self.image or (self.image_file.name if self.image_file else "")

    @property
    def buckets(self) -> tuple[str, ...]:
        """The S3 buckets that the function reads or writes."""
        places = [(item.provider, item.path) for item in self.inputs]
        places += [(item.provider, item.path) for item in self.outputs]
        named = {path.strip("/").partition("/")[0] for kind, path in places if is_s3(kind)}
        return tuple(sorted(named))


def is_s3(provider: str) -> bool:
    """Say whether an FDL storage provider (``s3``, ``s3.mine``) is S3."""
    return provider.partition(".")[0] == "s3"


def key_prefix(path: str) -> str:
    """Return the key prefix of an FDL path ``bucket/folder``: ``folder/``, or nothing."""
    inside = path.strip("/").partition("/")[2].strip("/")
    return f"{inside}/" if inside else ""
