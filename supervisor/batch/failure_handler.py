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
from supervisor.batch.job_request import job_request
from supervisor.errors import ConfigError, DelegationError, EventError, SupervisorError
from supervisor.events import failed_event as lost
from supervisor.events import parser as events
from supervisor.invocation import Announced, Direct, Handled, Owner, RunResult, RunState
from supervisor.logs import Log
from supervisor.model import ExecutionMode, ObjectRef, Site
from supervisor.runs import leases
from supervisor.runs import record_format as records
from supervisor.runs.run_record import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supervisor.events.failed_event import LostEvent
    from supervisor.invocation import Invocation, RunPath, Trigger
    from supervisor.model import BatchTarget, FunctionConfig
    from supervisor.ports import JobDelegator, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegate:
    """``bucket`` is the state bucket, ``now`` tells epoch seconds."""

    bucket: str
    open_store: Callable[[str], ObjectStore]
    open_delegator: Callable[[BatchTarget], JobDelegator]
    notes: Log = field(default_factory=Log)
    now: Callable[[], float] = time.time

    def handle(self, invocation: Invocation) -> Handled:
        """Take one record of a lost event; only what may pass is a failure in the results.

        Raise EventError for what is no such record, StorageError if the state bucket fails.
        """
        event = lost.read(invocation.event)
        self.notes.info(f"{event.function} lost request {event.request}: {event.condition}.")
        about: FunctionConfig | None = None
        reason: SupervisorError
        try:
            about = self._about(event.function)
            reason = event.reason(about.memory if about else 0)
        except ConfigError as error:
            reason = error
        until = leases.length(invocation.deadline, self.now())
        taking = _Taking(self, event, about, reason, until)
        return Handled(results=tuple(taking.run(trigger) for trigger in _triggers(event)))

    def _about(self, function: str) -> FunctionConfig | None:
        """Read where the function's runs may go on; None if it was removed meanwhile."""
        ref = ObjectRef("s3", self.bucket, wire.key(function))
        found = self.open_store("s3").read(ref)
        return None if found is None else wire.load(found[0].decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class _Taking:
    """One lost event, its function, why it was lost, and for how many seconds to claim runs."""

    delegate: Delegate
    event: LostEvent
    about: FunctionConfig | None
    reason: SupervisorError
    lease: float

    @property
    def owner(self) -> Owner:
        return Owner(site=Site.LAMBDA, request=self.event.request)

    @property
    def target(self) -> BatchTarget | None:
        """Where its runs go on: only what died without a word, and only if Batch may help."""
        if self.about is None or self.about.mode is ExecutionMode.LAMBDA or not self.event.died:
            return None
        return self.about.batch

    def run(self, trigger: Trigger) -> RunResult:
        path = self._path(trigger)
        notes = self.delegate.notes.of(path.run_id)
        try:
            if self._has_said_why(path):
                notes.info("The function recorded itself how this run failed.")
                return RunResult(run=path, state=RunState.DUPLICATE)
            ledger = self._ledger(path, trigger)
            if not ledger.go_on():
                notes.info("This run is done, handed over, or somebody works on it.")
                return RunResult(run=path, state=RunState.DUPLICATE)
            if len(trigger.event) > records.LONGEST_KEPT:
                ledger.event(trigger.event)
            return self._settle(ledger, trigger, notes)
        except SupervisorError as error:
            notes.error(error.problem, remedy=error.remedy)
            return RunResult(run=path, state=RunState.FAILED, error=error)

    def _settle(self, ledger: Ledger, trigger: Trigger, notes: Log) -> RunResult:
        if (target := self.target) is not None and self.about is not None:
            try:
                size = fallback.size_after(self.reason, self.about)
                job = job_request(ledger.run, self.event.request, trigger.event, ledger.event, size)
                number = self.delegate.open_delegator(target).submit(job)
            except DelegationError as error:
                # Recorded, and raised too: Lambda calls again, and it may work then.
                self._record(ledger, error)
                raise
            except SupervisorError as error:
                return self._failed(ledger, error, notes)
            notes.info(f"Batch job {job.name} submitted.", job=number)
            ledger.delegated(job.name, number, self.reason, self._log(ledger))
            return RunResult(run=ledger.run, state=RunState.DELEGATED, job=number)
        return self._failed(ledger, self.reason, notes)

    def _failed(self, ledger: Ledger, error: SupervisorError, notes: Log) -> RunResult:
        notes.warning(error.problem, remedy=error.remedy)
        self._record(ledger, error)
        return RunResult(run=ledger.run, state=RunState.FAILED)

    def _record(self, ledger: Ledger, error: SupervisorError) -> None:
        """``error`` may replace what an earlier attempt of the request wrote."""
        log = self._log(ledger)
        ledger.failed(error, str(log["log_group"]), str(log["log_stream"]))

    @staticmethod
    def _log(ledger: Ledger) -> dict[str, object]:
        return {name: ledger.about.get(name, "") for name in ("log_group", "log_stream")}

    def _ledger(self, path: RunPath, trigger: Trigger) -> Ledger:
        return Ledger(
            store=self.delegate.open_store("s3"),
            bucket=self.delegate.bucket,
            run=path,
            owner=self.owner,
            about=records.about(trigger) | self._log_of_the_dead(path),
            lease=self.lease,
            has_ended=self._has_ended,
        )

    def _path(self, trigger: Trigger) -> RunPath:
        """Find the run's record; that of a direct call bears the day when the function began."""
        paths = [
            records.run_path(self.event.function, trigger, self.event.request, day, ("", ""))
            for day in self._days()
        ]
        if isinstance(trigger, Announced) or self._read(paths[0], records.CLAIM):
            return paths[0]
        return next((p for p in paths[1:] if self._read(p, records.CLAIM)), paths[0])

    def _days(self) -> Iterator[str]:
        try:
            day = date.fromisoformat(self.event.time[:10])
        except ValueError:
            day = date.fromtimestamp(self.delegate.now())  # noqa: DTZ012 - Lambda's zone is UTC
        yield day.isoformat()
        yield (day - timedelta(days=1)).isoformat()

    def _has_said_why(self, path: RunPath) -> bool:
        """Tell whether this request's own failure stands, written since it claimed the run.

        An earlier attempt's does not, nor what a job can still cure: that none could be
        submitted.
        """
        claim, error = self._read(path, records.CLAIM), self._read(path, records.ERROR)
        if claim is None or error is None or error[0].get("kind") == DelegationError.__name__:
            return False
        wrote = {records.owner_of(record, str(path)) for record in (claim[0], error[0])}
        return wrote == {self.owner} and error[1] >= claim[1]

    def _log_of_the_dead(self, path: RunPath) -> dict[str, object]:
        found = self._read(path, records.CLAIM)
        place: dict[str, object] = {
            "log_group": f"/aws/lambda/{self.event.function}",
            "log_stream": "",
        }
        if found is not None and records.owner_of(found[0], str(path)) == self.owner:
            place |= {name: found[0][name] for name in place if name in found[0]}
        return place

    def _read(self, path: RunPath, name: str) -> tuple[dict[str, object], float] | None:
        """Return a record and when it was written."""
        ref = ObjectRef("s3", self.delegate.bucket, path.key(name))
        found = self.delegate.open_store("s3").read(ref)
        return None if found is None else (records.decode(found[0], ref.key), found[1].modified)

    def _has_ended(self, job: str) -> bool:
        if self.about is None or self.about.batch is None:
            return True
        try:
            return self.delegate.open_delegator(self.about.batch).has_ended(job)
        except SupervisorError as error:
            self.delegate.notes.info(f"{error.problem} It is taken to go on.")
            return False


def _triggers(event: LostEvent) -> tuple[Trigger, ...]:
    """Return the runs of a lost event; one that nobody understands is kept as a call."""
    try:
        return events.read(event.event)
    except EventError:
        return (Direct(event=event.event.decode()),)
