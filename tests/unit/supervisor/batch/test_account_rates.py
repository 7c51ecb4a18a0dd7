"""Many files at once, in virtual time: every run is submitted exactly once, and none fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.model.rates import REQUEST_RATES
from tests.unit.supervisor.batch.account_simulation import AccountSimulation

if TYPE_CHECKING:
    from pathlib import Path


def check_every_run_was_submitted_once(account: AccountSimulation, files: int) -> None:
    assert len(account.batch.jobs) == files
    assert set(account.batch.jobs.values()) == {1}
    assert account.killed == 0
    assert not any(outcome.endswith(("failed", "duplicate")) for outcome in account.outcomes)
    # Not much longer than the rate requires: the last ones have pauses of up to 20 s.
    rate = REQUEST_RATES["batch", "SubmitJob"].per_second
    assert account.elapsed < files / rate + 60 + 240 * ("handler delegated" in account.outcomes)
    # The load on Batch stays bounded: random pauses grow to 10 s on average.
    assert account.batch.refusals.total() < 10 * files


@pytest.mark.parametrize(
    ("per_second", "concurrency", "timeout", "retries"),
    [(100, 1000, 300, 0), (300, 10, 60, 0), (300, 1000, 20, 0), (300, 1000, 20, 2)],
)
def test_a_thousand_files_are_submitted_at_batchs_rate(
    tmp_path: Path, per_second: int, concurrency: int, timeout: int, retries: int
) -> None:
    account = AccountSimulation(tmp_path, concurrency, timeout, retries)
    account.run(1000, per_second)
    check_every_run_was_submitted_once(account, 1000)
    # A short timeout leaves runs to Lambda's retry or the failure handler.
    waited = account.outcomes["function waiting"]
    assert bool(waited) == (timeout == 20)
    if waited and not retries:
        assert account.outcomes["handler delegated"] == waited
