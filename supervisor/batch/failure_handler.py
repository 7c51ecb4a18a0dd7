"""The delegate: what other functions lost goes on in Batch, or is recorded. Knows no cloud.

Lambda kills sandboxes without a word, so only its record of the lost event tells. Each run of
that event is claimed in the name of the request that died, as a later delivery of the same
request would: whoever works on the run meanwhile is left alone, and nothing is done twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from supervisor import config as wire
from supervisor.batch import fallback
from supervisor.batch.job_request import build_job_request
from supervisor.errors import ConfigError, EventError, SubmissionError, SupervisorError
from supervisor.events import failed_event as lost
from supervisor.events import parser as events
from supervisor.invocation import (
    DirectInvocation,
    InvocationResult,
    ObjectEvent,
    RunOutcome,
    RunOwner,
    RunResult,
)
from supervisor.logs import Log
from supervisor.model import ComputeService, ExecutionMode, ObjectRef
from supervisor.runs import leases
from supervisor.runs import record_format as records
from supervisor.runs.run_record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supervisor.events.failed_event import FailedInvocation
    from supervisor.invocation import Invocation, RunPath, Trigger
    from supervisor.model import BatchTarget, FunctionConfig
    from supervisor.ports import JobSubmitter, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureHandler:
    """``bucket`` is the state bucket, ``now`` tells epoch seconds."""

    bucket: str
    open_store: Callable[[str], ObjectStore]
    open_submitter: Callable[[BatchTarget], JobSubmitter]
    log: Log = field(default_factory=Log)
    now: Callable[[], float] = time.time

    def handle(self, invocation: Invocation) -> InvocationResult:
        """Take one record of a lost event; only what may pass is a failure in the results.

        Raise EventError for what is no such record, StorageError if the state bucket fails.
        """
        event = lost.parse_invocation_record(invocation.event)
        self.log.info(f"{event.function} lost request {event.request_id}: {event.condition}.")
        about: FunctionConfig | None = None
        reason: SupervisorError
        try:
            about = self._read_function_config(event.function)
            reason = event.to_error(about.memory if about else 0)
        except ConfigError as error:
            reason = error
        until = leases.lease_seconds(invocation.deadline, self.now())
        taking = _Recovery(self, event, about, reason, until)
        return InvocationResult(
            results=tuple(taking.recover_run(trigger) for trigger in _parse_triggers(event))
        )

    def _read_function_config(self, function: str) -> FunctionConfig | None:
        """Read where the function's runs may go on; None if it was removed meanwhile."""
        ref = ObjectRef("s3", self.bucket, wire.function_config_key(function))
        found = self.open_store("s3").read(ref)
        return None if found is None else wire.parse_config(found[0].decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class _Recovery:
    """One lost event, its function, why it was lost, and for how many seconds to claim runs."""

    handler: FailureHandler
    failed_invocation: FailedInvocation
    config: FunctionConfig | None
    reason: SupervisorError
    lease: float

    @property
    def owner(self) -> RunOwner:
        return RunOwner(site=ComputeService.LAMBDA, request=self.failed_invocation.request_id)

    @property
    def batch_target(self) -> BatchTarget | None:
        """Where its runs go on: only what died without a word, and only if Batch may help."""
        if (
            self.config is None
            or self.config.mode is ExecutionMode.LAMBDA
            or not self.failed_invocation.is_sandbox_failure
        ):
            return None
        return self.config.batch

    def recover_run(self, trigger: Trigger) -> RunResult:
        path = self._find_run_path(trigger)
        notes = self.handler.log.for_run(path.run_id)
        try:
            if self._has_recorded_failure(path):
                notes.info("The function recorded itself how this run failed.")
                return RunResult(run=path, state=RunOutcome.DUPLICATE)
            ledger = self._build_run_record(path, trigger)
            if not ledger.resume_claim():
                notes.info("This run is done, handed over, or somebody works on it.")
                return RunResult(run=path, state=RunOutcome.DUPLICATE)
            if len(trigger.event) > records.MAX_INLINE_EVENT:
                ledger.write_event(trigger.event)
            return self._submit_or_record(ledger, trigger, notes)
        except SupervisorError as error:
            notes.error(error.problem, remedy=error.remedy)
            return RunResult(run=path, state=RunOutcome.FAILED, error=error)

    def _submit_or_record(self, record: RunRecord, trigger: Trigger, log: Log) -> RunResult:
        if (target := self.batch_target) is not None and self.config is not None:
            try:
                size = fallback.choose_job_size(self.reason, self.config)
                job = build_job_request(
                    record.run,
                    self.failed_invocation.request_id,
                    trigger.event,
                    record.write_event,
                    size,
                )
                number = self.handler.open_submitter(target).submit(job)
            except SubmissionError as error:
                # Recorded, and raised too: Lambda calls again, and it may work then.
                self._record_failure(record, error)
                raise
            except SupervisorError as error:
                return self._failed_result(record, error, log)
            log.info(f"Batch job {job.name} submitted.", job=number)
            record.write_submission(job.name, number, self.reason, self._log_location(record))
            return RunResult(run=record.run, state=RunOutcome.SUBMITTED, job_id=number)
        return self._failed_result(record, self.reason, log)

    def _failed_result(self, record: RunRecord, error: SupervisorError, log: Log) -> RunResult:
        log.warning(error.problem, remedy=error.remedy)
        self._record_failure(record, error)
        return RunResult(run=record.run, state=RunOutcome.FAILED)

    def _record_failure(self, record: RunRecord, error: SupervisorError) -> None:
        """``error`` may replace what an earlier attempt of the request wrote."""
        log = self._log_location(record)
        record.write_failure(error, str(log["log_group"]), str(log["log_stream"]))

    @staticmethod
    def _log_location(record: RunRecord) -> dict[str, object]:
        return {name: record.description.get(name, "") for name in ("log_group", "log_stream")}

    def _build_run_record(self, path: RunPath, trigger: Trigger) -> RunRecord:
        return RunRecord(
            store=self.handler.open_store("s3"),
            bucket=self.handler.bucket,
            run=path,
            owner=self.owner,
            description=records.describe_trigger(trigger) | self._claimed_log_location(path),
            lease=self.lease,
            has_job_ended=self._has_job_ended,
        )

    def _find_run_path(self, trigger: Trigger) -> RunPath:
        """Find the run's record; that of a direct call bears the day when the function began."""
        paths = [
            records.run_path(
                self.failed_invocation.function,
                trigger,
                self.failed_invocation.request_id,
                day,
                ("", ""),
            )
            for day in self._candidate_dates()
        ]
        if isinstance(trigger, ObjectEvent) or self._read_record(paths[0], records.CLAIM):
            return paths[0]
        return next((p for p in paths[1:] if self._read_record(p, records.CLAIM)), paths[0])

    def _candidate_dates(self) -> Iterator[str]:
        try:
            day = date.fromisoformat(self.failed_invocation.time[:10])
        except ValueError:
            day = date.fromtimestamp(self.handler.now())  # noqa: DTZ012 - Lambda's zone is UTC
        yield day.isoformat()
        yield (day - timedelta(days=1)).isoformat()

    def _has_recorded_failure(self, path: RunPath) -> bool:
        """Tell whether this request's own failure stands, written since it claimed the run.

        An earlier attempt's does not, nor what a job can still cure: that none could be
        submitted.
        """
        claim, error = (
            self._read_record(path, records.CLAIM),
            self._read_record(path, records.ERROR),
        )
        if claim is None or error is None or error[0].get("kind") == SubmissionError.__name__:
            return False
        wrote = {records.parse_owner(record, str(path)) for record in (claim[0], error[0])}
        return wrote == {self.owner} and error[1] >= claim[1]

    def _claimed_log_location(self, path: RunPath) -> dict[str, object]:
        found = self._read_record(path, records.CLAIM)
        place: dict[str, object] = {
            "log_group": f"/aws/lambda/{self.failed_invocation.function}",
            "log_stream": "",
        }
        if found is not None and records.parse_owner(found[0], str(path)) == self.owner:
            place |= {name: found[0][name] for name in place if name in found[0]}
        return place

    def _read_record(self, path: RunPath, name: str) -> tuple[dict[str, object], float] | None:
        """Return a record and when it was written."""
        ref = ObjectRef("s3", self.handler.bucket, path.key(name))
        found = self.handler.open_store("s3").read(ref)
        return (
            None if found is None else (records.decode(found[0], ref.key), found[1].last_modified)
        )

    def _has_job_ended(self, job: str) -> bool:
        if self.config is None or self.config.batch is None:
            return True
        try:
            return self.handler.open_submitter(self.config.batch).has_ended(job)
        except SupervisorError as error:
            self.handler.log.info(f"{error.problem} It is taken to go on.")
            return False


def _parse_triggers(event: FailedInvocation) -> tuple[Trigger, ...]:
    """Return the runs of a lost event; one that nobody understands is kept as a call."""
    try:
        return events.parse_event(event.event)
    except EventError:
        return (DirectInvocation(event=event.event.decode()),)
