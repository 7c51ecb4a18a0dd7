from __future__ import annotations

from scar.local.batch.attempt import _exit_outcome
from scar.local.engines.port import SandboxExit


def test_a_job_that_survives_the_end_of_one_of_its_processes_ends_well() -> None:
    """Docker reports any out-of-memory kill in a container, not only that of the main process."""
    outcome = _exit_outcome(SandboxExit(status=0, out_of_memory=True), timed_out=False)
    assert (outcome.exit_code, outcome.reason) == (0, "")


def test_a_job_killed_for_its_memory_reports_it() -> None:
    outcome = _exit_outcome(SandboxExit(status=137, out_of_memory=True), timed_out=False)
    assert outcome.exit_code == 137
    assert outcome.reason.startswith("OutOfMemoryError")
