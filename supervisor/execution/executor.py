"""Execute one run in this process: stage in, run the script, stage out."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supervisor.batch.fallback import DISK_FULL_BYTES, may_submit_to_batch
from supervisor.errors import ConfigError, DiskFull
from supervisor.execution import command, staging
from supervisor.execution.output_listing import list_outputs
from supervisor.execution.time_limit import deadline_exceeded, enforce_time_limit
from supervisor.execution.upload_pool import THREADS, UploadPool
from supervisor.execution.workspace import create_workspace
from supervisor.invocation import DirectInvocation, ObjectEvent, ProcessSpec
from supervisor.model import ComputeService
from supervisor.results import LeftOutReason
from supervisor.script_status import SIGKILL_STATUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from supervisor.endpoint.output_spool import OutputSpool
    from supervisor.errors import SupervisorError
    from supervisor.execution.command import Command
    from supervisor.execution.staging import RunContext, StagedInput
    from supervisor.execution.workspace import Workspace
    from supervisor.logs import Log
    from supervisor.model import FunctionConfig
    from supervisor.ports import EndpointServices, ObjectStore, ScriptRunner, SecretSource
    from supervisor.results import LeftOut
    from supervisor.runs.record_format import UploadedObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult:
    """The result of a run; ``output`` is the end of the script's output.

    ``left_out`` is what the script left in the output folder and is not uploaded. For an HTTP
    request ``output`` is the whole one, or ``location`` is its URL, or ``problem`` says why not.
    """

    output: bytes
    uploaded: tuple[UploadedObject, ...]
    left_out: tuple[LeftOut, ...] = ()
    location: str = ""
    problem: SupervisorError | None = None


def free_bytes(folder: Path) -> int:
    """Return the free bytes on the folder's disk for unprivileged programs."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def no_secrets(until: float | None) -> Mapping[str, str]:
    """Return no variables: the source of secrets of a function without any."""
    del until
    return {}


def no_services() -> EndpointServices:
    """Raise ConfigError: the services of a function without an endpoint."""
    raise ConfigError("The function has no HTTP endpoint.", remedy="Run `scar init` again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExecutor:
    """Executes runs; the fields are those of ``core.Supervisor``.

    ``before_upload`` is called when the script has succeeded; what it raises fails the run.
    """

    config: FunctionConfig
    home: Path
    temporary: Path
    exclusive: bool
    environ: Mapping[str, str]
    open_store: Callable[[str], ObjectStore]
    runner: ScriptRunner
    now: Callable[[], float]
    read_secrets: SecretSource = no_secrets
    free_space: Callable[[Path], int] = free_bytes
    upload_threads: int = THREADS
    before_upload: Callable[[], None] = lambda: None
    open_services: Callable[[], EndpointServices] = no_services

    def run(self, context: RunContext, log: Log) -> ExecutionResult:
        """Execute the run; nothing is uploaded unless the script succeeded and time remains.

        Raise DeadlineExceeded, OutOfMemory, DiskFull, ScriptFailed, ObjectChanged and other
        SupervisorErrors.
        """
        # First: a run that cannot have its secrets needs no input.
        secrets = self.read_secrets(context.stop_at)
        with (
            create_workspace(
                self.temporary, exclusive=self.exclusive, warn=log.warning
            ) as workspace,
            self._open_spool(context, workspace) as spool,
        ):
            with enforce_time_limit(
                self._remaining_seconds(context, "at the start"), "during the download of the input"
            ):
                staged = self._stage_in(context, workspace)
            chosen = self._choose_command(context, workspace, log)
            environment = {
                **staging.script_environment(context, workspace, staged, self.environ, self.home),
                **secrets,
            }
            output = self._run_script(context, workspace, chosen, environment, spool)
            if not context.is_uploaded:
                return ExecutionResult(output=output, uploaded=())
            self.before_upload()
            with enforce_time_limit(
                self._remaining_seconds(context, "before the upload of the outputs"),
                "before the upload of the outputs",
            ):
                listing = list_outputs(workspace.files, self.config.outputs)
            _report_left_out(listing.left_out, log)
            metadata = staging.describe_outputs(
                context, staged, [file.target for file in listing.files]
            )
            pool = UploadPool(
                run=workspace.files,
                open_store=self.open_store,
                find_metadata=metadata.__getitem__,
                log=log,
                now=self.now,
                stop_at=context.stop_at,
                deadline=context.invocation.deadline,
                threads=self.upload_threads,
                others=frozenset(item.name for item in self.config.providers),
            )
            uploaded = pool.upload(listing.files)
            executed = ExecutionResult(output=output, uploaded=uploaded, left_out=listing.left_out)
            return executed if spool is None else self._add_answer(executed, spool, context)

    def _open_spool(
        self, context: RunContext, workspace: Workspace
    ) -> AbstractContextManager[OutputSpool | None]:
        """Return the spool of an HTTP request whose caller waits for the output; else None."""
        trigger = context.trigger
        is_answered = isinstance(trigger, DirectInvocation) and trigger.is_api_request
        if not is_answered or context.invocation.owner.site is not ComputeService.LAMBDA:
            return nullcontext()
        # Imported here: only HTTP requests need it.
        from supervisor.endpoint.output_spool import open_spool

        return open_spool(workspace.root)

    def _add_answer(
        self, executed: ExecutionResult, spool: OutputSpool, context: RunContext
    ) -> ExecutionResult:
        """Replace the end of the output by all of it, or by its URL; raise StorageError."""
        from supervisor.endpoint.results import answer_with_output

        with enforce_time_limit(
            self._remaining_seconds(context, "before the upload of the script's output"),
            "during the upload of the script's output",
        ):
            answer = answer_with_output(
                spool,
                executed.output,
                context.run,
                self.config,
                self.open_services,
                self.open_store,
            )
        return replace(
            executed, output=answer.output, location=answer.location, problem=answer.problem
        )

    def _stage_in(self, context: RunContext, workspace: Workspace) -> StagedInput:
        # The event's size permits failing early, before a download that cannot succeed.
        size = context.trigger.size if isinstance(context.trigger, ObjectEvent) else 0
        free = self.free_space(workspace.root)
        if size > free:
            raise _disk_full(
                f"The disk is full: the input has {size} bytes, {free} bytes are free."
            )
        with _translate_disk_full():
            staged = staging.stage_in(context, workspace, self.open_store)
            if not context.hosts:
                return staged
            return replace(staged, hostfile=staging.write_hostfile(context.hosts, workspace))

    def _run_script(
        self,
        context: RunContext,
        workspace: Workspace,
        chosen: Command,
        environment: Mapping[str, str],
        spool: OutputSpool | None,
    ) -> bytes:
        service = context.invocation.owner.site
        spec = ProcessSpec(
            argv=chosen.argv,
            cwd=chosen.cwd,
            environment=environment,
            folder=workspace.root,
            has_own_home="HOME" in {**self.config.image.environment, **self.config.environment},
            user=self._user_of(service),
            copy_output=spool.add if spool is not None else None,
        )
        status, output = self.runner.run(
            spec, timeout=self._remaining_seconds(context, "before the start of the script")
        )
        if status != 0:
            raise self._script_error(status, output, service, workspace, chosen.cwd)
        return output

    def _choose_command(self, context: RunContext, workspace: Workspace, log: Log) -> Command:
        user = self._user_of(context.invocation.owner.site)
        with _translate_disk_full():
            chosen = command.choose_command(
                self.config, context.trigger, self.home, workspace, user
            )
        if chosen.note:
            log.info(chosen.note)
        return chosen

    def _user_of(self, service: ComputeService) -> str:
        """Return the user of the script: Lambda runs every image as its own unprivileged one."""
        return self.config.image.user if service is ComputeService.BATCH else ""

    def _script_error(
        self,
        status: int,
        output: bytes,
        service: ComputeService,
        workspace: Workspace,
        started_in: Path,
    ) -> SupervisorError:
        if (
            status != SIGKILL_STATUS
            and may_submit_to_batch(self.config.mode, service)
            and self.free_space(workspace.root) < DISK_FULL_BYTES
        ):
            return _disk_full(f"The script ended with status {status}, and the disk is full.")
        # Imported here: most scripts succeed.
        from supervisor.execution.script_error import script_failure

        memory = self.config.memory if service is ComputeService.LAMBDA else 0
        # Not the path of the run's folder: `scar status` groups runs by their error.
        folder = "the run's own folder" if started_in == workspace.root else str(started_in)
        return script_failure(status, output, memory, started_in=folder)

    def _remaining_seconds(self, context: RunContext, when: str) -> float | None:
        """Return the seconds until the deadline; raise DeadlineExceeded if it has passed."""
        if context.stop_at is None:
            return None
        left = context.stop_at - self.now()
        if left <= 0:
            raise deadline_exceeded(when)
        return left


def _report_left_out(items: Iterable[LeftOut], log: Log) -> None:
    for item in items:
        # Rules select files on purpose; a link that leads nowhere is most likely a mistake.
        report = log.info if item.reason is LeftOutReason.UNMATCHED else log.warning
        more = ", …" if item.count > len(item.examples) else ""
        report(f"{item}: {', '.join(item.examples)}{more}")


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
