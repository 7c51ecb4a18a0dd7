"""How long the bundled Python takes to start, beside the Python that runs this script.

Medians in milliseconds; the bundle runs from a temporary folder, without a container.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scar.image.bundle import find_bundle
from scar.local.engines.unpack import unpack
from supervisor.bundle.python import interpreter

ROUNDS = 30
CASES = {
    "pass": "pass",
    "socket, subprocess, json, hashlib": "import socket, subprocess, json, hashlib",
    "+ ssl, http.client": "import socket, subprocess, json, hashlib, ssl, http.client",
    "the supervisor's core": "import supervisor.config, supervisor.ports",
}


def median(command: list[str]) -> float:
    """Return the median of several starts, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, check=True, timeout=30)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main() -> None:
    """Print one line per case."""
    with tempfile.TemporaryDirectory() as name:
        unpack(find_bundle(platform.machine()), Path(name))
        bundled = interpreter(Path(name, "opt", "scar"))
        print(f"{'':36}{'bundle':>8}{'host':>8}  ms, median of {ROUNDS}")
        for title, code in CASES.items():
            own = median([*bundled, "-c", code])
            host = median([sys.executable, "-c", code])
            print(f"{title:36}{own:8.1f}{host:8.1f}")


if __name__ == "__main__":
    main()
