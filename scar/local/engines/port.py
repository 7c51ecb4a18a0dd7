"""What the local cloud asks of a container engine."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class EngineError(ScarError):
    """The engine could not prepare an image or start a sandbox."""


class SandboxProfile(enum.StrEnum):
    """Whose rules a sandbox lives under.

    ``lambda``: an unprivileged user, no capabilities, no /dev/shm, a read-only root but
    /tmp of ``tmp_mb``. ``batch``: the supervisor is root and drops to the image's user, the
    root is writable and thrown away.
    """

    LAMBDA = "lambda"
    BATCH = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLayer:
    """One layer in the registry's folder: a tar, gzipped or not; ``diff_id`` hashes it plain."""

    path: Path
    digest: str
    diff_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalImage:
    """An image held by the local registry, as composed by ``scar init``; layers base first.

    The last layer holds ``opt/scar/function/`` (function.json, the script), the one below
    ``opt/scar/`` (the supervisor).
    """

    reference: str
    digest: str
    config_digest: str
    config: Path
    layers: tuple[LocalLayer, ...]
    entrypoint: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """One sandbox to start. ``environment`` is complete: nothing of the server's own is added.

    Memory in MiB, ``vcpus`` may be a fraction. ``tmp_mb`` limits /tmp (lambda profile).
    """

    name: str
    image: LocalImage
    profile: SandboxProfile
    environment: Mapping[str, str] = field(repr=False)  # it has the role's keys
    memory_mb: int
    vcpus: float = 1.0
    tmp_mb: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxExit:
    """How a sandbox's main process ended: 0 to 255, 128 + n if killed by signal n."""

    status: int
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineGuarantees:
    """What an engine really enforces; a sentence each, for people, is in ``notes``."""

    filesystem: bool
    user: bool
    tmp_size: bool
    memory: str  # "kernel", "polling"
    vcpus: bool
    notes: tuple[str, ...] = ()


class LocalImageResolver(Protocol):
    """The registry that images were pushed to."""

    def resolve(self, image_uri: str, /) -> LocalImage:
        """Return the image; raise ScarError naming it if it was never pushed."""


class Sandbox(Protocol):
    """A started sandbox. Its processes all end with it."""

    @property
    def name(self) -> str: ...

    def wait(self, timeout: float | None = None) -> SandboxExit | None:
        """Return how it ended, or None if it still runs after ``timeout`` seconds."""

    def stop(self, grace: float) -> None:
        """TERM to the main process, KILL to all after ``grace`` seconds (0: KILL at once)."""

    def drain(self, timeout: float) -> None:
        """Wait until what was written so far has been passed to ``output``, or so many seconds."""

    def peak_memory_mb(self) -> int:
        """Highest memory seen so far, in MiB (0 if the engine cannot tell)."""

    def close(self) -> None:
        """KILL what still runs and remove every trace; may be called twice."""


class Engine(Protocol):
    """A place to run sandboxes."""

    name: str

    @property
    def guarantees(self) -> EngineGuarantees: ...

    def prepare(self, image: LocalImage) -> None:
        """Make later starts of the image fast (load or unpack it); may be called twice."""

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> Sandbox:
        """Start the entrypoint; one thread passes stdout and stderr to ``output`` as they come."""

    def close(self) -> None:
        """End all sandboxes, also those left by a killed server with the same state folder."""
