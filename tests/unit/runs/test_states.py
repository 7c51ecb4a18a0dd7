"""The state of a run, from the names and times of its records."""

from __future__ import annotations

import pytest

from scar.runs.states import LAMBDA_LEASE, MAX_EVENT_AGE, RunState, derive_state

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("ages", "state"),
    [
        ({"claim": 5}, RunState.LAMBDA),
        ({"claim": LAMBDA_LEASE}, RunState.LAMBDA),
        ({"claim": LAMBDA_LEASE + 1}, RunState.LOST),
        ({"claim": 5, "done": 5}, RunState.DONE),
        ({"claim": 90, "error": 80, "done": 5}, RunState.DONE),
        ({"claim": 5, "error": 5}, RunState.FAILED),
        ({"claim": 5, "error": 90}, RunState.LAMBDA),
        ({"claim": 90, "delegated": 90}, RunState.QUEUED),
        ({"claim": 900_000, "delegated": 900_000}, RunState.QUEUED),
        ({"claim": 40, "delegated": 90}, RunState.RUNNING),
        ({"claim": 40, "delegated": 40, "attempt-1": 40}, RunState.RUNNING),
        ({"claim": 40, "delegated": 90, "attempt-1": 39}, RunState.RUNNING),
        ({"claim": 2000, "delegated": 2100, "attempt-1": 1999}, RunState.LOST),
        ({"claim": 40, "delegated": 90, "attempt-1": 39, "error": 3}, RunState.FAILED),
        ({"claim": 40, "error": 30, "retry": 20}, RunState.WAITING),
        ({"claim": 40, "error": 30, "retry": 30}, RunState.FAILED),
        ({"claim": 10, "error": 30, "retry": 20}, RunState.LAMBDA),
        ({"claim": 10, "error": 9, "retry": 20}, RunState.FAILED),
        (
            {"claim": MAX_EVENT_AGE + 90, "error": MAX_EVENT_AGE + 50, "retry": MAX_EVENT_AGE + 1},
            RunState.FAILED,
        ),
        ({"error": 5}, RunState.FAILED),
        ({"delegated": 990, "attempt-1": 980, "retry": 70, "claim": 69}, RunState.LAMBDA),
        ({"delegated": 990, "attempt-1": 980, "retry": 70, "claim": 70}, RunState.LAMBDA),
        ({"attempt-1": 980, "retry": 70, "claim": 69, "delegated": 60}, RunState.QUEUED),
        ({"retry": 70, "delegated": 60, "claim": 59, "attempt-1": 59}, RunState.RUNNING),
    ],
)
def test_the_state_follows_from_which_records_there_are_and_how_old(
    ages: dict[str, int], state: RunState
) -> None:
    assert derive_state({name: NOW - age for name, age in ages.items()}, NOW) is state
