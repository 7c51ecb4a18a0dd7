"""CloudWatch Logs with one log group of many lines, as a warm function writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass

PAGE_BYTES, PAGE_EVENTS = 1 << 20, 10_000  # of FilterLogEvents, at most
MISSING = {"__type": "ResourceNotFoundException", "message": "The log group does not exist."}
RUN = 790_000_000  # of the first run: nine digits, which are those of its times in seconds, too
_ENTRY = {"time": "2026-09-21T14:13:20.000Z", "level": "INFO", "run": f"{RUN:032}"}
_REQUEST = f"{RUN}-0000-4000-8000-000000000000"
# START, two lines of the supervisor, 14 of the script, one of the supervisor, END, REPORT.
MESSAGES = (
    f"START RequestId: {_REQUEST} Version: $LATEST",
    json.dumps(_ENTRY | {"message": "Claimed the run."}),
    json.dumps(_ENTRY | {"message": "Starting the script.", "bytes": 123456}),
    *(
        f"step {step} of the script on s3://photos/incoming/{RUN}.jpg: 12 of 34 tiles"
        for step in range(14)
    ),
    json.dumps(_ENTRY | {"message": "Done: 1 output.", "seconds": 0.25}),
    f"END RequestId: {_REQUEST}",
    f"REPORT RequestId: {_REQUEST}\tDuration: 12.30 ms\tBilled Duration: 13 ms",
)
RUN_BYTES = sum(len(message) + 1 for message in MESSAGES)
RUNS_OF_PAGE = min(PAGE_BYTES // RUN_BYTES, PAGE_EVENTS // len(MESSAGES))


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group of one stream with ``runs`` runs; without a name it does not exist."""

    name: str = ""
    runs: int = 0

    @classmethod
    def of_size(cls, name: str, size: int) -> LogGroup:
        """Return a log group of about so many bytes."""
        return cls(name, size // RUN_BYTES)

    def answer(self, operation: str, request: dict[str, object]) -> tuple[int, bytes]:
        """Return the status and the body of a response."""
        if operation == "DescribeLogGroups":
            return 200, json.dumps({"logGroups": [{"logGroupName": self.name}]}).encode()
        if operation == "FilterLogEvents":
            if request.get("logGroupName") != self.name:
                return 400, json.dumps(MISSING).encode()
            return 200, self._page(int(str(request.get("nextToken") or 0)))
        return 400, json.dumps({"__type": "UnknownOperationException"}).encode()

    def _page(self, first: int) -> bytes:
        end = min(first + RUNS_OF_PAGE, self.runs)
        # One replacement for a run: to make a page must not take longer than to read it.
        events = [_EVENTS.replace(str(RUN), str(RUN + run)) for run in range(first, end)]
        more = f',"nextToken":"{end}"' if end < self.runs else ""
        return f'{{"events":[{",".join(events)}],"searchedLogStreams":[]{more}}}'.encode()


def _event(index: int, message: str) -> str:
    return json.dumps(
        {
            "logStreamName": "2026/09/21/[$LATEST]0123456789abcdef0123456789abcdef",
            "timestamp": int(f"1{RUN}{100 + index}"),
            "message": f"{message}\n",
            "ingestionTime": int(f"1{RUN}999"),
            "eventId": f"{RUN:053}{index:03}",
        }
    )


_EVENTS = ",".join(_event(index, message) for index, message in enumerate(MESSAGES))
