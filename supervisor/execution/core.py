"""One event: its runs from claim to record, here or in Batch. Knows no cloud."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.batch import fallback
from supervisor.batch.job_request import build_job_request
from supervisor.errors import (
    ClaimLost,
    EventError,
    JobTerminated,
    ObjectChanged,
    ScriptFailed,
    SupervisorError,
    Terminated,
)
from supervisor.events import parser as events
from supervisor.execution.executor import RunExecutor, free_bytes
from supervisor.execution.staging import RunContext
from supervisor.invocation import DirectInvocation, InvocationResult, RunOutcome, RunResult
from supervisor.logs import Log
from supervisor.runs import leases
from supervisor.runs import record_format as records
from supervisor.runs.heartbeat import renew_periodically
from supervisor.runs.run_record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from supervisor.invocation import Invocation, Trigger
    from supervisor.model import FunctionConfig
    from supervisor.ports import JobSubmitter, ObjectStore, ScriptRunner


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """``home`` holds ``function/``, ``temporary`` gets the workspaces.

    ``alone``: what programs leave in ``temporary`` is removed after each run too.
    ``environ`` is what this process was given, ``now`` tells epoch seconds, ``free`` the bytes
    left on the disk of a folder.
    """

    config: FunctionConfig
    home: Path
    temporary: Path
    environ: Mapping[str, str]
    open_store: Callable[[str], ObjectStore]
    open_submitter: Callable[[], JobSubmitter]
    runner: ScriptRunner
    log: Log = field(default_factory=Log)
    exclusive: bool = False
    now: Callable[[], float] = time.time
    free_space: Callable[[Path], int] = free_bytes

    def handle(self, invocation: Invocation) -> InvocationResult:
        """Work on every run of an event; a run's failure is in its result.

        Raise EventError for an event that cannot be understood, Terminated after TERM.
        """
        triggers = events.parse_event(invocation.event)
        if invocation.run_id and len(triggers) != 1:
            raise EventError(
                f"The event of run {invocation.run_id} announces {len(triggers)} objects, not one.",
                remedy="Submit jobs through the function, which gives each run one object.",
            )
        if not triggers:
            self.log.info("The event announces nothing to do.")
        return InvocationResult(
            results=tuple(self._handle_trigger(trigger, invocation) for trigger in triggers),
            is_api_request=any(
                isinstance(trigger, DirectInvocation) and trigger.is_api_request
                for trigger in triggers
            ),
        )

    def _handle_trigger(self, trigger: Trigger, invocation: Invocation) -> RunResult:
        config = self.config
        today = time.strftime("%Y-%m-%d", time.gmtime(self.now()))
        given = (invocation.run_id, invocation.date)
        run = records.run_path(config.name, trigger, invocation.owner.request, today, given)
        stop_at = invocation.deadline
        if stop_at is not None:
            stop_at -= config.timeout_threshold
        work = RunContext(
            config=config, invocation=invocation, trigger=trigger, run=run, stop_at=stop_at
        )
        notes = self.log.for_run(run.run_id)
        try:
            ledger = RunRecord(
                store=self.open_store("s3"),
                bucket=config.state_bucket,
                run=run,
                owner=invocation.owner,
                description=records.describe_trigger(trigger) | self._log_location(invocation),
                lease=leases.lease_seconds(invocation.deadline, self.now()),
                has_job_ended=self._has_job_ended,
            )
            if not ledger.claim():
                notes.info("This event is a duplicate: its run is done or under way.")
                return RunResult(run=run, state=RunOutcome.DUPLICATE)
        except SupervisorError as error:
            notes.error(error.problem, remedy=error.remedy)
            return RunResult(run=run, state=RunOutcome.FAILED, error=error)
        return self._execute_and_record(work, ledger, notes)

    def _execute_and_record(self, context: RunContext, record: RunRecord, log: Log) -> RunResult:
        """Do the work; whatever goes wrong is noted in the ledger and in the result."""
        try:
            if context.invocation.owner.job:
                record.write_attempt(context.invocation.log_group, context.invocation.log_stream)
            with self._keep_claim(context, record, log):
                return self._execute_or_submit(context, record, log)
        except ClaimLost as lost:
            log.warning(lost.problem, remedy=lost.remedy)
            return RunResult(run=context.run, state=RunOutcome.DUPLICATE)
        except Terminated:
            error = JobTerminated(
                "The job was told to end (TERM): its machine is reclaimed, or somebody ended it.",
                remedy="Start it again; Batch does so by itself after the loss of a machine.",
            )
            self._record_failure(error, context, record, log)
            raise
        except SupervisorError as error:
            return self._failed_result(error, context, record, log)
        except Exception as error:  # noqa: BLE001 - any fault of one run is this run's failure
            import traceback

            log.debug("".join(traceback.format_exception(error)))
            fault = SupervisorError(
                f"The run failed: {type(error).__name__}: {error}.",
                remedy="If storage is full, give the function more; else please report it.",
            )
            return self._failed_result(fault, context, record, log)

    def _failed_result(
        self, error: SupervisorError, context: RunContext, record: RunRecord, log: Log
    ) -> RunResult:
        self._record_failure(error, context, record, log)
        output = error.output if isinstance(error, ScriptFailed) else b""
        return RunResult(run=context.run, state=RunOutcome.FAILED, output=output, error=error)

    def _record_failure(
        self, error: SupervisorError, context: RunContext, record: RunRecord, log: Log
    ) -> None:
        log.error(error.problem, remedy=error.remedy)
        try:
            if len(context.trigger.event) > records.MAX_INLINE_EVENT:
                record.write_event(context.trigger.event)  # the claim had no room; a retry needs it
            record.write_failure(error, context.invocation.log_group, context.invocation.log_stream)
        except SupervisorError as second:
            log.error(f"The failure cannot be recorded: {second.problem}", remedy=second.remedy)

    def _execute_or_submit(self, context: RunContext, record: RunRecord, log: Log) -> RunResult:
        mode, site = self.config.mode, context.invocation.owner.site
        if fallback.must_submit_to_batch(mode, site):
            return self._submit_to_batch(context, record, log, None)
        try:
            made = self._build_executor().run(context, log)
        except ObjectChanged as error:
            log.info(f"Nothing to do: {error.problem}")
            record.write_done(RunOutcome.SUPERSEDED.value)
            return RunResult(run=context.run, state=RunOutcome.SUPERSEDED)
        except fallback.FALLBACK_ERRORS as error:
            if not fallback.may_submit_to_batch(mode, site):
                raise
            log.info(f"{error.problem} Batch goes on.")
            return self._submit_to_batch(context, record, log, error)
        record.write_done(RunOutcome.DONE.value, made.uploaded)
        log.info(f"Done: {len(made.uploaded)} output file{'' if len(made.uploaded) == 1 else 's'}.")
        return RunResult(run=context.run, state=RunOutcome.DONE, output=made.output)

    def _submit_to_batch(
        self, context: RunContext, record: RunRecord, log: Log, reason: SupervisorError | None
    ) -> RunResult:
        job = build_job_request(
            context.run,
            context.invocation.owner.request,
            context.trigger.event,
            record.write_event,
            fallback.choose_job_size(reason, self.config),
        )
        number = self.open_submitter().submit(job)
        log.info(f"Batch job {job.name} submitted.", job=number)
        try:
            record.write_submission(
                job.name, number, reason, self._log_location(context.invocation)
            )
        except SupervisorError as error:
            # The job exists: failing now would make a second one.
            log.warning(f"The job cannot be recorded: {error.problem}", remedy=error.remedy)
        return RunResult(run=context.run, state=RunOutcome.SUBMITTED, job_id=number)

    @staticmethod
    def _log_location(invocation: Invocation) -> dict[str, object]:
        return {"log_group": invocation.log_group, "log_stream": invocation.log_stream}

    def _build_executor(self) -> RunExecutor:
        return RunExecutor(
            config=self.config,
            home=self.home,
            temporary=self.temporary,
            exclusive=self.exclusive,
            environ=self.environ,
            open_store=self.open_store,
            runner=self.runner,
            now=self.now,
            free_space=self.free_space,
        )

    def _has_job_ended(self, job: str) -> bool:
        """Ask Batch about a job; one that cannot be asked about goes on."""
        try:
            return self.open_submitter().has_ended(job)
        except SupervisorError as error:
            self.log.info(f"{error.problem} It is taken to go on.")
            return False

    @contextlib.contextmanager
    def _keep_claim(self, context: RunContext, record: RunRecord, log: Log) -> Iterator[None]:
        """Keep the claim of a run without a deadline."""
        if context.invocation.deadline is not None:
            yield
            return
        with renew_periodically(record.renew, leases.RENEWAL_INTERVAL, log):
            yield
