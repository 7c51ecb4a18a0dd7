"""The event of a run, from whichever record has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.runs.states import BEFORE_CLAIM
from supervisor.runs import record_format

if TYPE_CHECKING:
    from scar.runs.ledger import Run, RunLedger


def read_recorded_event(ledger: RunLedger, run: Run) -> object:
    """Return the event of a listed run, None if none was recorded.

    Raise RunChangedError if the run was claimed again since, ValueError for damaged JSON.
    """
    claim = ledger.read_listed_record(run, record_format.CLAIM) or {}
    text = claim.get("event") or ledger.read_event(run.path)
    for name in BEFORE_CLAIM:
        if not text and name in run.record_times:
            text = (ledger.read_record(run.path, name) or {}).get("event")
    event: object = json.loads(text) if isinstance(text, str) and text else None
    return event
