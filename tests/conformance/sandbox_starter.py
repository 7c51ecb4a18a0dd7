"""Starts scripts in the sandboxes of one engine, and collects their output."""

from __future__ import annotations

import itertools
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.engines.port import SandboxProfile, SandboxSpec
from scar.local.engines.storage import SandboxStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.engines.port import GpuDevice, Sandbox, SandboxExit
    from tests.conformance.engine_harness import EngineHarness

TIMEOUT = 300.0  # seconds
NUMBERS = itertools.count()


@dataclass
class Output:
    """Collects the output of a sandbox; ``until`` waits for a word in it."""

    data: bytearray = field(default_factory=bytearray)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, chunk: bytes) -> None:
        with self.changed:
            self.data += chunk
            self.changed.notify_all()

    def until(self, word: bytes) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: word in self.data, TIMEOUT), bytes(self.data)

    @property
    def text(self) -> str:
        return self.data.decode()


@dataclass
class SandboxStarter:
    """Starts scripts in sandboxes; all of them are closed at the end of the test."""

    harness: EngineHarness
    started: list[Sandbox] = field(default_factory=list)

    def start(
        self,
        script: str,
        *,
        profile: SandboxProfile = SandboxProfile.LAMBDA,
        memory_mb: int = 512,
        tmp_mb: int = 64,
        storage: SandboxStorage = SandboxStorage(),  # noqa: B008 immutable
        gpus: tuple[GpuDevice, ...] = (),
    ) -> tuple[Sandbox, Output]:
        output = Output()
        spec = SandboxSpec(
            name=f"conformance-{os.getpid()}-{next(NUMBERS)}",
            image=self.harness.image(script),
            profile=profile,
            environment={"GREETING": "a b  c", "PATH": "/usr/bin:/bin"},
            memory_mb=memory_mb,
            tmp_mb=tmp_mb,
            storage=storage,
            gpus=gpus,
        )
        sandbox = self.harness.engine.start(spec, output)
        self.started.append(sandbox)
        return sandbox, output

    def run(self, script: str, **limits: int) -> tuple[SandboxExit, str]:
        sandbox, output = self.start(script, **limits)  # type: ignore[arg-type]
        ended = sandbox.wait(TIMEOUT)
        assert ended is not None
        return ended, output.text


def wait_for(truth: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.01)
