"""How runs ended, and what is answered to their callers."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.errors import SupervisorError
    from supervisor.invocation import RunPath


class LeftOutReason(enum.StrEnum):
    """Why an entry of the output folder is not uploaded; the value is stored in ``done``."""

    UNMATCHED = "unmatched"  # no output of the function selects its name
    OUTSIDE = "outside"  # a link that leaves the run's folders
    DANGLING = "dangling"  # a link to nothing
    LOOP = "loop"  # a link that leads to itself, or to a folder that it is in
    SPECIAL = "special"  # a socket, a FIFO or a device


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Entries of the output folder that are not uploaded, for one reason.

    ``examples`` are some of their names, printable as UTF-8; ``expected`` is what names had to be
    like (``suffix .csv``), only for ``UNMATCHED``.
    """

    reason: LeftOutReason
    count: int
    examples: tuple[str, ...] = ()
    expected: str = ""

    def to_json(self) -> dict[str, object]:
        """Return what the run's record and responses say about it."""
        json: dict[str, object] = {"reason": self.reason.value, "count": self.count}
        if self.examples:
            json["examples"] = list(self.examples)
        if self.expected:
            json["expected"] = self.expected
        return json

    def __str__(self) -> str:
        files = "1 file" if self.count == 1 else f"{self.count} files"
        links = "1 link" if self.count == 1 else f"{self.count} links"
        match self.reason:
            case LeftOutReason.UNMATCHED:
                return f"{files} did not match {self.expected}"
            case LeftOutReason.OUTSIDE:
                return f"{links} out of the run's folders not uploaded"
            case LeftOutReason.DANGLING:
                return f"{links} to nothing not uploaded"
            case LeftOutReason.LOOP:
                return f"{links} in a loop not uploaded"
            # Without assert_never: the import of typing costs 3 ms at every start.
            case LeftOutReason.SPECIAL:
                return f"{files} of a special kind (socket, FIFO, device) not uploaded"


class RunOutcome(enum.StrEnum):
    """How a run ended in this process; the value of DONE and SUPERSEDED is stored.

    ``WAITING``: Batch throttled its submission or did not answer; Lambda starts another attempt.
    """

    DONE = "done"
    SUBMITTED = "delegated"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How one run ended; ``output`` is the end of the script's output, ``job_id`` Batch's.

    ``uploaded`` is the number of output objects, ``left_out`` what is not uploaded. ``location`` is
    the URL of an output that is too large for a response; then ``output`` is empty.
    """

    run: RunPath
    state: RunOutcome
    output: bytes = b""
    job_id: str = ""
    error: SupervisorError | None = None
    uploaded: int = 0
    left_out: tuple[LeftOut, ...] = ()
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointResponse:
    """The response to a request of an HTTP endpoint; header names are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationResult:
    """The results of an event: one per run, none if the event starts no run.

    ``response`` is that of an API request which started no run here. ``is_public``: everybody may
    call the endpoint, so its responses say nothing about the account.

    ``failed_messages`` are the ids of an SQS event's messages that must be sent again; None for
    every event whose messages are not handled one by one.
    """

    results: tuple[RunResult, ...] = ()
    is_api_request: bool = False
    failed_messages: tuple[str, ...] | None = None
    response: EndpointResponse | None = None
    is_public: bool = False
