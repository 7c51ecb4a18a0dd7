"""What of the named arrays and children can be cancelled."""

from __future__ import annotations

from typing import Any, cast

from scar.cli.arrays.array_selection import divide_ended
from scar.runs.arrays.array_store import ArrayJob
from supervisor.batch.array_manifest import ArrayPath

STATUSES = {
    "j0": "PENDING",
    "j1": "FAILED",
    "j0:0": "SUCCEEDED",
    "j0:1": "RUNNABLE",
    "j0:2": "FAILED",
    "j0:3": "RUNNING",
}


class Batch:
    """DescribeJobs of these jobs; it has deleted all others."""

    def __init__(self) -> None:
        self.calls = 0

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        self.calls += 1
        return {"jobs": [{"jobId": j, "status": STATUSES[j]} for j in jobs if j in STATUSES]}


def an_array(number: int) -> ArrayJob:
    path = ArrayPath(function="fn", date="2026-09-21", array_id=f"array-{number}")
    return ArrayJob(path=path, job=f"j{number}", count=5, submitted=0)


def test_what_has_ended_is_named_with_its_state_and_everything_else_is_cancelled() -> None:
    batch = Batch()
    first = an_array(0)
    named = [(first, None), (an_array(1), None), *((first, n) for n in range(4)), (an_array(2), 7)]
    unfinished, ended = divide_ended(cast("Any", batch), named)
    assert unfinished == [(first, None), (first, 1), (first, 3)]
    assert [error.problem for error in ended] == [
        "array-1 has ended: FAILED.",
        "array-0:0 has ended: SUCCEEDED.",
        "array-0:2 has ended: FAILED.",
        "array-2:7 has ended: AWS Batch has deleted the job.",
    ]
    assert batch.calls == 1
