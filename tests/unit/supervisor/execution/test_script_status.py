"""What the exit status of a script means: all 256 of them."""

from __future__ import annotations

import signal

import pytest

from scar.runs.diagnosis import diagnose_exit_code
from supervisor.errors import OutOfMemory, ScriptFailed

NAMED = {
    "SIGHUP": "terminal or parent",
    "SIGINT": "interrupted",
    "SIGQUIT": "quit",
    "SIGILL": "CPU",
    "SIGTRAP": "trap",
    "SIGABRT": "aborted",
    "SIGBUS": "memory",
    "SIGFPE": "division by zero",
    "SIGKILL": "killed",
    "SIGUSR1": "did not handle",
    "SIGSEGV": "crashed",
    "SIGUSR2": "did not handle",
    "SIGPIPE": "pipe",
    "SIGALRM": "timer",
    "SIGTERM": "terminated",
    "SIGXCPU": "CPU time",
    "SIGXFSZ": "file size",
    "SIGSYS": "system call",
}
STATUSES = {128 + signal.Signals[name]: name for name in NAMED}


@pytest.mark.parametrize("status", range(256))
def test_every_status_is_named_and_explained_if_it_has_a_meaning(status: int) -> None:
    error = ScriptFailed(status)
    assert str(status) in error.problem
    assert error.problem.endswith(".")
    assert error.remedy
    if status in STATUSES:
        name = STATUSES[status]
        assert error.problem.startswith(f"The script was ended by {name} (status {status}): ")
        assert NAMED[name] in error.problem
    elif status == 126:
        assert "not executable" in error.problem
        assert "chmod +x" in error.remedy
    elif status == 127:
        assert "command not found" in error.problem
        assert "PATH" in error.remedy
    else:
        assert error.problem == f"The script ended with status {status}."


@pytest.mark.parametrize("status", range(256))
def test_the_exit_code_of_a_job_is_explained_if_a_signal_ended_it(status: int) -> None:
    found = diagnose_exit_code(status)
    assert (found is not None) == (status in STATUSES)
    if found is not None:
        assert STATUSES[status] in found.problem
        assert str(status) in found.problem


def test_a_killed_script_most_likely_ran_out_of_memory() -> None:
    assert "ran out of memory" in OutOfMemory(137).problem
    assert "ran out of memory" in ScriptFailed(137).problem


def test_a_job_without_an_exit_code_is_not_explained() -> None:
    assert diagnose_exit_code(None) is None
