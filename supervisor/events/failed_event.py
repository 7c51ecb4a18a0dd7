"""What Lambda says of an event that it gave up: the record that an on-failure destination gets.

Source: "Capturing records of Lambda asynchronous invocations", Lambda Developer Guide. Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import (
    SIGKILL_STATUS,
    DeadlineExceeded,
    EventDiscarded,
    EventError,
    OutOfMemory,
)

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError

RETRIES_EXHAUSTED, EVENT_AGE_EXCEEDED = "RetriesExhausted", "EventAgeExceeded"
# Runtime.ExitError, Runtime.OutOfMemory, Sandbox.Timedout, Extension.Crash…: Lambda's own words.
# The supervisor reports its errors under their own names, which have no dot.
_SANDBOX_ERROR = re.compile(r"(Runtime|Sandbox|Extension)\.")
_TIMED_OUT = re.compile(r"Task timed out|Status: timeout|Sandbox\.Timedout")
_KILLED = re.compile(r"signal: killed|OutOfMemory")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedInvocation:
    """One event that a function did not get done.

    ``event`` is what the function was sent, ``time`` when it was given up (ISO 8601), ``kind``
    and ``message`` what the last attempt answered, if there was one.
    """

    function: str
    request_id: str
    condition: str
    time: str
    event: bytes
    attempts: int = 0
    error_type: str = ""
    error_message: str = ""

    @property
    def is_sandbox_failure(self) -> bool:
        """Whether the sandbox ended before the supervisor could say anything.

        False also for what never ran, such as an event that Lambda dropped because functions
        start each other without end: nobody may go on with that.
        """
        if self.condition != RETRIES_EXHAUSTED:
            return False
        if self.error_type and "." not in self.error_type:
            return False  # the supervisor's own error, whatever its message quotes
        return bool(_SANDBOX_ERROR.match(self.error_type) or _TIMED_OUT.search(self.error_message))

    def to_error(self, memory: int) -> SupervisorError:
        """Say why it was lost, for people and for the size of a job; ``memory`` is Lambda's, MB."""
        said = f"{self.error_type} {self.error_message}".strip()
        if not self.is_sandbox_failure:
            return EventDiscarded(
                self._describe_other_failure(said), remedy="`scar retry` sends it again."
            )
        if _TIMED_OUT.search(said):
            return DeadlineExceeded(
                f"Lambda ended the sandbox at its time-out: {self.error_message}",
                remedy="Give the function more time or mode lambda-batch, then `scar retry`.",
            )
        if _KILLED.search(said):
            return OutOfMemory(SIGKILL_STATUS, memory=memory)
        return EventDiscarded(
            f"Lambda's sandbox ended without an answer: {said}",
            remedy="`scar logs` shows its last lines, `scar retry` starts the run again.",
        )

    def _describe_other_failure(self, said: str) -> str:
        if self.condition == EVENT_AGE_EXCEEDED:
            return "The event waited too long for Lambda: it is older than max_event_age."
        if self.condition != RETRIES_EXHAUSTED:
            return f"Lambda dropped the event: {self.condition}."
        if not self.attempts or not said:
            return "Lambda gave the event up before the function was called."
        return f"The function did not get the event done: {said}"


def parse_invocation_record(record: bytes) -> FailedInvocation:
    """Read an invocation record; raise EventError if it is none."""
    try:
        document = json.loads(record)
        context = document["requestContext"]
        answered = document.get("responsePayload")
        answer = answered if isinstance(answered, dict) else {"errorMessage": answered or ""}
        arn = str(context["functionArn"])
        return FailedInvocation(
            function=arn.split(":")[6],
            request_id=str(context["requestId"]),
            condition=str(context["condition"]),
            time=str(document.get("timestamp", "")),
            event=json.dumps(document["requestPayload"]).encode(),
            attempts=int(context.get("approximateInvokeCount", 0)),
            error_type=str(answer.get("errorType", "")),
            error_message=str(answer.get("errorMessage", "")),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise EventError(
            f"This is no record of a lost event: {error!r}.",
            remedy="Let only on-failure destinations invoke this function.",
        ) from error
