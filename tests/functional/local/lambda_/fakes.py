"""In-memory fakes of the rest of the local cloud."""

from __future__ import annotations

import io
import sys
import tarfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scar.local.engines.port import LocalImage, LocalLayer
from scar.local.engines.process import ProcessEngine
from scar.local.lambda_.model import DeployedFunction
from scar.local.lambda_.service import LambdaPorts, LambdaService, LambdaServiceSettings
from supervisor.aws.sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scar.local.engines.port import Engine, LocalImageResolver

CLIENT = (sys.executable, "-I", "-S", str(Path(__file__).parent / "runtime_client.py"))
ACCOUNT = "arn:aws:lambda:us-east-1:123456789012:function"


def an_image(folder: Path, files: dict[str, bytes] | None = None) -> LocalImage:
    """Return an image of one layer: that of a function without a script."""
    path = folder / "layer.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in (files or {"opt/scar/function/function.json": b"{}"}).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return LocalImage(
        reference="scar/f",
        digest="sha256:image",
        config_digest="sha256:config",
        config=folder / "config",
        layers=(LocalLayer(path=path, digest="sha256:layer", diff_id="sha256:layer"),),
        entrypoint=("/opt/scar/launch",),
        environment={"PATH": "/usr/bin:/bin"},
    )


def a_function(name: str = "f", **changes: object) -> DeployedFunction:
    settings: dict[str, object] = {
        "name": name,
        "arn": f"{ACCOUNT}:{name}",
        "memory_mb": 512,
        "timeout": 300,
        "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/scar/f@sha256:image",
        "retries": 0,
    }
    return DeployedFunction(**{**settings, **changes})  # type: ignore[arg-type]


@dataclass
class Functions:
    by_name: dict[str, DeployedFunction] = field(default_factory=dict)

    def put(self, function: DeployedFunction) -> DeployedFunction:
        self.by_name[function.name] = function
        return function

    def get(self, name_or_arn: str, /) -> DeployedFunction | None:
        return self.by_name.get(name_or_arn.rpartition(":")[2])


@dataclass
class LambdaImageResolver:
    image: LocalImage

    def resolve(self, image_uri: str, /) -> LocalImage:
        return self.image


@dataclass
class Logs:
    """Stores log events; ``largest`` is the largest batch in bytes."""

    keep: bool = True
    events: list[tuple[str, str, int, str]] = field(default_factory=list)
    count: int = 0
    size: int = 0
    largest_event: int = 0
    largest_batch: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]], /) -> None:
        sizes = [len(message.encode()) for _, message in events]
        with self.lock:
            self.count += len(events)
            self.size += sum(sizes)
            self.largest_event = max(self.largest_event, *sizes)
            self.largest_batch = max(self.largest_batch, sum(sizes))
            if self.keep:
                self.events += [(group, stream, moment, message) for moment, message in events]

    @property
    def text(self) -> str:
        with self.lock:
            return "".join(message for _, _, _, message in self.events)


@dataclass
class SentRecords:
    records: list[tuple[str, bytes]] = field(default_factory=list)

    def __call__(self, arn: str, record: bytes, /) -> None:
        self.records.append((arn, record))


class ManualClock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def credentials(function: DeployedFunction, /) -> Credentials:
    return Credentials(access_key="ASIA", secret_key="secret", token="token")


@dataclass
class LambdaCloud:
    """A Lambda service with its fakes; ``close`` ends all processes."""

    folder: Path
    engine: Engine
    functions: Functions
    logs: Logs
    sent: SentRecords
    service: LambdaService

    def close(self) -> None:
        self.service.close()
        self.engine.close()


def a_cloud(
    folder: Path,
    *configured: DeployedFunction,
    clock: Callable[[], float] | None = None,
    keep_logs: bool = True,
    concurrency: int = 2,
    patience: float = 300.0,
    idle_limit: float = 300.0,
    init_limit: float = 10.0,
    images: LocalImageResolver | None = None,
) -> LambdaCloud:
    engine = ProcessEngine(folder / "engine", command=CLIENT)
    functions = Functions({function.name: function for function in configured})
    logs, sent = Logs(keep=keep_logs), SentRecords()
    ports = LambdaPorts(
        functions=functions,
        images=images or LambdaImageResolver(an_image(folder)),
        logs=logs,
        credentials=credentials,
        send=sent,
        engine=engine,
    )
    settings = LambdaServiceSettings(
        endpoint_url="http://127.0.0.1:1",
        concurrency=concurrency,
        capacity_wait=patience,
        idle_limit=idle_limit,
        init_limit=init_limit,
    )
    more = {} if clock is None else {"clock": clock, "timer": clock}
    service = LambdaService(folder / "events.sqlite", ports, settings, **more)
    service.start()
    return LambdaCloud(folder, engine, functions, logs, sent, service)
