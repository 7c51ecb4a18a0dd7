"""The state of a run from names and times alone."""

from __future__ import annotations

import pytest

from scar.runs.states import LAMBDA_LEASE, QUEUE_KEEPS, State, state_of

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("ages", "state"),
    [
        ({"claim": 5}, State.LAMBDA),
        ({"claim": LAMBDA_LEASE}, State.LAMBDA),
        ({"claim": LAMBDA_LEASE + 1}, State.LOST),
        ({"claim": 5, "done": 5}, State.DONE),
        ({"claim": 90, "error": 80, "done": 5}, State.DONE),
        ({"claim": 5, "error": 5}, State.FAILED),
        ({"claim": 5, "error": 90}, State.LAMBDA),
        ({"claim": 90, "delegated": 90}, State.HANDED),
        ({"claim": 900_000, "delegated": 900_000}, State.HANDED),
        ({"claim": 40, "delegated": 90}, State.RUNNING),
        ({"claim": 40, "delegated": 40, "attempt-1": 40}, State.RUNNING),
        ({"claim": 40, "delegated": 90, "attempt-1": 39}, State.RUNNING),
        ({"claim": 2000, "delegated": 2100, "attempt-1": 1999}, State.LOST),
        ({"claim": 40, "delegated": 90, "attempt-1": 39, "error": 3}, State.FAILED),
        ({"claim": 40, "error": 30, "retry": 20}, State.WAITING),
        ({"claim": 40, "error": 30, "retry": 30}, State.FAILED),
        ({"claim": 10, "error": 30, "retry": 20}, State.LAMBDA),
        ({"claim": 10, "error": 9, "retry": 20}, State.FAILED),
        (
            {"claim": QUEUE_KEEPS + 90, "error": QUEUE_KEEPS + 50, "retry": QUEUE_KEEPS + 1},
            State.FAILED,
        ),
        ({"error": 5}, State.FAILED),
        ({"delegated": 990, "attempt-1": 980, "retry": 70, "claim": 69}, State.LAMBDA),
        ({"delegated": 990, "attempt-1": 980, "retry": 70, "claim": 70}, State.LAMBDA),
        ({"attempt-1": 980, "retry": 70, "claim": 69, "delegated": 60}, State.HANDED),
        ({"retry": 70, "delegated": 60, "claim": 59, "attempt-1": 59}, State.RUNNING),
    ],
)
def test_the_state_follows_from_which_records_there_are_and_how_old(
    ages: dict[str, int], state: State
) -> None:
    assert state_of({name: NOW - age for name, age in ages.items()}, NOW) is state
