"""The record ``waiting`` of a run whose submission to Batch did not succeed, but may the next time.

Batch throttled it until the deadline, or did not answer (``errors.SubmissionPending``; the record's
``kind`` and ``problem`` say which). The run has not failed: Lambda delivers the event again
(``lambda.retries``), or invokes the failure handler. The record has what the next attempt needs:
the job's size and why the run continues in Batch, both of which only the first attempt knows.

If only Batch's response was lost, there is a job already. It takes the claim over when it starts.
The next attempt then submits nothing; if it comes before, the job that starts second ends.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from supervisor.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.errors import SupervisorError
    from supervisor.job_model import JobOptions

# Lambda invokes the failure handler once more after each of the first failures of an event: the
# maximum of Lambda (MaximumRetryAttempts). scar.aws.compile.failure_handler sets it.
FAILURE_HANDLER_RETRIES = 2


@dataclass(frozen=True, slots=True)
class FallbackCause:
    """Why a run of mode ``lambda-batch`` continues in Batch: error class and sentence."""

    kind: str
    problem: str


def describe_cause(error: SupervisorError | None) -> FallbackCause | None:
    """Return the cause as it is recorded; None for a run that was always meant for Batch."""
    return None if error is None else FallbackCause(type(error).__name__, error.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingSubmission:
    """A submission that another attempt makes; ``size`` None: that of the job definition.

    ``attempts`` counts the attempts of the failure handler's request ``handler``.
    """

    size: JobOptions | None = None
    cause: FallbackCause | None = None
    handler: str = ""
    attempts: int = 0

    def after_handler_attempt(self, request: str) -> WaitingSubmission:
        """Return it with one more attempt of this request of the failure handler."""
        attempts = self.attempts + 1 if self.handler == request else 1
        return WaitingSubmission(
            size=self.size, cause=self.cause, handler=request, attempts=attempts
        )

    @property
    def is_last_attempt(self) -> bool:
        """Whether Lambda does not invoke the failure handler again for this run."""
        return self.attempts > FAILURE_HANDLER_RETRIES

    def to_record(self) -> dict[str, object]:
        return asdict(self)


def parse_waiting(record: Mapping[str, object], key: str) -> WaitingSubmission:
    """Parse the fields that ``to_record`` wrote; raise RecordError."""
    size, cause, attempts = record.get("size"), record.get("cause"), record.get("attempts", 0)
    try:
        if isinstance(attempts, bool) or not isinstance(attempts, int):
            raise TypeError("attempts")  # noqa: TRY301
        return WaitingSubmission(
            size=None if size is None else _parse_size(size),
            cause=None if cause is None else _parse_cause(cause),
            handler=str(record.get("handler", "")),
            attempts=attempts,
        )
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise RecordError(
            f"The run record {key} is damaged: {error!r}.",
            remedy="Delete it; the run can then be started again.",
        ) from error


def _parse_size(value: object) -> JobOptions:
    if not isinstance(value, dict):
        raise TypeError("size")
    # scar's own commands need only the constants of this module.
    from supervisor.job_model import JobOptions

    numbers = {name: int(value.get(name, 0)) for name in ("gpus", "timeout", "attempts", "nodes")}
    return JobOptions(
        vcpus=str(value["vcpus"]),
        memory=int(value["memory"]),
        queue=str(value.get("queue", "")),
        **numbers,
    )


def _parse_cause(value: object) -> FallbackCause:
    if not isinstance(value, dict):
        raise TypeError("cause")
    return FallbackCause(str(value["kind"]), str(value["problem"]))
