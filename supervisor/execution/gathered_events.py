"""Submit the events of many objects, gathered in a queue, as array jobs.

Lambda invokes the function with up to 10,000 messages (about 4,000 fit into its 6 MB), and sends
those again that the response names. A message ends in one of three ways: its run is submitted; its
run is recorded as failed, where `scar why` and `scar retry` find it; or it is sent again, after the
queue's visibility timeout. So none is lost, and a message that can never be submitted does not
return for ever.

The children of an array have the same size: runs for which ``batch.overrides`` has different ones
become an array for each size.

Runs are not claimed here: that would cost a request for each. A run that exists already, because S3
or SQS has delivered its event twice or an earlier submission was not answered, becomes a child that
finds the claim and ends at once.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from supervisor.batch.array_groups import group_events
from supervisor.batch.array_manifest import (
    ARRAY_PREFIX,
    DESCRIPTION,
    MANIFEST,
    MIN_CHILDREN,
    NOT_SUBMITTED,
    ArrayPath,
    build_array_request,
    build_manifest,
    submission_name,
)
from supervisor.batch.job_request import first_job, options_to_json
from supervisor.errors import SubmissionPending, SupervisorError
from supervisor.invocation import DirectInvocation, ObjectEvent
from supervisor.job_model import JobOptions
from supervisor.model import ObjectRef
from supervisor.results import InvocationResult, RunOutcome
from supervisor.runs import leases, record_format
from supervisor.runs.run_record import RunRecord
from supervisor.trace_ids import TRACE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from supervisor.events.queue_messages import QueueMessage
    from supervisor.invocation import Invocation, RunPath, Trigger
    from supervisor.logs import Log
    from supervisor.model import FunctionConfig
    from supervisor.ports import JobSubmitter, ObjectStore
    from supervisor.results import RunResult

# Deliveries of a message after which a refusal of Batch is recorded as a failed run. SQS counts all
# of them: one that was throttled before fails at an earlier refusal, but never by throttling.
MAX_DELIVERIES = 5


@dataclass(frozen=True, slots=True)
class _GatheredRun:
    """One run and the messages that name it."""

    path: RunPath
    event: ObjectEvent
    messages: list[QueueMessage]

    @property
    def is_last_delivery(self) -> bool:
        return all(message.received >= MAX_DELIVERIES for message in self.messages)


@dataclass(slots=True, kw_only=True)
class GatheredEvents:
    """Handles one invocation with messages.

    ``handle_event`` claims and submits a single run, ``now`` is in epoch seconds, ``until`` the
    end of throttled requests.
    """

    config: FunctionConfig
    invocation: Invocation
    store: ObjectStore
    open_submitter: Callable[[], JobSubmitter]
    handle_event: Callable[[Trigger, Invocation], RunResult]
    until: float | None
    now: Callable[[], float]
    log: Log
    _sent_again: dict[str, None] = field(default_factory=dict, init=False)
    _today: str = field(default="", init=False)

    def handle(self, messages: Sequence[QueueMessage]) -> InvocationResult:
        """Submit the runs of the messages; the result has the ids of those to be sent again."""
        self._today = time.strftime("%Y-%m-%d", time.gmtime(self.now()))
        for message in messages:
            if message.problem is not None:
                self._record_unreadable(message, message.problem)
        for options, runs in self._group(self._unique_runs(messages)):
            for part in _divide(runs, self.config.array_size):
                if len(part) < MIN_CHILDREN:
                    self._submit_single(part[0])
                else:
                    self._submit_array(part, options)
        return InvocationResult(failed_messages=tuple(self._sent_again))

    def _unique_runs(self, messages: Iterable[QueueMessage]) -> list[_GatheredRun]:
        runs: dict[str, _GatheredRun] = {}
        for message in messages:
            for event in message.events:
                path = self._run_path(event, "")
                run = runs.setdefault(path.run_id, _GatheredRun(path, event, []))
                run.messages.append(message)
        return list(runs.values())

    def _group(
        self, runs: Sequence[_GatheredRun]
    ) -> Iterator[tuple[JobOptions, Sequence[_GatheredRun]]]:
        """Yield the runs whose jobs have the same size: each group, then each remaining run."""
        if self.config.batch is None:
            yield JobOptions(), runs
            return
        groups, remaining = group_events(self.config.batch, [run.event for run in runs])
        for options, indexes in groups:
            yield options, [runs[index] for index in indexes]
        for index, options in remaining.items():
            yield options, [runs[index]]

    def _run_path(self, trigger: Trigger, request: str) -> RunPath:
        return record_format.run_path(self.config.name, trigger, request, self._today, ("", ""))

    def _submit_single(self, run: _GatheredRun) -> None:
        # In the name of the message: it is the same when SQS sends it again, unlike the request, so
        # that the claim of an attempt that ended is taken over, as that of a repeated request is.
        owner = replace(self.invocation.owner, request=run.messages[0].id)
        result = self.handle_event(run.event, replace(self.invocation, owner=owner))
        if result.error is None:
            return
        is_recorded = result.state is RunOutcome.FAILED and run.is_last_delivery
        if isinstance(result.error, SubmissionPending) or not is_recorded:
            self._send_again([run])

    def _submit_array(self, runs: Sequence[_GatheredRun], options: JobOptions) -> None:
        try:
            job = self._submit_job(runs, options)
        except SubmissionPending as error:
            self.log.warning(f"{error.problem} SQS delivers the events again.")
            self._send_again(runs)
        except SupervisorError as error:
            self.log.error(error.problem, remedy=error.remedy)
            self._record_failures(runs, error)
        else:
            self.log.info(f"An array job of {len(runs)} runs was submitted.", job=job)

    def _submit_job(self, runs: Sequence[_GatheredRun], options: JobOptions) -> str:
        # Named by its content: a repeated attempt of this request replaces its own manifest.
        digest = hashlib.sha256(
            "\0".join([self.invocation.owner.request, *(r.path.run_id for r in runs)]).encode()
        )
        path = ArrayPath(
            function=self.config.name,
            date=self._today,
            array_id=f"{ARRAY_PREFIX}{digest.hexdigest()[:12]}",
        )
        manifest = build_manifest(run.event.event for run in runs)
        description: dict[str, object] = {
            "function": self.config.name,
            "source": "events of new objects",
            "by": f"request {self.invocation.owner.request}",
            "created": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(self.now())),
            "queue": self.config.batch.queue if self.config.batch else "",
            "count": manifest.count,
            "width": manifest.width,
        }
        if options != JobOptions():
            description["options"] = options_to_json(options)
        self._write(path, MANIFEST, manifest.body)
        self._write(path, DESCRIPTION, record_format.encode(description))
        request = build_array_request(
            path, self.config.state_bucket, manifest, first_job(self.config.batch, options)
        )
        if trace := self.invocation.trace:
            # Lambda's detection of recursive loops counts the children as parts of this chain.
            request = replace(request, environment={**request.environment, TRACE_VARIABLE: trace})
        try:
            job = self.open_submitter().submit(request, until=self.until)
        except SubmissionPending:
            raise
        except SupervisorError:
            with suppress(SupervisorError):  # otherwise `scar status` searches for a job
                self._write(path, NOT_SUBMITTED, b"")
            raise
        try:
            self._write(path, submission_name(job, manifest.count), b"")
        except SupervisorError as error:
            # The job exists: `scar status` finds it by its name, and records it.
            self.log.warning(f"The array job {job} cannot be recorded: {error.problem}")
        return job

    def _write(self, path: ArrayPath, name: str, body: bytes) -> None:
        self.store.write(ObjectRef("s3", self.config.state_bucket, path.key(name)), body)

    def _send_again(self, runs: Iterable[_GatheredRun]) -> None:
        for run in runs:
            self._sent_again.update(dict.fromkeys(message.id for message in run.messages))

    def _record_failures(self, runs: Sequence[_GatheredRun], error: SupervisorError) -> None:
        """Send the events again, and record those as failed that were delivered often enough."""
        for run in runs:
            if not (run.is_last_delivery and self._record_failure(run.path, run.event, error)):
                self._send_again([run])

    def _record_unreadable(self, message: QueueMessage, problem: SupervisorError) -> None:
        """Record a message that starts no run: sent again, it would be the same."""
        self.log.error(f"Message {message.id}: {problem.problem}", remedy=problem.remedy)
        trigger = DirectInvocation(event=message.body)
        path = self._run_path(trigger, message.id)
        if not self._record_failure(path, trigger, problem):
            self._sent_again[message.id] = None

    def _record_failure(self, path: RunPath, trigger: Trigger, error: SupervisorError) -> bool:
        """Record a failed run; return whether that is done, or the run needs no record."""
        if self.until is not None and self.now() >= self.until:
            return False
        record = RunRecord(
            store=self.store,
            bucket=self.config.state_bucket,
            run=path,
            owner=self.invocation.owner,
            description=record_format.describe_trigger(trigger) | self.invocation.log_location,
            lease=leases.lease_seconds(self.invocation.deadline, self.now()),
        )
        try:
            if record.claim():
                record.keep_event(trigger.event)
                record.write_failure(error, self.invocation.log_location)
        except SupervisorError as second:
            self.log.error(f"The failure cannot be recorded: {second.problem}")
            return False
        return True


def _divide(runs: Sequence[_GatheredRun], size: int) -> Iterator[Sequence[_GatheredRun]]:
    """Yield the runs of each array; the last one may be a single run."""
    for start in range(0, len(runs), size):
        yield runs[start : start + size]
