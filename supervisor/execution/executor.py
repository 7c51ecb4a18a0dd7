"""One run in this process: input in, the user's script, outputs out."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.batch.fallback import FULL, KILLED, may_delegate
from supervisor.errors import DeadlineExceeded, DiskFull, OutOfMemory, ScriptFailed
from supervisor.execution import command as program
from supervisor.execution import outputs, staging
from supervisor.execution import time_limit as alarm
from supervisor.execution.workspace import workspace
from supervisor.invocation import Announced, Task
from supervisor.model import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from supervisor.execution.outputs import Output
    from supervisor.execution.staging import Staged, Work
    from supervisor.execution.workspace import Workspace
    from supervisor.logs import Log
    from supervisor.model import FunctionConfig
    from supervisor.ports import ObjectStore, ScriptRunner
    from supervisor.runs.record_format import Uploaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a run made: ``output`` is the end of what the script printed."""

    output: bytes
    files: tuple[Uploaded, ...]


def free_bytes(folder: Path) -> int:
    """Return how much an unprivileged program can still write there."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Where and with what runs are executed; see ``core.Supervisor``."""

    config: FunctionConfig
    home: Path
    temporary: Path
    alone: bool
    environ: Mapping[str, str]
    open_store: Callable[[str], ObjectStore]
    runner: ScriptRunner
    now: Callable[[], float]
    free: Callable[[Path], int] = free_bytes

    def run(self, work: Work, notes: Log) -> Made:
        """Do all of it; nothing is uploaded unless the script succeeded and time remains.

        Raise DeadlineExceeded, OutOfMemory, DiskFull, ScriptFailed, ObjectChanged and the
        other SupervisorErrors of what failed.
        """
        with workspace(self.temporary, alone=self.alone) as place:
            with alarm.limit(self._left(work, "starting"), "the input was read"):
                staged = self._stage_in(work, place)
            output = self._run_script(work, place, staged)
            files = outputs.collect(place.outputs, self.config.outputs, notes.warning)
            self._left(work, "before the upload")
            made = tuple(self._upload(file, staged.metadata, notes) for file in files)
        return Made(output=output, files=made)

    def _upload(self, file: Output, metadata: Mapping[str, str], notes: Log) -> Uploaded:
        store = self.open_store(file.target.provider)
        made = outputs.upload(store, file, metadata, notes.info)
        if made.replaced:
            notes.warning(
                f"{file.target} was the result of another file, of run {made.replaced};"
                " it is replaced.",
                remedy="Where files in several folders have one name, let the script keep the"
                " folder: it is in STORAGE_OBJECT_KEY.",
            )
        return made

    def _stage_in(self, work: Work, place: Workspace) -> Staged:
        size = work.trigger.size if isinstance(work.trigger, Announced) else 0
        free = self.free(place.root)
        if size > free:
            raise _too_large(f"The input has {size} bytes, {free} are free.")
        with _full_disk_named():
            return staging.stage_in(work, place, self.open_store)

    def _run_script(self, work: Work, place: Workspace, staged: Staged) -> bytes:
        site = work.invocation.owner.site
        with _full_disk_named():
            chosen = program.choose(self.config, work.trigger, self.home, place)
        task = Task(
            argv=chosen.argv,
            cwd=chosen.cwd,
            environment=staging.variables(work, place, staged, self.environ),
            folder=place.root,
            user=self.config.image.user if site is Site.BATCH else "",
        )
        status, output = self.runner.run(task, timeout=self._left(work, "before the script"))
        if status == KILLED:
            memory = self.config.memory if site is Site.LAMBDA else 0
            raise OutOfMemory(status, output, memory=memory)
        if status != 0:
            if may_delegate(self.config.mode, site) and self.free(place.root) < FULL:
                raise _too_large(f"The script ended with status {status}, and the disk is full.")
            raise ScriptFailed(status, output)
        return output

    def _left(self, work: Work, when: str) -> float | None:
        """Return the seconds left to work; raise DeadlineExceeded if there are none."""
        if work.stop_at is None:
            return None
        left = work.stop_at - self.now()
        if left <= 0:
            raise DeadlineExceeded(
                f"The time was over {when}.",
                remedy="Give the function more time, or let Batch take over (mode lambda-batch).",
            )
        return left


@contextmanager
def _full_disk_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in DiskFull.NUMBERS:
            raise
        raise _too_large(f"The disk is full: {error}.") from error


def _too_large(problem: str) -> DiskFull:
    return DiskFull(
        problem,
        remedy="Give the function more ephemeral_storage, or let Batch take over"
        " (mode lambda-batch).",
    )
