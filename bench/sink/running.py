"""Start a sink for a benchmark, and read its counters and its CPU time."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.kit.commands import plain_environment
from bench.kit.machine import ROOT
from bench.kit.processes import cpu_seconds, descendants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.sink.listing import Folder


@dataclass(frozen=True, slots=True)
class RunningSink:
    """A sink on loopback; ``environment`` makes AWS's clients use it."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return plain_environment(
            AWS_ENDPOINT_URL=self.url,
            AWS_ACCESS_KEY_ID="AKIALOCALBENCHSINK00",
            AWS_SECRET_ACCESS_KEY="bench",  # noqa: S106 - the sink verifies nothing
            AWS_REGION="us-east-1",
            AWS_DEFAULT_REGION="us-east-1",
            AWS_EC2_METADATA_DISABLED="true",
            # Files that do not exist: one that is not a regular file makes scar ask the SDK.
            AWS_CONFIG_FILE=str(ROOT / "bench" / "no-config"),
            AWS_SHARED_CREDENTIALS_FILE=str(ROOT / "bench" / "no-credentials"),
        )

    def counters(self) -> dict[str, int]:
        """Return the numbers of requests by operation, of connections and received bytes."""
        with urllib.request.urlopen(f"{self.url}/_counters", timeout=10) as response:  # noqa: S310
            counted: dict[str, int] = json.load(response)
        return counted

    def cpu(self) -> float:
        """Return the CPU seconds of all processes of the sink."""
        return sum(cpu_seconds(pid) for pid in descendants(self.pid))


@contextmanager
def run_sink(
    *folders: Folder, latency_ms: float = 0, log_group: str = "", log_bytes: int = 0
) -> Iterator[RunningSink]:
    """Run a sink with these objects; end its processes afterwards.

    It ends with this process, however this one ends: its standard input ends then.
    """
    command = [sys.executable, "-m", "bench.sink.server", "--latency", f"{latency_ms}"]
    for folder in folders:
        text = f"{folder.bucket}/{folder.prefix}:{folder.count}:{folder.size}"
        command += ["--folder", text]
    if log_group:
        command += ["--log-group", log_group, "--log-bytes", str(log_bytes)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        start_new_session=True,  # Ctrl-C must not end it before the command that uses it
    ) as process:
        assert process.stdin and process.stdout  # noqa: S101, PT018 for the type checker
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("The sink did not start.")
        try:
            yield RunningSink(int(line), process.pid)
        finally:
            process.stdin.close()
