"""The files in a function's input folders, compared with its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.runs.lookup import input_id_prefix
from scar.runs.states import FAILURE_STATES, FINISHED_STATES, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.runs.invoke import InputObject
    from scar.runs.ledger import Run

# Seconds after an upload in which its run normally starts. At Lambda's concurrency limit the event
# waits longer in its queue, but then other runs are in progress.
START_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class InputFiles:
    """Input files by input id (``lookup.input_id_prefix``), and the latest run on each.

    ``waiting`` counts files whose run is still expected, ``never_started`` those that no event
    will start anymore: see ``judge_files_without_run``. ``is_complete``: all files were listed.
    ``in_arrays``: children of arrays that have no run, whose files are none of these.
    """

    files: Mapping[str, InputObject]
    is_complete: bool = True
    waiting: int = 0
    never_started: int = 0
    in_arrays: int = 0
    _latest: dict[str, Run] = field(default_factory=dict)

    @classmethod
    def of(
        cls, function: str, files: Sequence[InputObject], *, limit: int | None = None
    ) -> InputFiles:
        """Compare these files, or the first ``limit`` of them."""
        compared = {input_id_prefix(function, f.bucket, f.key): f for f in files[:limit]}
        return cls(files=compared, is_complete=limit is None or len(files) <= limit)

    def add(self, run: Run) -> bool:
        """Keep the run if it is the latest one on a file's content; return whether it is on a file.

        A run on an earlier content of the file is on a file, too.
        """
        input_id = run.path.run_id[:16]
        file = self.files.get(input_id)
        if file is None:
            return False
        # Whole seconds, as the times of records are.
        is_current = run.changed_at >= int(file.modified.timestamp())
        latest = self._latest.get(input_id)
        if is_current and (latest is None or run.changed_at > latest.changed_at):
            self._latest[input_id] = run
        return True

    def judge_files_without_run(self, now: float, *, in_progress: bool) -> None:
        """Count the files without a run since their upload as waiting or never started.

        A file waits while it is younger than ``START_SECONDS`` or other runs are in progress.
        """
        without = [file for id_, file in self.files.items() if id_ not in self._latest]
        self.waiting = sum(
            in_progress or now - file.modified.timestamp() < START_SECONDS for file in without
        )
        self.never_started = len(without) - self.waiting
        # Children of arrays are counted already. Usually their files are in the input folders.
        waiting = min(self.waiting, self.in_arrays)
        self.waiting -= waiting
        self.never_started = max(0, self.never_started - (self.in_arrays - waiting))

    @property
    def total(self) -> int:
        return len(self.files)

    @property
    def done(self) -> int:
        return sum(run.state is RunState.DONE for run in self._latest.values())

    @property
    def failed(self) -> int:
        return sum(run.state in FAILURE_STATES for run in self._latest.values())

    @property
    def unfinished(self) -> int:
        running = sum(run.state not in FINISHED_STATES for run in self._latest.values())
        return running + self.waiting
