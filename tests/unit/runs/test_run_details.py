"""What a list of runs shows of each: when it began, how long it took, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from scar.runs.ledger import Run
from scar.runs.run_details import RunDetail, RunDetailReader
from scar.runs.states import RunState, derive_state
from supervisor.invocation import RunPath

if TYPE_CHECKING:
    from scar.runs.ledger import RunLedger

NOW = 1_790_000_000.0
PATH = RunPath(function="fn", date="2026-09-21", run_id="abc")
LAMBDA = {"owner": {"site": "lambda", "request": "r", "job": ""}}


class Records:
    """A ledger with the records of one run."""

    def __init__(self, records: dict[str, Any]) -> None:
        self._records = records

    def read_record(self, _path: RunPath, name: str) -> Any:  # noqa: ANN401 a document
        return self._records.get(name)


def detail(ages: dict[str, float], **records: Any) -> RunDetail:  # noqa: ANN401 documents
    times = {name: NOW - age for name, age in ages.items()}
    run = Run(path=PATH, state=derive_state(times, NOW), record_times=times)
    ledger = cast("RunLedger", Records(records))
    (found,) = RunDetailReader(ledger).read([run], NOW)
    return found


@pytest.mark.parametrize(
    ("ages", "seconds"),
    [
        # The first array's child failed; a second array took the run over two minutes later.
        ({"attempt-1.a.0": 150, "error": 145, "attempt-1.b.0": 12, "claim": 12, "done": 5}, 7),
        ({"attempt-1.a.0": 150, "attempt-1.b.0": 12, "claim": 12, "error": 5}, 7),
        # Attempts of one array are one run of it.
        ({"attempt-1.a.0": 150, "error": 145, "attempt-2.a.0": 12, "claim": 12, "done": 5}, 145),
        ({"claim": 150, "delegated": 149, "attempt-1": 20, "done": 5}, 145),
        ({"claim": 150, "error": 140, "retry": 30, "done": 5}, 25),
    ],
)
def test_a_retried_run_took_the_time_since_its_retry(
    ages: dict[str, float], seconds: float
) -> None:
    assert detail(ages).seconds == seconds


@pytest.mark.parametrize(
    ("ages", "service"),
    [
        ({"claim": 30, "delegated": 29, "error": 9, "cancelled": 8, "done": 7}, "batch"),
        ({"claim": 30, "done": 7}, "lambda"),
        # Retried in Lambda after a job of before.
        ({"delegated": 99, "attempt-1": 98, "claim": 30, "done": 7}, "lambda"),
    ],
)
def test_a_job_that_was_cancelled_before_it_started_was_in_batch(
    ages: dict[str, float], service: str
) -> None:
    assert detail(ages, claim=LAMBDA).service == service


def test_a_child_that_has_just_claimed_its_run_runs_in_batch() -> None:
    owner = {"site": "batch", "request": "a:0", "job": "a:0"}
    found = detail({"claim": 1}, claim={"owner": owner})
    assert (found.run.state, found.service) == (RunState.RUNNING, "batch")
    assert detail({"claim": 1}, claim=LAMBDA).run.state is RunState.LAMBDA


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({}, "superseded by a newer upload of its input file"),
        ({"input_absent": True}, "its input file did not exist, or was deleted before the run"),
    ],
)
def test_a_run_without_a_start_of_its_script_says_why(fields: dict[str, Any], note: str) -> None:
    done = {"state": "superseded", "outputs": [], **fields}
    assert detail({"claim": 9, "done": 5}, claim={"input": {}}, done=done).note == note
