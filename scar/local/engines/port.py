"""The interface of container engines."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from scar.errors import ScarError
from scar.local.engines.storage import SandboxStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class EngineError(ScarError):
    """The engine could not prepare an image or start a sandbox."""


class ImagePullError(EngineError):
    """The image could not be loaded, so that no container was started."""


class SandboxProfile(enum.StrEnum):
    """The restrictions of a sandbox: those of Lambda or those of Batch.

    ``lambda``: an unprivileged user, no capabilities, no /dev/shm, and a read-only root file
    system except for a /tmp of ``tmp_mb``. ``batch``: the supervisor starts as root and changes
    to the image's user; the root file system is writable and discarded at the end.
    """

    LAMBDA = "lambda"
    BATCH = "batch"


# Lambda's quotas: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
# Batch has none; the limit here protects this machine from a script that starts too many.
PROCESS_LIMITS: Final = {SandboxProfile.LAMBDA: 1024, SandboxProfile.BATCH: 8192}
LAMBDA_OPEN_FILES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLayer:
    """One layer in the registry's folder: a tar, gzipped or not.

    ``diff_id`` is the digest of the uncompressed tar.
    """

    path: Path
    digest: str
    diff_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalImage:
    """An image in the local registry, as built by ``scar init``; the base layers come first.

    The last layer contains ``opt/scar/function/`` (function.json, the script), the one before it
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
class GpuDevice:
    """A GPU of this machine: its number, its UUID or else its number as text, its device nodes."""

    index: int
    id: str
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxNetwork:
    """The network of one node: its address, and descriptors for the engine that made it."""

    address: str
    namespace: int = -1
    owner: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """One sandbox to start. ``environment`` is complete; no variables of the server are added.

    Memory in MiB; ``vcpus`` may be fractional; ``tmp_mb`` limits /tmp in the lambda profile.
    ``storage`` is what it mounts beside the image, and its limits, for engines that can.
    ``gpus`` are those that a job may use.
    ``network`` None: that of this machine.
    """

    name: str
    image: LocalImage
    profile: SandboxProfile
    environment: Mapping[str, str] = field(repr=False)  # contains the role's keys
    memory_mb: int
    vcpus: float = 1.0
    tmp_mb: int = 512
    storage: SandboxStorage = field(default_factory=SandboxStorage)
    gpus: tuple[GpuDevice, ...] = ()
    network: SandboxNetwork | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxExit:
    """Exit status of a sandbox's main process: 0 to 255, 128 + n if killed by signal n.

    ``lost_host`` is the instance id of a host that was lost with the sandbox, else empty.
    """

    status: int
    out_of_memory: bool = False
    lost_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineGuarantees:
    """What an engine enforces; ``notes`` explains the limits to users, a sentence each.

    ``storage``: it can mount folders and file systems in memory, and set limits.
    ``networks``: sandboxes can have a network of their own, as the nodes of multi-node jobs need.
    """

    filesystem: bool
    storage: bool = False
    user: bool
    tmp_size: bool
    memory: str  # how the limit is enforced: "kernel" or "polling"
    vcpus: bool
    networks: bool = False
    notes: tuple[str, ...] = ()


def no_networks_error(engine: str) -> EngineError:
    """Return the error of an engine whose sandboxes have no network of their own."""
    return EngineError(
        f"The {engine} engine has no network for each node of a multi-node job.",
        remedy="Use the sandbox engine: `scar local start --engine sandbox`.",
    )


class LocalImageResolver(Protocol):
    """The registry that images were pushed to."""

    def resolve(self, image_uri: str, /) -> LocalImage:
        """Return the image; raise ScarError naming it if it was never pushed."""


class Sandbox(Protocol):
    """A started sandbox. All of its processes end with its main process."""

    @property
    def name(self) -> str: ...

    def wait(self, timeout: float | None = None) -> SandboxExit | None:
        """Return its exit, or None if it still runs after ``timeout`` seconds."""

    def stop(self, grace: float) -> None:
        """Send SIGTERM to the main process, and SIGKILL to all after ``grace`` seconds.

        With 0 send SIGKILL at once.
        """

    def drain(self, timeout: float) -> None:
        """Wait until all output written so far was forwarded, or ``timeout`` seconds."""

    def set_idle(self, *, is_idle: bool) -> None:
        """Note that it waits for work, or works: at first, it works. For engines that poll."""

    def peak_memory_mb(self) -> int:
        """Return the peak memory in MiB, or 0 if the engine does not measure it."""

    def close(self) -> None:
        """Kill all processes and remove all resources; may be called twice."""


class NodeNetwork(Protocol):
    """A network for the nodes of one job; nothing else is in it."""

    @property
    def nodes(self) -> Sequence[SandboxNetwork]:
        """The networks of the nodes, by their number."""

    def close(self) -> None:
        """Remove the network, once its sandboxes have ended."""


class Engine(Protocol):
    """Runs sandboxes."""

    name: str

    @property
    def guarantees(self) -> EngineGuarantees: ...

    def prepare(self, image: LocalImage) -> None:
        """Load or unpack the image, so that later starts are fast; may be called twice."""

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> Sandbox:
        """Start the entrypoint; one thread forwards stdout and stderr to ``output`` at once."""

    def open_network(self, nodes: int, port: int) -> NodeNetwork:
        """Return a network for sandboxes that reach each other, and ``port`` of this machine.

        That port is 127.0.0.1:``port`` in each of them, too. Raise EngineError.
        """

    def close(self) -> None:
        """End all sandboxes, also orphaned ones of a killed server with the same state folder."""
