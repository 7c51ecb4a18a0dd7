"""The failure handler: submit the runs of failed invocations to Batch, or record the failure.

Lambda ends a sandbox (timeout, out of memory, crash) without running any code in it. It then sends
an invocation record to the function's on-failure destination: this handler. Each run of the failed
event is claimed in the name of the failed request, as a later delivery of the same request would
do: a run that another owner executes is not touched, and nothing is executed twice.

The role of every function may invoke this handler, with any record. So it works only for runs that
``run_evidence`` confirms. For the others it starts nothing and writes nothing into the records of
the named function: it logs them, and records that there was such a message among its own runs.

It also takes up the runs that wait for another submission, because Batch throttled the first or did
not answer. If the same happens to this handler, it ends with an error: Lambda invokes it again,
``FAILURE_HANDLER_RETRIES`` times. After the last attempt the run is recorded as failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor import config
from supervisor.batch.run_recovery import HandlerServices, RunRecovery
from supervisor.errors import (
    ConfigError,
    EventError,
    SupervisorError,
)
from supervisor.events import failed_event, parser
from supervisor.invocation import DirectInvocation
from supervisor.model import ObjectRef
from supervisor.results import InvocationResult

if TYPE_CHECKING:
    from supervisor.events.failed_event import FailedInvocation
    from supervisor.invocation import Invocation, Trigger
    from supervisor.model import FunctionConfig

# Runs of one event. S3 sends one object per event, SQS at most 10 messages without a batching
# window. More than this is not one of Lambda's records; each run costs requests.
MAX_RUNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureHandler(HandlerServices):
    """Handles invocation records."""

    def handle(self, invocation: Invocation) -> InvocationResult:
        """Handle one invocation record; a result has an error only if a retry may succeed.

        What is not a record of a function of this account and Region starts nothing.
        Raise StorageError if the state bucket fails.
        """
        try:
            failed = failed_event.parse_invocation_record(invocation.event)
            triggers = self._accepted_triggers(failed)
        except EventError as error:  # not raised: the next attempts would find the same
            self.log.error(error.problem, remedy=error.remedy)
            return InvocationResult()
        self.log.info(
            f"Request {failed.request_id} of function {failed.function} failed: {failed.condition}."
        )
        # Without a usable configuration (deleted function, newer release) runs are only recorded.
        function: FunctionConfig | None = None
        reason: SupervisorError
        try:
            function = self._read_function_config(failed.function)
            reason = failed.to_error(function.memory if function else 0)
        except ConfigError as error:
            reason = error
        recovery = RunRecovery(
            services=self,
            invocation=invocation,
            failed_invocation=failed,
            config=function,
            reason=reason,
        )
        return InvocationResult(results=tuple(map(recovery.recover_run, triggers)))

    def _accepted_triggers(self, failed: FailedInvocation) -> tuple[Trigger, ...]:
        """Return the runs of a failed event; an event that cannot be parsed is one direct run.

        Raise EventError for a function of another account or Region, the handler itself, and
        events of more runs than AWS sends.
        """
        expected = config.account_and_region(self.bucket)
        if all(expected) and (failed.account, failed.region) != expected:
            raise EventError(
                f"The invocation record is of {failed.function} in account {failed.account},"
                f" {failed.region}; this failure handler works for account {expected[0]},"
                f" {expected[1]}.",
                remedy="Use it as the on-failure destination of functions of scar only.",
            )
        if failed.function == self.name:
            raise EventError(
                "The invocation record is of the failure handler itself.",
                remedy="Remove its on-failure destination.",
            )
        try:
            triggers = parser.parse_event(failed.event)
        except EventError:
            return (DirectInvocation(event=failed.event.decode()),)
        if len(triggers) > MAX_RUNS:
            raise EventError(
                f"The failed event of {failed.function} has {len(triggers)} objects; at most"
                f" {MAX_RUNS} are handled.",
                remedy="Invoke the function with fewer objects per event.",
            )
        return triggers

    def _read_function_config(self, function: str) -> FunctionConfig | None:
        """Read the function's mode and Batch target; None if the function was deleted."""
        ref = ObjectRef("s3", self.bucket, config.function_config_key(function))
        found = self.open_store(()).read(ref)
        return None if found is None else config.parse_config(found[0].decode(errors="replace"))
