"""Handle one run from claim to record, in this process or in Batch."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.batch import fallback
from supervisor.errors import (
    ClaimLost,
    JobTerminated,
    ObjectAbsent,
    ObjectChanged,
    ScriptFailed,
    SubmissionPending,
    SupervisorError,
    Terminated,
)
from supervisor.events.direct_invocation import find_refusal
from supervisor.execution.executor import RunExecutor, free_bytes, no_secrets, no_services
from supervisor.execution.failure_record import record_failure
from supervisor.execution.staging import RunContext
from supervisor.execution.upload_pool import THREADS
from supervisor.logs import Log
from supervisor.results import RunOutcome, RunResult
from supervisor.runs import leases, record_format
from supervisor.runs.heartbeat import renew_periodically
from supervisor.runs.run_record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from supervisor.execution.jobs.batch_submission import BatchSubmission
    from supervisor.execution.jobs.nodes import NodeRunner
    from supervisor.invocation import Invocation, Trigger
    from supervisor.model import FunctionConfig
    from supervisor.ports import (
        EndpointServices,
        JobSubmitter,
        ObjectStore,
        ScriptRunner,
        SecretSource,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHandler:
    """Handles the runs of one function.

    ``home`` holds ``function/``; workspaces are created in ``temporary``. ``exclusive``: files that
    programs leave in ``temporary`` are removed after each run. ``environ`` is the environment of
    this process, ``now`` in epoch seconds; ``free_space`` returns the free bytes on the disk of a
    folder. ``upload_threads``: outputs that are uploaded at the same time.
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
    read_secrets: SecretSource = no_secrets
    free_space: Callable[[Path], int] = free_bytes
    upload_threads: int = THREADS
    open_services: Callable[[], EndpointServices] = no_services

    def handle_run(self, trigger: Trigger, invocation: Invocation) -> RunResult:
        config = self.config
        today = self.today()
        submitted = (invocation.run_id, invocation.date)
        run = record_format.run_path(
            config.name, trigger, invocation.owner.request, today, submitted
        )
        # The rest of Lambda's time is for ending the script, for the record and for SubmitJob. Jobs
        # have no deadline here: Batch sends TERM.
        stop_at = invocation.deadline
        if stop_at is not None:
            stop_at -= config.timeout_threshold
        context = RunContext(
            config=config, invocation=invocation, trigger=trigger, run=run, stop_at=stop_at
        )
        log = self.log.for_run(run.run_id)
        if invocation.node is not None and not invocation.node.is_main:
            return self._open_node_runner(context, log).run_other()
        try:
            record = RunRecord(
                store=self.open_store("s3"),
                bucket=config.state_bucket,
                run=run,
                owner=invocation.owner,
                description=record_format.describe_trigger(trigger)
                | invocation.log_location
                | record_format.describe_trace(invocation.trace),
                lease=leases.lease_seconds(invocation.deadline, self.now()),
                has_job_ended=lambda job: self._has_job_ended(job, invocation),
                job=invocation.job,
            )
            if not record.claim():
                log.info("This event is a duplicate: its run is done or in progress.")
                return RunResult(run=run, state=RunOutcome.DUPLICATE)
        except SupervisorError as error:
            log.error(error.problem, remedy=error.remedy)
            return RunResult(run=run, state=RunOutcome.FAILED, error=error)
        return self._execute_and_record(context, record, log)

    def _execute_and_record(self, context: RunContext, record: RunRecord, log: Log) -> RunResult:
        """Execute or submit the run; every failure is written to the record and the result."""
        try:
            # Lambda's log stream is in the claim; Batch has one log stream per attempt.
            if context.invocation.owner.job:
                record.write_attempt(context.invocation.log_location)
            with self._keep_claim(context, record, log):
                return self._execute_or_submit(context, record, log)
        except ClaimLost as lost:
            # Nothing is recorded: the record now belongs to the other attempt.
            log.warning(lost.problem, remedy=lost.remedy)
            return RunResult(run=context.run, state=RunOutcome.DUPLICATE)
        except Terminated:
            error = JobTerminated(
                "The Batch job received TERM: it timed out, its instance was reclaimed, or it was"
                " terminated.",
                remedy="`scar retry` starts the run again; after the loss of an instance Batch"
                " retries the job by itself.",
            )
            record_failure(error, context, record, log)
            raise
        except SupervisorError as error:
            return self._failed_result(error, context, record, log)
        except Exception as error:  # noqa: BLE001 - the other runs of the event continue
            import traceback

            log.debug("".join(traceback.format_exception(error)))
            unexpected = SupervisorError(
                f"The run failed: {type(error).__name__}: {error}.",
                remedy="If the disk is full, increase ephemeral_storage; else please report it.",
            )
            return self._failed_result(unexpected, context, record, log)

    def _failed_result(
        self, error: SupervisorError, context: RunContext, record: RunRecord, log: Log
    ) -> RunResult:
        record_failure(error, context, record, log)
        output = error.output if isinstance(error, ScriptFailed) else b""
        return RunResult(run=context.run, state=RunOutcome.FAILED, output=output, error=error)

    def _execute_or_submit(self, context: RunContext, record: RunRecord, log: Log) -> RunResult:
        mode, service = self.config.mode, context.invocation.owner.site
        trigger = context.trigger
        # Not before the claim: with a record, `scar why` and `scar retry` find the run.
        if refusal := find_refusal(self.config, trigger, service):
            raise refusal
        if fallback.must_submit_to_batch(mode, service, trigger):
            return self._batch_submission(context, record, log).start()
        if fallback.may_submit_to_batch(mode, service) and (waiting := record.read_waiting()):
            # An earlier attempt found that the run needs Batch: the script would fail here again.
            return self._batch_submission(context, record, log).submit(waiting)
        try:
            if context.invocation.job is not None:
                self._check_last_attempt(context, log)
            executed = (
                self._build_executor().run(context, log)
                if context.invocation.node is None
                else self._open_node_runner(context, log).run_main()
            )
        except ObjectChanged as error:
            # Not a failure: the new version of the object has an event of its own.
            is_absent = isinstance(error, ObjectAbsent)
            log.info(f"The run {'ends' if is_absent else 'is superseded'}: {error.problem}")
            record.write_done(RunOutcome.SUPERSEDED.value, input_absent=is_absent)
            return RunResult(run=context.run, state=RunOutcome.SUPERSEDED)
        except (ScriptFailed, *fallback.FALLBACK_ERRORS) as error:
            return self._continue_in_batch(error, context, record, log)
        # Last of all writes: with it the run has ended, and no other attempt starts.
        record.write_done(RunOutcome.DONE.value, executed.uploaded, executed.left_out)
        count = len(executed.uploaded)
        files = f"{count} output file{'' if count == 1 else 's'}"
        log.info(f"Done: {'; '.join([files, *map(str, executed.left_out)])}.")
        return RunResult(
            run=context.run,
            state=RunOutcome.DONE,
            output=executed.output,
            uploaded=count,
            left_out=executed.left_out,
            location=executed.location,
            error=executed.problem,
        )

    def _check_last_attempt(self, context: RunContext, log: Log) -> None:
        """Raise OutOfMemory if memory exhaustion killed this job's last attempt as a whole."""
        from supervisor.execution.jobs.next_job import find_killed_attempt

        owner, killed = context.invocation.owner, None
        try:
            killed = find_killed_attempt(self.config.batch, owner, self.open_submitter)
        except SupervisorError as error:
            log.warning(f"{error.problem} The script runs again.", remedy=error.remedy)
        if killed is not None:
            raise killed

    def _continue_in_batch(
        self, error: SupervisorError, context: RunContext, record: RunRecord, log: Log
    ) -> RunResult:
        """Submit the run after an error in Lambda, or again from its job; else raise the error."""
        mode, service = self.config.mode, context.invocation.owner.site
        if fallback.may_submit_to_batch(mode, service) and isinstance(
            error, fallback.FALLBACK_ERRORS
        ):
            log.info(f"{error.problem} The run continues in Batch.")
            return self._batch_submission(context, record, log).start(error)
        if record.job is None or self.config.batch is None:
            raise error
        from supervisor.execution.jobs.next_job import NextJob

        next_job = NextJob(self.config.batch, self.open_submitter, context, record, log)
        return next_job.submit(error, record.job)

    def _batch_submission(
        self, context: RunContext, record: RunRecord, log: Log
    ) -> BatchSubmission:
        # Imported here: most starts submit nothing, and the time of a start counts.
        from supervisor.execution.jobs.batch_submission import BatchSubmission

        return BatchSubmission(
            context=context,
            record=record,
            log=log,
            open_submitter=self.open_submitter,
            now=self.now,
        )

    def throttled_until(self, invocation: Invocation) -> float | None:
        from supervisor.batch import submission_deadline

        return submission_deadline.throttled_until(invocation.deadline, self.now())

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
            read_secrets=self.read_secrets,
            free_space=self.free_space,
            upload_threads=self.upload_threads,
            open_services=self.open_services,
        )

    def _has_job_ended(self, job: str, invocation: Invocation) -> bool:
        """Return whether a job has ended; one whose state cannot be read has not.

        Raise SubmissionPending: Lambda's next attempt can read the state.
        """
        try:
            until = self.throttled_until(invocation)
            return self.open_submitter().has_ended(job, until=until)
        except SubmissionPending:
            raise
        except SupervisorError as error:
            self.log.info(f"{error.problem} It is assumed to be running.")
            return False

    @contextlib.contextmanager
    def _keep_claim(self, context: RunContext, record: RunRecord, log: Log) -> Iterator[None]:
        """Renew the claim during a run without a deadline; with one, the lease is long enough."""
        if context.invocation.deadline is not None:
            yield
            return
        renew, interval = record.renew, leases.RENEWAL_INTERVAL
        if context.invocation.node is not None:
            from supervisor.execution.jobs import nodes

            heartbeat = nodes.MainNodeHeartbeat(self._open_node_runner(context, log), renew)
            renew, interval = heartbeat.beat, nodes.FAILURE_INTERVAL
        with renew_periodically(renew, interval, log):
            yield

    def _open_node_runner(self, context: RunContext, log: Log) -> NodeRunner:
        # Imported here: most jobs have one container, and the time of a start counts.
        from supervisor.execution.jobs.nodes import open_node_runner

        return open_node_runner(
            context, self.open_store("s3"), self._build_executor(), log, self.now
        )

    def today(self) -> str:
        """Return the date in UTC, YYYY-MM-DD, as run records have it."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.now()))
