"""One event: its runs from claim to record, here or in Batch. Knows no cloud."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor import alarm, events, outputs, program, records, staging
from supervisor.errors import (
    DeadlineExceeded,
    EventError,
    ObjectChanged,
    ScriptFailed,
    SupervisorError,
    Terminated,
)
from supervisor.handover import job_request
from supervisor.invocation import Direct, Handled, RunResult, RunState, Task
from supervisor.ledger import Ledger
from supervisor.logs import Log
from supervisor.model import ExecutionMode, Site
from supervisor.staging import Work
from supervisor.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from supervisor.invocation import Invocation, Trigger
    from supervisor.model import FunctionConfig
    from supervisor.ports import JobDelegator, ObjectStore, ScriptRunner
    from supervisor.staging import Staged
    from supervisor.workspace import Workspace


def must_delegate(mode: ExecutionMode, site: Site) -> bool:
    """Only Lambda hands work away, and only for functions meant for Batch."""
    return site is Site.LAMBDA and mode is ExecutionMode.BATCH


def may_delegate(mode: ExecutionMode, site: Site) -> bool:
    """Lambda may hand work away when its own time runs out."""
    return site is Site.LAMBDA and mode is ExecutionMode.LAMBDA_BATCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """``home`` holds ``function/``, ``temporary`` gets the workspaces.

    ``environ`` is what this process was given, ``now`` tells epoch seconds.
    """

    config: FunctionConfig
    home: Path
    temporary: Path
    environ: Mapping[str, str]
    open_store: Callable[[str], ObjectStore]
    open_delegator: Callable[[], JobDelegator]
    runner: ScriptRunner
    notes: Log = field(default_factory=Log)
    now: Callable[[], float] = time.time

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
            return self._work(work, ledger, notes)
        except Terminated:
            error = SupervisorError(
                "The job was told to end (TERM): its machine is reclaimed, or somebody ended it.",
                remedy="Start it again; Batch does so by itself after the loss of a machine.",
            )
            self._note(error, work, ledger, notes)
            raise
        except SupervisorError as error:
            return self._failed(error, work, ledger, notes)
        except Exception as error:  # noqa: BLE001 - any fault of one run is this run's failure
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
            ledger.failed(error, work.invocation.log_group, work.invocation.log_stream)
        except SupervisorError as second:
            notes.error(f"The failure cannot be recorded: {second.problem}", remedy=second.remedy)

    def _work(self, work: Work, ledger: Ledger, notes: Log) -> RunResult:
        mode, site = self.config.mode, work.invocation.owner.site
        if must_delegate(mode, site):
            return self._delegate(work, ledger, notes)
        try:
            return self._here(work, ledger, notes)
        except ObjectChanged as error:
            notes.info(f"Nothing to do: {error.problem}")
            ledger.done(RunState.SUPERSEDED.value)
            return RunResult(run=work.run, state=RunState.SUPERSEDED)
        except DeadlineExceeded as error:
            if not may_delegate(mode, site):
                raise
            notes.info(f"{error.problem} Batch goes on.")
        return self._delegate(work, ledger, notes)

    def _delegate(self, work: Work, ledger: Ledger, notes: Log) -> RunResult:
        job = job_request(work.run, work.invocation.owner.request, work.trigger.event, ledger.event)
        number = self.open_delegator().submit(job)
        notes.info(f"Batch job {job.name} submitted.", job=number)
        try:
            ledger.delegated(job.name, number)
        except SupervisorError as error:
            # The job exists: failing now would make a second one.
            notes.warning(f"The job cannot be recorded: {error.problem}", remedy=error.remedy)
        return RunResult(run=work.run, state=RunState.DELEGATED, job=number)

    def _here(self, work: Work, ledger: Ledger, notes: Log) -> RunResult:
        with workspace(self.temporary) as place:
            with alarm.limit(self._left(work, "starting"), "the input was read"):
                staged = staging.stage_in(work, place, self.open_store)
            output = self._run_script(work, place, staged)
            files = outputs.collect(place.outputs, self.config.outputs, notes.warning)
            self._left(work, "before the upload")
            made = [
                outputs.upload(
                    self.open_store(file.target.provider), file, staged.metadata, notes.info
                )
                for file in files
            ]
        ledger.done(RunState.DONE.value, made)
        notes.info(f"Done: {len(made)} output file{'' if len(made) == 1 else 's'}.")
        return RunResult(run=work.run, state=RunState.DONE, output=output)

    def _run_script(self, work: Work, place: Workspace, staged: Staged) -> bytes:
        chosen = program.choose(self.config, work.trigger, self.home, place)
        in_batch = work.invocation.owner.site is Site.BATCH
        task = Task(
            argv=chosen.argv,
            cwd=chosen.cwd,
            environment=staging.variables(work, place, staged, self.environ),
            folder=place.root,
            user=self.config.image.user if in_batch else "",
        )
        status, output = self.runner.run(task, timeout=self._left(work, "before the script"))
        if status != 0:
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
