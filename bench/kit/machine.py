"""The facts about this machine and its software that figures depend on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]


def machine_facts() -> dict[str, str]:
    """Return the processor, cores, memory, kernel, load and versions, ready to print."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _commit(),
        "processor": f"{_first('/proc/cpuinfo', 'model name') or platform.machine()},"
        f" {len(os.sched_getaffinity(0))} cores",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load at the start": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "Python": f"{platform.python_version()}, boto3 {metadata.version('boto3')}",
    }


def _first(path: str, name: str) -> str:
    """Return the value of the first ``name: value`` of a file of /proc; empty if there is none."""
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = " with changes" if git("status", "--porcelain", "-uno") else ""
        return git("rev-parse", "--short", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):  # a source distribution, or no Git
        return "unknown"
