"""One event: its runs from claim to record, here or in Batch. Knows no cloud."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.batch import fallback
from supervisor.batch.job_request import job_request
from supervisor.errors import (
    ClaimLost,
    Ended,
    EventError,
    ObjectChanged,
    ScriptFailed,
    SupervisorError,
    Terminated,
)
from supervisor.events import parser as events
from supervisor.execution.executor import Execution, free_bytes
from supervisor.execution.staging import Work
from supervisor.invocation import Direct, Handled, RunResult, RunState
from supervisor.logs import Log
from supervisor.runs import leases
from supervisor.runs import record_format as records
from supervisor.runs.heartbeat import beating
from supervisor.runs.run_record import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from supervisor.invocation import Invocation, Trigger
    from supervisor.model import FunctionConfig
    from supervisor.ports import JobDelegator, ObjectStore, ScriptRunner


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
    open_delegator: Callable[[], JobDelegator]
    runner: ScriptRunner
    notes: Log = field(default_factory=Log)
    alone: bool = False
    now: Callable[[], float] = time.time
    free: Callable[[Path], int] = free_bytes

    def handle(self, invocation: Invocation) -> Handled:
        """Work on every run of an event; a run's failure is in its result.

        Raise EventError for an event that cannot be understood, Terminated after TERM.
        """
        triggers = events.read(invocation.event)
        if invocation.run_id and len(triggers) != 1:
            raise EventError(
                f"The event of run {invocation.run_id} announces {len(triggers)} objects, not one.",
                remedy="Submit jobs through the function, which gives each run one object.",
            )
        if not triggers:
            self.notes.info("The event announces nothing to do.")
        return Handled(
            results=tuple(self._one(trigger, invocation) for trigger in triggers),
            api=any(isinstance(trigger, Direct) and trigger.api for trigger in triggers),
        )

    def _one(self, trigger: Trigger, invocation: Invocation) -> RunResult:
        config = self.config
        today = time.strftime("%Y-%m-%d", time.gmtime(self.now()))
        given = (invocation.run_id, invocation.date)
        run = records.run_path(config.name, trigger, invocation.owner.request, today, given)
        stop_at = invocation.deadline
        if stop_at is not None:
            stop_at -= config.timeout_threshold
        work = Work(config=config, invocation=invocation, trigger=trigger, run=run, stop_at=stop_at)
        notes = self.notes.of(run.run_id)
        try:
            ledger = Ledger(
                store=self.open_store("s3"),
                bucket=config.state_bucket,
                run=run,
                owner=invocation.owner,
                about=records.about(trigger) | self._log_of(invocation),
                lease=leases.length(invocation.deadline, self.now()),
                has_ended=self._has_ended,
            )
            if not ledger.claim():
                notes.info("This event is a duplicate: its run is done or under way.")
                return RunResult(run=run, state=RunState.DUPLICATE)
        except SupervisorError as error:
            notes.error(error.problem, remedy=error.remedy)
            return RunResult(run=run, state=RunState.FAILED, error=error)
        return self._recorded(work, ledger, notes)

    def _recorded(self, work: Work, ledger: Ledger, notes: Log) -> RunResult:
        """Do the work; whatever goes wrong is noted in the ledger and in the result."""
        try:
            if work.invocation.owner.job:
                ledger.attempt(work.invocation.log_group, work.invocation.log_stream)
            with self._kept(work, ledger, notes):
                return self._work(work, ledger, notes)
        except ClaimLost as lost:
            notes.warning(lost.problem, remedy=lost.remedy)
            return RunResult(run=work.run, state=RunState.DUPLICATE)
        except Terminated:
            error = Ended(
                "The job was told to end (TERM): its machine is reclaimed, or somebody ended it.",
                remedy="Start it again; Batch does so by itself after the loss of a machine.",
            )
            self._note(error, work, ledger, notes)
            raise
        except SupervisorError as error:
            return self._failed(error, work, ledger, notes)
        except Exception as error:  # noqa: BLE001 - any fault of one run is this run's failure
            import traceback

            notes.debug("".join(traceback.format_exception(error)))
            fault = SupervisorError(
                f"The run failed: {type(error).__name__}: {error}.",
                remedy="If storage is full, give the function more; else please report it.",
            )
            return self._failed(fault, work, ledger, notes)

    def _failed(self, error: SupervisorError, work: Work, ledger: Ledger, notes: Log) -> RunResult:
        self._note(error, work, ledger, notes)
        output = error.output if isinstance(error, ScriptFailed) else b""
        return RunResult(run=work.run, state=RunState.FAILED, output=output, error=error)

    def _note(self, error: SupervisorError, work: Work, ledger: Ledger, notes: Log) -> None:
        notes.error(error.problem, remedy=error.remedy)
        try:
            if len(work.trigger.event) > records.LONGEST_KEPT:
                ledger.event(work.trigger.event)  # the claim had no room; a retry needs it
            ledger.failed(error, work.invocation.log_group, work.invocation.log_stream)
        except SupervisorError as second:
            notes.error(f"The failure cannot be recorded: {second.problem}", remedy=second.remedy)

    def _work(self, work: Work, ledger: Ledger, notes: Log) -> RunResult:
        mode, site = self.config.mode, work.invocation.owner.site
        if fallback.must_delegate(mode, site):
            return self._delegate(work, ledger, notes, None)
        try:
            made = self._execution().run(work, notes)
        except ObjectChanged as error:
            notes.info(f"Nothing to do: {error.problem}")
            ledger.done(RunState.SUPERSEDED.value)
            return RunResult(run=work.run, state=RunState.SUPERSEDED)
        except fallback.HELPED as error:
            if not fallback.may_delegate(mode, site):
                raise
            notes.info(f"{error.problem} Batch goes on.")
            return self._delegate(work, ledger, notes, error)
        ledger.done(RunState.DONE.value, made.files)
        notes.info(f"Done: {len(made.files)} output file{'' if len(made.files) == 1 else 's'}.")
        return RunResult(run=work.run, state=RunState.DONE, output=made.output)

    def _delegate(
        self, work: Work, ledger: Ledger, notes: Log, reason: SupervisorError | None
    ) -> RunResult:
        job = job_request(
            work.run,
            work.invocation.owner.request,
            work.trigger.event,
            ledger.event,
            fallback.size_after(reason, self.config),
        )
        number = self.open_delegator().submit(job)
        notes.info(f"Batch job {job.name} submitted.", job=number)
        try:
            ledger.delegated(job.name, number, reason, self._log_of(work.invocation))
        except SupervisorError as error:
            # The job exists: failing now would make a second one.
            notes.warning(f"The job cannot be recorded: {error.problem}", remedy=error.remedy)
        return RunResult(run=work.run, state=RunState.DELEGATED, job=number)

    @staticmethod
    def _log_of(invocation: Invocation) -> dict[str, object]:
        return {"log_group": invocation.log_group, "log_stream": invocation.log_stream}

    def _execution(self) -> Execution:
        return Execution(
            config=self.config,
            home=self.home,
            temporary=self.temporary,
            alone=self.alone,
            environ=self.environ,
            open_store=self.open_store,
            runner=self.runner,
            now=self.now,
            free=self.free,
        )

    def _has_ended(self, job: str) -> bool:
        """Ask Batch about a job; one that cannot be asked about goes on."""
        try:
            return self.open_delegator().has_ended(job)
        except SupervisorError as error:
            self.notes.info(f"{error.problem} It is taken to go on.")
            return False

    @contextlib.contextmanager
    def _kept(self, work: Work, ledger: Ledger, notes: Log) -> Iterator[None]:
        """Keep the claim of a run without a deadline."""
        if work.invocation.deadline is not None:
            yield
            return
        with beating(ledger.renew, leases.RENEWED_EVERY, notes):
            yield
