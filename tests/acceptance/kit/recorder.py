"""Record every API call of a boto3 session: service, operation, error code, duration."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3

    from tests.acceptance.kit.journal import Journal


@dataclass(slots=True)
class CallRecorder:
    """Appends an entry ``call`` for each attempt, also of those that the SDK retries.

    No parameters, messages or ids are recorded. Clients that exist already are not recorded.
    """

    journal: Journal
    caller: str
    _started: threading.local = field(default_factory=threading.local)

    def attach(self, session: boto3.Session) -> None:
        """Record the calls of all clients that this session creates from now on."""
        session.events.register("before-send", self._begin)
        session.events.register("response-received", self._end)

    def _begin(self, **_: object) -> None:
        self._started.at = time.monotonic()

    def _end(self, event_name: str, **facts: Any) -> None:  # noqa: ANN401 - as botocore has it
        begun = getattr(self._started, "at", None)
        seconds = 0.0 if begun is None else time.monotonic() - begun
        _, service, operation = event_name.split(".", 2)
        self.journal.append(
            "call",
            caller=self.caller,
            service=service,
            operation=operation,
            code=_error_code(facts.get("parsed_response"), facts.get("exception")),
            seconds=round(seconds, 4),
        )


def _error_code(parsed: object, exception: object) -> str:
    """Return the API's error code, the class of a network error, or nothing for a success."""
    if exception is not None:
        return type(exception).__name__
    if not isinstance(parsed, dict):
        return ""
    status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 200)
    code = str(parsed.get("Error", {}).get("Code", ""))
    return code or (str(status) if status >= 300 else "")
