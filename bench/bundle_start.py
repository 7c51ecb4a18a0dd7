"""The time from the start of the supervisor's process until it is ready, in each engine.

Ready is its first GET of the next invocation. Before it starts, the image's shell opens and closes
a connection: the time from there to the GET is the supervisor's own, without the engine's. Below,
the bundled Python next to the Python that runs this script. Medians in milliseconds.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from scar.errors import ConfigurationError
from scar.image.compose.supervisor_bundle import find_bundle, supervisor_layer
from scar.image.compose.tree_images import image_config
from scar.image.formats.layer import LayerEntry, LayerFile, LayerSymlink, build_layer
from scar.image.formats.manifest import dump_json
from scar.local.engines.port import LocalImage, LocalLayer, SandboxProfile, SandboxSpec
from scar.local.engines.selection import select_engine
from scar.local.engines.unpack import unpack_layer
from supervisor import config
from supervisor.bundle.python import interpreter_command
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.engines.port import Engine

ROUNDS = 20
TARGET = 60  # milliseconds from process start to ready
CASES = {
    "pass": "pass",
    "socket, subprocess, json, hashlib": "import socket, subprocess, json, hashlib",
    "+ ssl, http.client": "import socket, subprocess, json, hashlib, ssl, http.client",
}


def image(folder: Path, port: int) -> LocalImage:
    """Return an image of busybox, the bundle and a function; it connects to ``port`` first."""
    function_config = FunctionConfig(name="bench", mode=ExecutionMode.LAMBDA, state_bucket="none")
    base: dict[str, LayerEntry] = {
        "bin/busybox": LayerFile(Path("/bin/busybox").read_bytes(), 0o755),
        "bin/sh": LayerSymlink("busybox"),
    }
    bundle = find_bundle(platform.machine())
    supervisor = supervisor_layer(bundle)
    function = {
        "opt/scar/function/function.json": LayerFile(
            config.config_to_json(function_config).encode()
        )
    }
    layers = (
        written(folder, base),
        LocalLayer(path=bundle, digest=supervisor.blob.digest, diff_id=supervisor.diff_id),
        written(folder, function),
    )
    connect = f"/bin/busybox nc 127.0.0.1 {port} </dev/null; exec /opt/scar/launch"
    run = ImageDefaults(entrypoint=("/bin/sh", "-c", connect))
    diff_ids = [item.diff_id for item in layers]
    document = dump_json(image_config(diff_ids, run, bundle.name.split("-")[3].partition(".")[0]))
    (folder / "config.json").write_bytes(document)
    digest = f"sha256:{hashlib.sha256(document).hexdigest()}"
    return LocalImage(
        reference="bench:1",
        digest=digest,
        config_digest=digest,
        config=folder / "config.json",
        layers=layers,
        entrypoint=run.entrypoint,
        environment={},
    )


def written(folder: Path, tree: Mapping[str, LayerEntry]) -> LocalLayer:
    """Build a layer and write it to the folder."""
    layer = build_layer(tree)
    path = folder / uuid.uuid4().hex
    with layer.blob.open() as data:
        path.write_bytes(data.read())
    return LocalLayer(path=path, digest=layer.blob.digest, diff_id=layer.diff_id)


def ready(engine: Engine, folder: Path) -> list[float]:
    """Start a sandbox several times; return the milliseconds from its connection to its GET."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        port = server.getsockname()[1]
        local_image = image(folder, port)
        engine.prepare(local_image)
        return [once(engine, local_image, server) for _ in range(ROUNDS)]


def once(engine: Engine, local_image: LocalImage, server: socket.socket) -> float:
    """Start one sandbox, wait for its GET, and stop it; return the milliseconds."""
    port = server.getsockname()[1]
    spec = SandboxSpec(
        name=f"scar-bench-{uuid.uuid4().hex[:8]}",
        image=local_image,
        profile=SandboxProfile.LAMBDA,
        environment={"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"},
        memory_mb=512,
    )
    output: list[bytes] = []
    sandbox = engine.start(spec, output.append)
    try:
        server.accept()[0].close()
        start = time.perf_counter()
        connection, _ = server.accept()
        with connection:
            request = connection.recv(4096)
            duration = (time.perf_counter() - start) * 1e3
        if not request.startswith(b"GET /2018-06-01/runtime/invocation/next"):
            raise RuntimeError(f"unexpected request {request!r}; output {b''.join(output)!r}")
        return duration
    finally:
        sandbox.close()


def median(command: list[str]) -> float:
    """Return the median of several starts, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, check=True, timeout=30)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main() -> None:
    """Print one line per engine, and one per case."""
    for name in ("docker", "sandbox"):
        with tempfile.TemporaryDirectory(prefix="scar-", dir="/tmp") as folder:
            Path(folder).chmod(0o711)
            try:
                engine = select_engine(name, Path(folder), os.environ)
            except ConfigurationError as error:
                print(f"process start to ready, {name}: {error.problem}")
                continue
            try:
                times = ready(engine, Path(folder))
            finally:
                engine.close()
            print(
                f"process start to ready, {name}: {statistics.median(times):.1f} ms"
                f" (median of {ROUNDS}, best {min(times):.1f}; target {TARGET})"
            )
    with tempfile.TemporaryDirectory() as folder:
        unpack_layer(find_bundle(platform.machine()), Path(folder))
        bundled = interpreter_command(Path(folder, "opt", "scar"))
        print(f"{'':36}{'bundle':>8}{'host':>8}  ms, median of {ROUNDS}")
        for title, code in CASES.items():
            own = median([*bundled, "-c", code])
            host = median([sys.executable, "-c", code])
            print(f"{title:36}{own:8.1f}{host:8.1f}")


if __name__ == "__main__":
    main()
