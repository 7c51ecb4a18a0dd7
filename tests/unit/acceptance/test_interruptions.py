"""Signals end the steps, and only the steps."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.kit.journal import Journal
from tests.acceptance.kit.runner import say

ROOT = Path(__file__).parents[3]
# Starts steps that react to SIGINT as told, and then "cleans up" for as long as it is told.
PROGRAM = """\
import sys, time
from pathlib import Path
from tests.acceptance.kit.interruptions import Interruptions
from tests.acceptance.kit.journal import Journal

steps = "import signal, time\\n" + sys.argv[2] + "\\nprint('steps', flush=True)\\ntime.sleep(600)"
interruptions = Interruptions(Journal(Path(sys.argv[1])), lambda text: print(text, flush=True))
interruptions.install()
status = interruptions.run([sys.executable, "-c", steps], {})
print("status", status, flush=True)
print("cleaning", flush=True)
sys.stdin.readline()
print("clean", flush=True)
"""
IGNORE = "signal.signal(signal.SIGINT, signal.SIG_IGN)"


class Runner:
    """A runner in a process; ``expect`` reads its output up to a line that starts with a word."""

    def __init__(self, journal: Path, steps: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(journal), steps],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def expect(self, word: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(word):
                return line
        raise AssertionError(f"the runner ended before {word}")

    def finish(self) -> int:
        self.process.communicate("\n", timeout=300)
        return self.process.returncode


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_signal_interrupts_the_steps_and_cleanup_follows(
    tmp_path: Path, name: str
) -> None:
    runner = Runner(tmp_path / "journal", "")
    runner.expect("steps")
    runner.process.send_signal(signal.Signals[name])
    assert runner.expect("status") != "status 0\n"
    runner.expect("cleaning")
    assert runner.finish() == 0
    (entry,) = Journal(tmp_path / "journal").entries("interruption")
    assert entry["text"] == f"{name} number 1"


def test_the_second_signal_kills_steps_that_do_not_end(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "journal", IGNORE)
    runner.expect("steps")
    runner.process.send_signal(signal.SIGINT)
    runner.expect("SIGINT: the steps are interrupted")
    runner.process.send_signal(signal.SIGINT)
    assert runner.expect("status") == "status -9\n"
    assert runner.finish() == 0


def test_signals_do_not_interrupt_the_cleanup(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "journal", "")
    runner.expect("steps")
    runner.process.send_signal(signal.SIGTERM)
    runner.expect("cleaning")
    for _ in range(3):
        runner.process.send_signal(signal.SIGINT)
        runner.expect("SIGINT: cleaning up")
    assert runner.finish() == 0


def test_the_steps_end_if_the_runner_is_killed(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "journal", "")
    runner.expect("steps")
    runner.process.kill()
    # The steps have the same stdout: it ends when they have.
    runner.process.communicate(timeout=300)


def test_a_lost_terminal_does_not_prevent_the_cleanup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", open(os.devnull))  # noqa: PTH123, SIM115 - not writable
    with contextlib.closing(sys.stderr):
        say("Cleaning up…")
