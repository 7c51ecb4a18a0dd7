"""Configuration, objects and jobs: the types that all packages of the supervisor share."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.connections import EndpointConfig, ProviderConfig
    from supervisor.job_model import BatchTarget


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


def format_place(provider: str, path: str) -> str:
    """Return how messages name ``bucket/key``: s3://… in the account's S3, else minio.lab:…

    ``s3.<name>`` is S3 with other keys: its buckets are not the account's.
    """
    return f"s3://{path}" if provider == "s3" else f"{provider}:{path}"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object; ``provider`` is ``s3`` or the name of another store, ``key`` decoded."""

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
    account's S3 that ``inputs`` and ``outputs`` name. ``extra_payload``: the folder of
    ``function.json`` has files of the user besides the script.
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
    extra_payload: bool = False

    def store_name(self, provider: str) -> str:
        """Return the store of a provider: its name if it is one of ``providers``, else its kind.

        ``s3.<name>`` without keys or endpoint of its own is the account's S3, ``s3``.
        """
        is_own = any(provider == known.name for known in self.providers)
        return provider if is_own else provider.partition(".")[0]
