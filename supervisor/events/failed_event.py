"""Lambda's invocation records: what an on-failure destination receives about a failed event.

Source: "Capturing records of Lambda asynchronous invocations", Lambda Developer Guide.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from supervisor.errors import (
    DeadlineExceeded,
    EventDiscarded,
    EventError,
    OutOfMemory,
    SubmissionThrottled,
    SubmissionUnanswered,
)
from supervisor.events.json_values import compact_json
from supervisor.events.parser import RECOVERED_RULE
from supervisor.invocation import ObjectEvent
from supervisor.model import VersionPin
from supervisor.script_status import SIGKILL_STATUS

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.model import StoredObject

RETRIES_EXHAUSTED, EVENT_AGE_EXCEEDED = "RetriesExhausted", "EventAgeExceeded"
MAX_ATTEMPTS = 1_000_000  # Lambda makes at most 3, and more while it throttles the function
CONDITIONS = frozenset({RETRIES_EXHAUSTED, EVENT_AGE_EXCEEDED})
# The error types after which the same run is submitted by another attempt (SubmissionPending).
_PENDING = frozenset({SubmissionThrottled.__name__, SubmissionUnanswered.__name__})
# Lambda's own error types: Runtime.ExitError, Runtime.OutOfMemory, Sandbox.Timedout,
# Extension.Crash… The error types of the supervisor are class names, which have no dot.
_SANDBOX_ERROR = re.compile(r"(Runtime|Sandbox|Extension)\.")
_TIMED_OUT = re.compile(r"Task timed out|Status: timeout|Sandbox\.Timedout")
_KILLED = re.compile(r"signal: killed|OutOfMemory")
# The name of Lambda's exception, and a part of its message. AWS does not document in which form an
# invocation record contains them, so the condition is searched too.
_RECURSION = re.compile(r"Recursi(on|ve)|recursive loop")
# A function's name is a part of keys: no other characters than Lambda allows. A version or alias
# may follow; it has the function's role and records.
# https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
_FUNCTION_ARN = re.compile(
    r"arn:[a-z-]+:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12})"
    r":function:(?P<name>[A-Za-z0-9_-]{1,64})(:[A-Za-z0-9$_-]{1,128})?"
)
_EVENT_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,1024}")
_SEQUENCER = re.compile(r"[0-9A-Fa-f]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedInvocation:
    """One event that a function failed to process.

    ``event`` is the function's input, ``time`` that of the record (ISO 8601); ``error_type`` and
    ``error_message`` are the last attempt's response, empty if the function was never invoked.
    All of it is what the sender says: the role of every function may invoke the failure handler.
    """

    function: str
    request_id: str
    condition: str
    time: str
    event: bytes
    attempts: int = 0
    error_type: str = ""
    error_message: str = ""
    account: str = ""
    region: str = ""

    @property
    def is_sandbox_failure(self) -> bool:
        """Whether Lambda ended the sandbox before the supervisor could respond.

        False also for an event that was never processed, such as one that Lambda dropped because
        functions trigger each other without end: such a run must not continue.
        """
        if not self.was_attempted or self.is_recursion:
            return False
        if self.error_type and "." not in self.error_type:
            return False  # the supervisor's own error; its message may quote one of Lambda's
        return bool(_SANDBOX_ERROR.match(self.error_type) or _TIMED_OUT.search(self.error_message))

    @property
    def was_attempted(self) -> bool:
        """Whether the function was invoked, and Lambda gave up after its last attempt."""
        return self.condition == RETRIES_EXHAUSTED

    @property
    def is_pending_submission(self) -> bool:
        """Whether the function responded that its only run waits for another submission."""
        return self.was_attempted and self.error_type in _PENDING

    @property
    def is_recursion(self) -> bool:
        """Whether Lambda stopped the invocation because it detected a recursive loop."""
        if _RECURSION.search(self.condition):
            return True
        # A function that ran may quote Lambda's error: then the type is the supervisor's own.
        is_lambdas = not self.error_type or bool(_RECURSION.search(self.error_type))
        return is_lambdas and bool(_RECURSION.search(f"{self.error_type} {self.error_message}"))

    def to_error(self, memory: int) -> SupervisorError:
        """Return why it failed; the class decides about a job. ``memory`` is Lambda's, in MB."""
        error = f"{self.error_type} {self.error_message}".strip()
        if self.is_recursion:
            return EventDiscarded(
                "Lambda detected a recursive loop and did not start the function for this event"
                f" (RecursiveInvocationException): {self.function} was started about 16 times by"
                " its own outputs.",
                remedy="Change the output folder of one function of the loop, then `scar init`."
                " If the loop is intended, set allow_loop: true for each of its functions;"
                " `scar retry` sends the event again.",
            )
        if not self.is_sandbox_failure:
            return EventDiscarded(
                self._describe_other_failure(error), remedy="`scar retry` sends the event again."
            )
        if _TIMED_OUT.search(error):
            return DeadlineExceeded(
                f"Lambda ended the sandbox at the function's timeout: {self.error_message}",
                remedy="Increase lambda.timeout or use execution_mode: lambda-batch, then"
                " `scar retry`.",
            )
        if _KILLED.search(error):
            return OutOfMemory(SIGKILL_STATUS, memory=memory)
        return EventDiscarded(
            f"Lambda's sandbox ended without a response: {error}",
            remedy="`scar logs` shows its last lines; `scar retry` starts the run again.",
        )

    def _describe_other_failure(self, error: str) -> str:
        if self.condition == EVENT_AGE_EXCEEDED:
            return "The event waited in Lambda's queue longer than lambda.max_event_age."
        if self.condition != RETRIES_EXHAUSTED:
            return f"Lambda dropped the event: {self.condition}."
        if not self.attempts or not error:
            return "Lambda discarded the event before the function was invoked."
        return f"The function failed to process the event: {error}"


def parse_invocation_record(record: bytes) -> FailedInvocation:
    """Parse an invocation record; raise EventError if it is not one."""
    try:
        document = json.loads(record, parse_constant=_refuse_constant)
        context = document["requestContext"]
        payload = document.get("responsePayload")
        response = payload if isinstance(payload, dict) else {"errorMessage": payload or ""}
        arn = _FUNCTION_ARN.fullmatch(str(context["functionArn"]))
        if arn is None:
            raise ValueError("functionArn")  # noqa: TRY301
        return FailedInvocation(
            function=arn["name"],
            account=arn["account"],
            region=arn["region"],
            request_id=str(context["requestId"]),
            condition=str(context["condition"]),
            time=str(document.get("timestamp", "")),
            event=json.dumps(document["requestPayload"]).encode(),
            attempts=_parse_count(context.get("approximateInvokeCount", 0)),
            error_type=str(response.get("errorType", "")),
            error_message=str(response.get("errorMessage", "")),
        )
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise EventError(
            f"The event is not an invocation record of Lambda: {error!r}.",
            remedy="Use this function as an on-failure destination only.",
        ) from error


def _parse_count(value: object) -> int:
    # Neither a bool nor a float: `1e999` is infinite.
    if type(value) is not int or not 0 <= value <= MAX_ATTEMPTS:
        raise ValueError("approximateInvokeCount")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def rebuild_object_event(event: ObjectEvent, stored: StoredObject) -> ObjectEvent:
    """Return S3's event for an object as it is, with nothing of ``event`` that may be any text.

    Sequencer, version id and time remain if they are well-formed; the rule's name says that the
    event was rebuilt, for ``parser`` to recognize it.
    """
    written = datetime.fromtimestamp(stored.last_modified, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    time = event.time if _EVENT_TIME.fullmatch(event.time) else written
    version = event.version.version_id if _VERSION.fullmatch(event.version.version_id) else ""
    sequencer = event.sequencer if _SEQUENCER.fullmatch(event.sequencer) else ""
    item = {"key": quote_plus(event.source.key, safe="/"), "size": stored.size}
    item |= {"eTag": stored.etag, "versionId": version, "sequencer": sequencer}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": time,
        "s3": {
            "configurationId": RECOVERED_RULE,
            "bucket": {"name": event.source.bucket},
            "object": {name: value for name, value in item.items() if value != ""},
        },
    }
    return ObjectEvent(
        source=event.source,
        version=VersionPin(version_id=version, etag=stored.etag),
        sequencer=sequencer,
        time=time,
        event=compact_json({"Records": [record]}),
        size=stored.size,
        is_recovered=True,
    )
