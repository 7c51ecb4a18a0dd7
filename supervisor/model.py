"""The vocabulary shared by every part of the supervisor. Pure data, no I/O."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class ExecutionMode(enum.StrEnum):
    """Where the function's script is meant to run."""

    LAMBDA = "lambda"
    LAMBDA_BATCH = "lambda-batch"
    BATCH = "batch"


class ComputeService(enum.StrEnum):
    """Where this process is running now; scripts see it as ``SCAR_SITE``."""

    LAMBDA = "lambda"
    BATCH = "batch"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object in one bucket; ``provider`` is the FDL's word (``s3.my_s3``), ``key`` plain."""

    provider: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.provider.partition('.')[0]}://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPin:
    """Which state of an object is meant; both empty means whatever is there."""

    version_id: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """What a store says about an object; times are its own, in epoch seconds (0: not told)."""

    size: int
    etag: str
    version_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    last_modified: float = 0.0
    response_date: float = 0.0


@dataclass(frozen=True, slots=True)
class IfNoneMatch:
    """Write only if no object has this key (``If-None-Match: *``)."""


@dataclass(frozen=True, slots=True)
class IfMatch:
    """Write only over this state of the object (``If-Match``)."""

    etag: str


WriteCondition = IfNoneMatch | IfMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRule:
    """Which files under TMP_OUTPUT_DIR go to which folder.

    A name is kept if (no prefix list or it starts with one) and (no suffix list or it ends
    with one). ``path`` is the FDL's ``bucket/folder``.
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
class ImageDefaults:
    """What the user's image said before the supervisor became its entrypoint."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTarget:
    """Where runs are handed to; names, not ARNs, so that the image knows them before they exist.

    ``memory`` (MiB) is what the definition gives a job; ``larger`` are vCPUs and MiB that a job
    can ask for instead, smallest first.
    """

    queue: str
    definition: str
    memory: int = 0
    larger: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConfig:
    """What a deployed function knows about itself: the content of ``function.json``.

    ``script`` is a file name in the folder of ``function.json``, empty if the image's own
    entrypoint is to run. ``timeout_threshold`` is in seconds, ``memory`` Lambda's in MB.
    ``delegate``: this is the function that takes the events which others lost.
    """

    name: str
    mode: ExecutionMode
    state_bucket: str
    script: str = ""
    image: ImageDefaults = field(default_factory=ImageDefaults)
    environment: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[OutputRule, ...] = ()
    timeout_threshold: int = 10
    memory: int = 0
    log_level: str = "INFO"
    batch: BatchTarget | None = None
    delegate: bool = False
    max_hops: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """One Batch job to submit: a name of at most 128 characters and its environment overrides.

    ``vcpus`` and ``memory`` (MiB) replace those of the definition unless they are empty and 0.
    """

    name: str
    environment: Mapping[str, str]
    vcpus: str = ""
    memory: int = 0
