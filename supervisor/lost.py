"""What Lambda says of an event that it gave up: the record that an on-failure destination gets.

Source: "Capturing records of Lambda asynchronous invocations", Lambda Developer Guide. Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import DeadlineExceeded, EventError, EventLost, OutOfMemory
from supervisor.fallback import KILLED

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError

EXHAUSTED, TOO_OLD = "RetriesExhausted", "EventAgeExceeded"
# Runtime.ExitError, Runtime.OutOfMemory, Sandbox.Timedout, Extension.Crash…: Lambda's own words.
# The supervisor reports its errors under their own names, which have no dot.
_OF_THE_SANDBOX = re.compile(r"(Runtime|Sandbox|Extension)\.")
_TIMED_OUT = re.compile(r"Task timed out|Status: timeout|Sandbox\.Timedout")
_KILLED = re.compile(r"signal: killed|OutOfMemory")


@dataclass(frozen=True, slots=True, kw_only=True)
class LostEvent:
    """One event that a function did not get done.

    ``event`` is what the function was sent, ``time`` when it was given up (ISO 8601), ``kind``
    and ``message`` what the last attempt answered, if there was one.
    """

    function: str
    request: str
    condition: str
    time: str
    event: bytes
    attempts: int = 0
    kind: str = ""
    message: str = ""

    @property
    def died(self) -> bool:
        """Whether the sandbox ended before the supervisor could say anything.

        False also for what never ran, such as an event that Lambda dropped because functions
        start each other without end: nobody may go on with that.
        """
        if self.condition != EXHAUSTED:
            return False
        if self.kind and "." not in self.kind:
            return False  # the supervisor's own error, whatever its message quotes
        return bool(_OF_THE_SANDBOX.match(self.kind) or _TIMED_OUT.search(self.message))

    def reason(self, memory: int) -> SupervisorError:
        """Say why it was lost, for people and for the size of a job; ``memory`` is Lambda's, MB."""
        said = f"{self.kind} {self.message}".strip()
        if not self.died:
            return EventLost(self._without_a_word(said), remedy="`scar retry` sends it again.")
        if _TIMED_OUT.search(said):
            return DeadlineExceeded(
                f"Lambda ended the sandbox at its time-out: {self.message}",
                remedy="Give the function more time or mode lambda-batch, then `scar retry`.",
            )
        if _KILLED.search(said):
            return OutOfMemory(KILLED, memory=memory)
        return EventLost(
            f"Lambda's sandbox ended without an answer: {said}",
            remedy="`scar logs` shows its last lines, `scar retry` starts the run again.",
        )

    def _without_a_word(self, said: str) -> str:
        if self.condition == TOO_OLD:
            return "The event waited too long for Lambda: it is older than max_event_age."
        if self.condition != EXHAUSTED:
            return f"Lambda dropped the event: {self.condition}."
        if not self.attempts or not said:
            return "Lambda gave the event up before the function was called."
        return f"The function did not get the event done: {said}"


def read(record: bytes) -> LostEvent:
    """Read an invocation record; raise EventError if it is none."""
    try:
        document = json.loads(record)
        context = document["requestContext"]
        answered = document.get("responsePayload")
        answer = answered if isinstance(answered, dict) else {"errorMessage": answered or ""}
        arn = str(context["functionArn"])
        return LostEvent(
            function=arn.split(":")[6],
            request=str(context["requestId"]),
            condition=str(context["condition"]),
            time=str(document.get("timestamp", "")),
            event=json.dumps(document["requestPayload"]).encode(),
            attempts=int(context.get("approximateInvokeCount", 0)),
            kind=str(answer.get("errorType", "")),
            message=str(answer.get("errorMessage", "")),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise EventError(
            f"This is no record of a lost event: {error!r}.",
            remedy="Let only on-failure destinations invoke this function.",
        ) from error
