"""Ten thousand files in mode batch against Batch's 50 submissions a second, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.supervisor.batch.account_simulation import AccountSimulation
from tests.unit.supervisor.batch.test_account_rates import check_every_run_was_submitted_once

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("per_second", "timeout"), [(100, 300), (300, 60)])
def test_of_ten_thousand_files_none_fails(tmp_path: Path, per_second: int, timeout: int) -> None:
    account = AccountSimulation(tmp_path, 1000, timeout)
    account.run(10_000, per_second)
    check_every_run_was_submitted_once(account, 10_000)
