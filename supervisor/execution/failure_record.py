"""Record that a run failed, whatever else fails or interrupts meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import SupervisorError, Terminated

if TYPE_CHECKING:
    from supervisor.execution.staging import RunContext
    from supervisor.logs import Log
    from supervisor.runs.run_record import RunRecord


def record_failure(
    error: SupervisorError, context: RunContext, record: RunRecord, log: Log
) -> None:
    """Log the error and write it to the run's record; raise Terminated after that, not before."""
    log.error(error.problem, remedy=error.remedy)
    try:
        _write(error, context, record, log)
    except Terminated:
        # TERM is ignored from now on. Without a record the run would be lost instead of failed.
        _write(error, context, record, log)
        raise


def _write(error: SupervisorError, context: RunContext, record: RunRecord, log: Log) -> None:
    try:
        record.keep_event(context.trigger.event)
        record.write_failure(error, context.invocation.log_location)
    except SupervisorError as second:
        # The original error remains the result of the run; the lease of the claim expires.
        log.error(f"The failure cannot be recorded: {second.problem}", remedy=second.remedy)
