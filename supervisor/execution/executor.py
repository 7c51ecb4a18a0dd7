"""Execute one run in this process: stage in, run the script, stage out."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.batch.fallback import DISK_FULL_BYTES, may_submit_to_batch
from supervisor.errors import SIGKILL_STATUS, DiskFull, OutOfMemory, ScriptFailed
from supervisor.execution import command, outputs, staging
from supervisor.execution.time_limit import deadline_exceeded, enforce_time_limit
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
    """The result of a run; ``output`` is the end of the script's output."""

    output: bytes
    uploaded: tuple[UploadedObject, ...]


def free_bytes(folder: Path) -> int:
    """Return the free bytes on the folder's disk for unprivileged programs."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExecutor:
    """Executes runs; the fields are those of ``core.Supervisor``."""

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
        """Execute the run; nothing is uploaded unless the script succeeded and time remains.

        Raise DeadlineExceeded, OutOfMemory, DiskFull, ScriptFailed, ObjectChanged and other
        SupervisorErrors.
        """
        with create_workspace(self.temporary, exclusive=self.exclusive) as workspace:
            with enforce_time_limit(
                self._remaining_seconds(context, "at the start"), "during the download of the input"
            ):
                staged = self._stage_in(context, workspace)
            output = self._run_script(context, workspace, staged)
            files = outputs.collect_files(workspace.outputs, self.config.outputs, log.warning)
            metadata = staging.describe_outputs(context, staged, [file.target for file in files])
            # The last check: uploads that have begun are not interrupted.
            self._remaining_seconds(context, "before the upload of the outputs")
            uploaded = tuple(
                self._upload_output(file, own, log)
                for file, own in zip(files, metadata, strict=True)
            )
        return ExecutionResult(output=output, uploaded=uploaded)

    def _upload_output(
        self, file: OutputFile, metadata: Mapping[str, str], log: Log
    ) -> UploadedObject:
        store = self.open_store(file.target.provider)
        uploaded = outputs.upload_file(store, file, metadata, log.info)
        if uploaded.replaced:
            log.warning(
                f"{file.target} was the output of run {uploaded.replaced} from another input file;"
                " it is replaced.",
                remedy="If input files in several folders have the same name, use the folder in"
                " STORAGE_OBJECT_KEY for the output name.",
            )
        return uploaded

    def _stage_in(self, context: RunContext, workspace: Workspace) -> StagedInput:
        # The event's size permits failing early, before a download that cannot succeed.
        size = context.trigger.size if isinstance(context.trigger, ObjectEvent) else 0
        free = self.free_space(workspace.root)
        if size > free:
            raise _disk_full(
                f"The disk is full: the input has {size} bytes, {free} bytes are free."
            )
        with _translate_disk_full():
            return staging.stage_in(context, workspace, self.open_store)

    def _run_script(self, context: RunContext, workspace: Workspace, staged: StagedInput) -> bytes:
        service = context.invocation.owner.site
        with _translate_disk_full():
            chosen = command.choose_command(self.config, context.trigger, self.home, workspace)
        spec = ProcessSpec(
            argv=chosen.argv,
            cwd=chosen.cwd,
            environment=staging.script_environment(context, workspace, staged, self.environ),
            folder=workspace.root,
            # Lambda runs every image as its own unprivileged user.
            user=self.config.image.user if service is ComputeService.BATCH else "",
        )
        status, output = self.runner.run(
            spec, timeout=self._remaining_seconds(context, "before the start of the script")
        )
        if status == SIGKILL_STATUS:
            memory = self.config.memory if service is ComputeService.LAMBDA else 0
            raise OutOfMemory(status, output, memory=memory)
        if status != 0:
            if (
                may_submit_to_batch(self.config.mode, service)
                and self.free_space(workspace.root) < DISK_FULL_BYTES
            ):
                raise _disk_full(f"The script ended with status {status}, and the disk is full.")
            raise ScriptFailed(status, output)
        return output

    def _remaining_seconds(self, context: RunContext, when: str) -> float | None:
        """Return the seconds until the deadline; raise DeadlineExceeded if it has passed."""
        if context.stop_at is None:
            return None
        left = context.stop_at - self.now()
        if left <= 0:
            raise deadline_exceeded(when)
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
        remedy="Increase lambda.ephemeral_storage, or use execution_mode: lambda-batch.",
    )
