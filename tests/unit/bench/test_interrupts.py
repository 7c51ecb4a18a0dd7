"""A signal is delayed while a process is started that could not be found yet."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from bench.kit.commands import plain_environment
from bench.kit.machine import ROOT

HEAD = """
import os, signal, sys
from bench.kit.interrupts import exit_on_signals, undivided
exit_on_signals()
"""
DELAYED = """
with undivided():
    os.kill(os.getpid(), {number})
    print("started", flush=True)
print("after the block")
"""
TWICE = """
try:
    os.kill(os.getpid(), {number})
finally:
    os.kill(os.getpid(), {number})
    print("ended all", flush=True)
"""


def run(code: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code],
        cwd=ROOT,
        env=plain_environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_a_signal_within_a_start_takes_effect_after_it(number: int) -> None:
    assert run(DELAYED.format(number=int(number))) == (128 + number, "started\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_a_second_signal_does_not_cut_the_end_short(number: int) -> None:
    assert run(TWICE.format(number=int(number))) == (128 + number, "ended all\n")
