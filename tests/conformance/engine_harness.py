"""Harnesses that run a shell script in each engine, so that one suite can test them all.

A harness provides its engine, and images whose entrypoint runs ``script`` with a POSIX shell
(dash or busybox) in any working directory. Add one to ENGINE_HARNESSES for each engine.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from scar.local.engines.port import LocalImage, LocalLayer
from scar.local.engines.process import ProcessEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.engines.port import Engine


class EngineHarness(Protocol):
    """An engine and images for it; ``close`` closes both."""

    engine: Engine

    def image(self, script: str) -> LocalImage:
        """Return an image that runs the script."""
        ...

    def close(self) -> None: ...


@dataclass
class ProcessHarness:
    """Runs the script of the unpacked function layer with the host's shell."""

    folder: Path
    engine: Engine

    @classmethod
    def create(cls, folder: Path) -> ProcessHarness:
        command = ("/bin/sh", "-c", 'exec /bin/sh "$SCAR_HOME/function/script.sh"')
        return cls(folder, ProcessEngine(folder / "engine", command=command))

    def image(self, script: str) -> LocalImage:
        data = script.encode()
        name = hashlib.sha256(data).hexdigest()
        path = self.folder / f"{uuid.uuid4().hex}.tar"
        with tarfile.open(path, "w") as archive:
            member = tarfile.TarInfo("opt/scar/function/script.sh")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        layer = LocalLayer(path=path, digest=f"sha256:{name}", diff_id=f"sha256:{name}")
        return LocalImage(
            reference=name,
            digest=f"sha256:{name}",
            config_digest=f"sha256:{name}",
            config=path,
            layers=(layer,),
            entrypoint=("/opt/scar/launch",),
            environment={},
        )

    def close(self) -> None:
        self.engine.close()


@dataclass
class RootFsHarness:
    """Images whose root file system is busybox, with the layers of scar's images."""

    folder: Path
    engine: Engine

    def image(self, script: str) -> LocalImage:
        layers = (
            self._layer({**_busybox(), "linked": ("/etc", 0o777)}),
            self._layer({"opt/scar/supervisor": (b"", 0o644)}),
            self._layer({"opt/scar/function/script.sh": (script.encode(), 0o755)}),
        )
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
        data = json.dumps(document).encode()
        config = hashlib.sha256(data).hexdigest()
        path = self._write(config, data)
        return LocalImage(
            reference=f"busybox-{config[:12]}",
            digest=f"sha256:{config}",
            config_digest=f"sha256:{config}",
            config=path,
            layers=layers,
            entrypoint=("/bin/sh", "/opt/scar/function/script.sh"),
            environment={},
        )

    def close(self) -> None:
        self.engine.close()

    def _layer(self, files: Mapping[str, tuple[bytes | str, int]]) -> LocalLayer:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as archive:
            for name, (content, mode) in files.items():
                member = tarfile.TarInfo(name)
                member.mode = mode
                if isinstance(content, str):
                    member.type, member.linkname = tarfile.SYMTYPE, content
                    archive.addfile(member)
                else:
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        digest = hashlib.sha256(raw.getvalue()).hexdigest()
        path = self._write(f"{digest}.tar", raw.getvalue())
        return LocalLayer(path=path, digest=f"sha256:{digest}", diff_id=f"sha256:{digest}")

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        fresh = self.folder / uuid.uuid4().hex
        fresh.write_bytes(data)
        return fresh.replace(path)  # atomic: other threads may be reading it


@cache
def _busybox() -> dict[str, tuple[bytes | str, int]]:
    """Return busybox (of Debian's package busybox-static) and links for its applets."""
    binary = Path("/bin/busybox")
    if not binary.is_file():
        unavailable("/bin/busybox is not installed (package busybox-static)")
    applets = subprocess.run([binary, "--list"], stdout=subprocess.PIPE, check=True, text=True)
    links: dict[str, tuple[bytes | str, int]] = {
        f"bin/{name}": ("busybox", 0o777) for name in applets.stdout.split()
    }
    return {**links, "bin/busybox": (binary.read_bytes(), 0o755)}


def _sandbox(folder: Path) -> EngineHarness:
    from scar.local.engines.sandbox import SandboxEngine
    from scar.local.engines.sandbox_support import find_support

    support = find_support(folder)
    if support.reason:
        unavailable(f"no sandboxes here: {support.reason}")
    return RootFsHarness(folder, SandboxEngine(folder / "engine", support))


def _docker(folder: Path) -> EngineHarness:
    from scar.local.engines.docker import DockerEngine, find_socket

    url, reason = find_socket(os.environ)
    if not url:
        unavailable(f"no container engine: {reason}")
    return RootFsHarness(folder, DockerEngine(folder / "engine", url))


def unavailable(reason: str) -> NoReturn:
    """Skip the test; if container tests are required, as in CI, fail."""
    import pytest  # here: the benchmarks use the local cloud's fakes, and have no pytest

    if os.environ.get("SCAR_CONTAINER_TESTS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


ENGINE_HARNESSES: dict[str, Callable[[Path], EngineHarness]] = {
    "docker": _docker,
    "process": ProcessHarness.create,
    "sandbox": _sandbox,
}
