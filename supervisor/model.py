"""Configuration, objects and jobs: the types that all packages of the supervisor share."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.connections import EndpointConfig, ProviderConfig


class ExecutionMode(enum.StrEnum):
    """Where the function's runs are executed: the FDL's ``execution_mode``."""

    LAMBDA = "lambda"
    LAMBDA_BATCH = "lambda-batch"
    BATCH = "batch"


class ComputeService(enum.StrEnum):
    """Where this process runs; scripts see it as ``SCAR_SITE``."""

    LAMBDA = "lambda"
    BATCH = "batch"
    LOCAL = "local"


def is_s3(provider: str) -> bool:
    """Return whether the provider is of the kind ``s3``: the account's, or with other keys."""
    return provider.partition(".")[0] == "s3"


def format_place(provider: str, path: str) -> str:
    """Return how messages name ``bucket/key`` in a store: s3://…, or minio.lab:…"""
    return f"s3://{path}" if is_s3(provider) else f"{provider}:{path}"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object; ``provider`` as in the FDL (``s3.my_s3``), ``key`` decoded."""

    provider: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return format_place(self.provider, f"{self.bucket}/{self.key}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPin:
    """Which version of an object to read; both empty: the current one."""

    version_id: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object's properties; times by the store's clock, in epoch seconds (0: unknown).

    ``crc32`` (8 hex digits) is known after an upload: that of the bytes that were sent.
    """

    size: int
    etag: str
    version_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    last_modified: float = 0.0
    response_date: float = 0.0
    crc32: str = ""


@dataclass(frozen=True, slots=True)
class IfNoneMatch:
    """Write only if no object has this key (``If-None-Match: *``)."""


@dataclass(frozen=True, slots=True)
class IfMatch:
    """Write only if the object has this ETag (``If-Match``)."""

    etag: str


WriteCondition = IfNoneMatch | IfMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRule:
    """Which objects start the function: one S3 event notification, as it was deployed.

    ``folder`` ends with a slash, or is empty for the whole bucket; ``prefix`` follows it in keys.
    """

    provider: str = "s3"
    bucket: str
    folder: str = ""
    prefix: str = ""
    suffix: str = ""

    def matches(self, bucket: str, key: str) -> bool:
        """Return whether S3 sends an event for the decoded key."""
        return (
            bucket == self.bucket
            and key.startswith(self.folder + self.prefix)
            and key.endswith(self.suffix)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRule:
    """Which files under TMP_OUTPUT_DIR are uploaded to which folder.

    A file is selected if (no prefix list or its name starts with one) and (no suffix list or its
    name ends with one). ``path`` is the FDL's ``bucket/folder``.
    """

    provider: str
    path: str
    prefix: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()

    def accepts(self, name: str) -> bool:
        return (not self.prefix or name.startswith(self.prefix)) and (
            not self.suffix or name.endswith(self.suffix)
        )

    def target(self, name: str) -> ObjectRef:
        bucket, _, folder = self.path.partition("/")
        folder = folder.strip("/")
        return ObjectRef(self.provider, bucket, f"{folder}/{name}" if folder else name)


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketEncryption:
    """The server-side encryption that is requested for every object written to a bucket.

    ``algorithm`` is S3's name (``AES256``, ``aws:kms``); ``key_id`` is a KMS key, empty for none.
    """

    bucket: str
    algorithm: str
    key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDefaults:
    """The configuration of the user's image before the supervisor became its entrypoint."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What one job requests instead of its job definition's; empty and 0: the definition's.

    ``memory`` in MiB, ``timeout`` (of an attempt) in seconds; ``attempts`` are Batch's own.
    ``queue`` is a name in ``BatchTarget.queues``, ``nodes`` the number of nodes of a multi-node
    job.
    """

    vcpus: str = ""
    memory: int = 0
    gpus: int = 0
    timeout: int = 0
    attempts: int = 0
    queue: str = ""
    nodes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOverride:
    """The options of jobs for some objects: an entry of the FDL's ``batch.overrides``.

    An object matches if its file name starts with one of ``prefix`` and ends with one of ``suffix``
    (empty: any name), and it has at least ``min_size`` bytes.
    """

    options: JobOptions
    prefix: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    min_size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRetry:
    """Which exit status submits a job again: an entry of the FDL's ``batch.retry``.

    A run has at most ``attempts`` jobs. The next one has ``factor`` times the memory, or ``memory``
    MiB if that is more; ``up_to`` MiB is the most (0: what the compute environment has).
    """

    exit_code: int
    attempts: int = 3
    factor: float = 1.0
    memory: int = 0
    up_to: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCapacity:
    """The largest jobs that the compute environment can run: vCPUs, MiB, and GPUs of each shape.

    ``exact``: jobs must have one of these sizes (Fargate), not only fit into one.
    """

    shapes: tuple[tuple[float, int, int], ...] = ()
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroup:
    """The nodes of a multi-node job; ``main`` is the number of the main node, from 0.

    ``timeout``: seconds in which all nodes must have started, and in which the other nodes end
    once the main node is gone. ``max_vcpus`` are those of all instances together (0: not known);
    ``instances`` are vCPUs, MiB and GPUs of instances that one node can have for itself, empty if
    they are not known.
    """

    count: int
    main: int = 0
    timeout: int = 600
    max_vcpus: int = 0
    instances: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTarget:
    """Where the function's jobs are submitted: job queue and job definition.

    Names, not ARNs: the image is built before the resources exist. ``vcpus``, ``memory`` (MiB) and
    ``gpus`` are the job definition's; ``larger`` are vCPUs and MiB that a job can request instead,
    smallest first. ``queues`` are the queues that a submission can select, by the name in the FDL;
    ``nodes`` is None for jobs of one container. ``share`` is the jobs' share
    identifier, empty for a queue without fair-share scheduling, and ``priority`` their scheduling
    priority in it.

    ``exit_rules`` are the definition's ``evaluateOnExit``: a submission with its own attempts has
    to repeat them. ``overridden`` are variables of ``container.environment`` with the values that
    the job definition has for them; ``batch_variables`` are those of ``container.environment`` that
    ``batch.environment`` sets too; ``empty_variables`` are those of the job with an empty value,
    which the definition cannot have.
    """

    queue: str
    definition: str
    memory: int = 0
    larger: tuple[tuple[str, int], ...] = ()
    share: str = ""
    priority: int = 0
    vcpus: str = ""
    gpus: int = 0
    nodes: NodeGroup | None = None
    queues: Mapping[str, str] = field(default_factory=dict)
    capacity: JobCapacity | None = None
    overrides: tuple[JobOverride, ...] = ()
    retry: tuple[ExitRetry, ...] = ()
    exit_rules: tuple[Mapping[str, str], ...] = ()
    overridden: Mapping[str, str] = field(default_factory=dict)
    batch_variables: tuple[str, ...] = ()
    empty_variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConfig:
    """The configuration of a deployed function: the content of ``function.json``.

    ``script`` is a file name in the folder of ``function.json``; empty: the image's own
    entrypoint runs. ``timeout_threshold`` is in seconds, ``memory`` is Lambda's in MB.
    ``is_failure_handler``: this function is the failure handler of the others;
    ``has_failure_handler``: that one is this function's on-failure destination. ``allow_loop``: its
    outputs may start it again; only deployments read it. ``allow_script``: an event may bring
    its own script or command. ``inputs`` is empty if a release without it wrote the configuration.
    ``array_size``: events are gathered in a queue and submitted as array jobs of up to so many
    children; 0: they are not.
    ``secrets`` are references (``aws.secret_references``) by the name of the script's variable.
    ``cluster``: jobs may be the scheduler and workers of a dask cluster.
    ``endpoint`` is None without an HTTP endpoint; ``providers`` are the stores other than the
    account's S3 that ``inputs`` and ``outputs`` name.
    """

    name: str
    mode: ExecutionMode
    state_bucket: str
    script: str = ""
    image: ImageDefaults = field(default_factory=ImageDefaults)
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[InputRule, ...] = ()
    outputs: tuple[OutputRule, ...] = ()
    encryption: tuple[BucketEncryption, ...] = ()
    timeout_threshold: int = 10
    memory: int = 0
    log_level: str = "INFO"
    batch: BatchTarget | None = None
    array_size: int = 0
    is_failure_handler: bool = False
    has_failure_handler: bool = True
    max_hops: int = 32
    allow_loop: bool = False
    allow_script: bool = True
    cluster: bool = False
    endpoint: EndpointConfig | None = None
    providers: tuple[ProviderConfig, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """One Batch job to submit: a name of at most 128 characters and environment overrides.

    The other fields replace the job definition's unless they are empty or 0; their units are those
    of ``JobOptions``. ``queue`` may also be the name of a job queue.
    ``array_size``: it is an array job of so many children; 0: a single job.
    """

    name: str
    environment: Mapping[str, str]
    vcpus: str = ""
    memory: int = 0
    array_size: int = 0
    gpus: int = 0
    timeout: int = 0
    attempts: int = 0
    nodes: int = 0
    queue: str = ""
