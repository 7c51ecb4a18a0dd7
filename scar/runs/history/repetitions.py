"""Which run continues a direct invocation after `scar retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.runs.states import RunState
from supervisor.runs import record_format

if TYPE_CHECKING:
    from scar.runs.ledger import Run, RunLedger


def read_repetition(ledger: RunLedger, run: Run) -> str:
    """Return the id of the run as which this one was repeated; empty if it was not."""
    record = ledger.read_record(run.path, record_format.REPEATED) or {}
    return str(record.get("repeated_as", ""))


def follow_repetitions(ledger: RunLedger, run: Run) -> Run:
    """Return the run that continues this one after `scar retry`; itself if none does."""
    passed = set()
    while run.state is RunState.REPEATED and run.path.run_id not in passed:
        passed.add(run.path.run_id)
        new_id = read_repetition(ledger, run)
        found = ledger.list_runs_with_id(run.path.function, new_id) if new_id else ()
        run = next((one for one in found if one.path.run_id == new_id), run)
    return run
