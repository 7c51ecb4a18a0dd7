"""Show the runs that a command has started or cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.cli.formatting import format_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.cli.session import Session
    from scar.runs.ledger import Run


def show_runs(session: Session, runs: Sequence[tuple[Run, str]], verb: str) -> None:
    """Write the runs with their request or job ids, and a summary that begins with ``verb``."""
    if session.json:
        session.terminal.write_json([{"run": str(run.path), "id": id_} for run, id_ in runs])
    else:
        for run, id_ in runs:
            session.terminal.write_data(f"{run.path}  {id_}".rstrip())
    session.terminal.write_message(f"{verb} {format_count(len(runs), 'run')}.")
