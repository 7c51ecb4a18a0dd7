"""One run in this process: input in, the user's script, outputs out."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.batch.fallback import DISK_FULL_BYTES, may_submit_to_batch
from supervisor.errors import SIGKILL_STATUS, DeadlineExceeded, DiskFull, OutOfMemory, ScriptFailed
from supervisor.execution import command as program
from supervisor.execution import outputs, staging
from supervisor.execution import time_limit as alarm
from supervisor.execution.workspace import create_workspace
from supervisor.invocation import ObjectEvent, ProcessSpec
from supervisor.model import ComputeService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from supervisor.execution.outputs import OutputFile
    from supervisor.execution.staging import RunContext, StagedInput
    from supervisor.execution.workspace import Workspace
    from supervisor.logs import Log
    from supervisor.model import FunctionConfig
    from supervisor.ports import ObjectStore, ScriptRunner
    from supervisor.runs.record_format import UploadedObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult:
    """What a run made: ``output`` is the end of what the script printed."""

    output: bytes
    uploaded: tuple[UploadedObject, ...]


def free_bytes(folder: Path) -> int:
    """Return how much an unprivileged program can still write there."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExecutor:
    """Where and with what runs are executed; see ``core.Supervisor``."""

    config: FunctionConfig
    home: Path
    temporary: Path
    exclusive: bool
    environ: Mapping[str, str]
    open_store: Callable[[str], ObjectStore]
    runner: ScriptRunner
    now: Callable[[], float]
    free_space: Callable[[Path], int] = free_bytes

    def run(self, context: RunContext, log: Log) -> ExecutionResult:
        """Do all of it; nothing is uploaded unless the script succeeded and time remains.

        Raise DeadlineExceeded, OutOfMemory, DiskFull, ScriptFailed, ObjectChanged and the
        other SupervisorErrors of what failed.
        """
        with create_workspace(self.temporary, exclusive=self.exclusive) as place:
            with alarm.enforce_time_limit(
                self._remaining_seconds(context, "starting"), "the input was read"
            ):
                staged = self._stage_in(context, place)
            output = self._run_script(context, place, staged)
            files = outputs.collect_files(place.outputs, self.config.outputs, log.warning)
            self._remaining_seconds(context, "before the upload")
            made = tuple(self._upload_output(file, staged.metadata, log) for file in files)
        return ExecutionResult(output=output, uploaded=made)

    def _upload_output(
        self, file: OutputFile, metadata: Mapping[str, str], log: Log
    ) -> UploadedObject:
        store = self.open_store(file.target.provider)
        made = outputs.upload_file(store, file, metadata, log.info)
        if made.replaced:
            log.warning(
                f"{file.target} was the result of another file, of run {made.replaced};"
                " it is replaced.",
                remedy="Where files in several folders have one name, let the script keep the"
                " folder: it is in STORAGE_OBJECT_KEY.",
            )
        return made

    def _stage_in(self, context: RunContext, workspace: Workspace) -> StagedInput:
        size = context.trigger.size if isinstance(context.trigger, ObjectEvent) else 0
        free = self.free_space(workspace.root)
        if size > free:
            raise _disk_full(f"The input has {size} bytes, {free} are free.")
        with _translate_disk_full():
            return staging.stage_in(context, workspace, self.open_store)

    def _run_script(self, context: RunContext, workspace: Workspace, staged: StagedInput) -> bytes:
        site = context.invocation.owner.site
        with _translate_disk_full():
            chosen = program.choose_command(self.config, context.trigger, self.home, workspace)
        task = ProcessSpec(
            argv=chosen.argv,
            cwd=chosen.cwd,
            environment=staging.script_environment(context, workspace, staged, self.environ),
            folder=workspace.root,
            user=self.config.image.user if site is ComputeService.BATCH else "",
        )
        status, output = self.runner.run(
            task, timeout=self._remaining_seconds(context, "before the script")
        )
        if status == SIGKILL_STATUS:
            memory = self.config.memory if site is ComputeService.LAMBDA else 0
            raise OutOfMemory(status, output, memory=memory)
        if status != 0:
            if (
                may_submit_to_batch(self.config.mode, site)
                and self.free_space(workspace.root) < DISK_FULL_BYTES
            ):
                raise _disk_full(f"The script ended with status {status}, and the disk is full.")
            raise ScriptFailed(status, output)
        return output

    def _remaining_seconds(self, context: RunContext, when: str) -> float | None:
        """Return the seconds left to work; raise DeadlineExceeded if there are none."""
        if context.stop_at is None:
            return None
        left = context.stop_at - self.now()
        if left <= 0:
            raise DeadlineExceeded(
                f"The time was over {when}.",
                remedy="Give the function more time, or let Batch take over (mode lambda-batch).",
            )
        return left


@contextmanager
def _translate_disk_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in DiskFull.ERRNOS:
            raise
        raise _disk_full(f"The disk is full: {error}.") from error


def _disk_full(problem: str) -> DiskFull:
    return DiskFull(
        problem,
        remedy="Give the function more ephemeral_storage, or let Batch take over"
        " (mode lambda-batch).",
    )
