"""Transfers in a process that may have few open files or threads: fewer at once, not an error."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIMITED_FILES = """
import resource, sys
from scar.transfer.client import count_workers
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(count_workers(64), count_workers(16), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
LIMITED_THREADS = """
import pathlib, resource, threading, time
from scar.transfer.pool import map_unordered
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
threading.stack_size(64 << 20)
most = pages * resource.getpagesize() + (300 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
def work(number):
    time.sleep(0.01)
    return number
print(sum(map_unordered(range(100), work, workers=64)))
"""


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (64, 1024, "64 16 200"),
        (1000, 1024, "64 16 1000"),
        (128, 128, "22 16 128"),
        (64, 64, "6 6 64"),
        (32, 32, "1 1 32"),
    ],
)
def test_the_workers_fit_the_limit_of_open_files(soft: int, hard: int, expected: str) -> None:
    assert run(LIMITED_FILES, str(soft), str(hard)) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_without_memory_for_all_threads_some_do_the_work() -> None:
    assert run(LIMITED_THREADS) == str(sum(range(100)))
