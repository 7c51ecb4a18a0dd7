"""The state of a run, from the names and times of its records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.runs.states import (
    FINISHED_STATES,
    LAMBDA_LEASE,
    MAX_EVENT_AGE,
    MAX_SUBMISSION_WAIT,
    UNSUBMITTED_TEXT,
    RunState,
    derive_state,
    describe_state,
)

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
        ({"claim": 90, "error": 50, "delegated": 5}, RunState.QUEUED),
        ({"claim": 90, "delegated": 50, "error": 50}, RunState.FAILED),
        ({"claim": 40, "waiting": 40}, RunState.WAITING),
        ({"claim": 40, "waiting": 5, "event": 3}, RunState.WAITING),
        # Only Batch's response was lost: the job started before that was recorded.
        ({"claim": 10, "attempt-1": 9, "waiting": 5}, RunState.RUNNING),
        ({"claim": 10, "attempt-1": 10, "waiting": 10}, RunState.RUNNING),
        ({"claim": 1_000, "attempt-1": 999, "waiting": 995}, RunState.LOST),
        ({"claim": 40, "waiting": 5, "error": 30}, RunState.WAITING),
        ({"claim": 40, "waiting": 30, "error": 30}, RunState.FAILED),
        ({"claim": 40, "waiting": 30, "error": 5}, RunState.FAILED),
        ({"claim": 40, "waiting": 30, "delegated": 30}, RunState.QUEUED),
        ({"claim": 40, "waiting": 30, "delegated": 5}, RunState.QUEUED),
        ({"delegated": 40, "waiting": 50, "claim": 40, "attempt-1": 40}, RunState.RUNNING),
        ({"waiting": 70, "claim": 60}, RunState.LAMBDA),
        ({"claim": 40, "waiting": 40, "done": 40}, RunState.DONE),
        ({"claim": 40, "waiting": 30, "retry": 20}, RunState.WAITING),
        ({"claim": 40, "waiting": 20, "retry": 30, "error": 50}, RunState.WAITING),
        ({"claim": 90_000, "waiting": MAX_SUBMISSION_WAIT}, RunState.WAITING),
        ({"claim": 90_000, "waiting": MAX_SUBMISSION_WAIT + 1}, RunState.LOST),
        (
            {"claim": 90_000, "error": 89_000, "retry": 88_000, "waiting": MAX_SUBMISSION_WAIT + 9},
            RunState.LOST,
        ),
        ({"delegated": 990, "attempt-1": 980, "claim": 70, "waiting": 60}, RunState.WAITING),
        ({"delegated": 990, "attempt-1": 980, "retry": 70, "claim": 69}, RunState.LAMBDA),
        ({"delegated": 990, "attempt-1": 980, "retry": 70, "claim": 70}, RunState.LAMBDA),
        ({"attempt-1": 980, "retry": 70, "claim": 69, "delegated": 60}, RunState.QUEUED),
        ({"retry": 70, "delegated": 60, "claim": 59, "attempt-1": 59}, RunState.RUNNING),
        ({"claim": 40, "attempt-1": 40, "delegated-2": 40}, RunState.QUEUED),
        ({"claim": 90, "attempt-1": 90, "delegated": 95, "delegated-2": 9}, RunState.QUEUED),
        ({"claim": 9, "delegated-2": 9, "attempt-2.1": 9}, RunState.RUNNING),
        ({"claim": 10, "attempt-2.1": 10, "delegated-2": 8}, RunState.RUNNING),
        ({"claim": 10, "attempt-2.1": 10, "delegated-3": 5}, RunState.QUEUED),
        ({"delegated-2": 80, "attempt-2.1": 79, "claim": 79, "error": 70}, RunState.FAILED),
        ({"delegated-2": 80, "claim": 90, "error": 85, "retry": 70}, RunState.WAITING),
        ({"delegated-2": 80, "retry": 70, "claim": 60}, RunState.LAMBDA),
        ({"delegated-2": 80, "retry": 70, "claim": 60, "delegated": 59}, RunState.QUEUED),
        ({"claim": 90, "error": 80, "repeated": 70}, RunState.REPEATED),
        ({"claim": 90, "waiting": 80, "repeated": 70}, RunState.REPEATED),
        ({"claim": 90, "waiting": 60, "repeated": 70}, RunState.WAITING),
        ({"claim": 60, "error": 80, "repeated": 70}, RunState.LAMBDA),
        ({"claim": 60, "error": 50, "repeated": 70}, RunState.REPEATED),
        ({"claim": 60, "done": 50, "repeated": 70}, RunState.DONE),
        ({"claim": 90, "error": 50, "retry": 70, "cancelled": 50, "done": 50}, RunState.FAILED),
        ({"claim": 90, "waiting": 80, "cancelled": 50}, RunState.WAITING),
        ({"claim": 40, "cancelled": 50, "done": 30}, RunState.DONE),
        ({"claim": 90, "cancelled": 50, "done": 50, "repeated": 9}, RunState.REPEATED),
    ],
)
def test_the_state_follows_from_which_records_there_are_and_how_old(
    ages: dict[str, int], state: RunState
) -> None:
    assert derive_state({name: NOW - age for name, age in ages.items()}, NOW) is state


RECORDS = (
    *("claim", "waiting", "delegated", "attempt-1", "error", "retry", "done", "event"),
    *("delegated-2", "attempt-2.1"),
)
COMMAND_RECORDS = ("repeated", "cancelled")


@given(
    st.dictionaries(st.sampled_from(RECORDS + COMMAND_RECORDS), st.integers(0, 100_000), min_size=1)
)
def test_no_state_lasts_for_ever_without_a_job(ages: dict[str, int]) -> None:
    """Whatever a crash leaves: after two days only a job that is queued may keep a run going."""
    state = derive_state({name: NOW - 200_000 - age for name, age in ages.items()}, NOW)
    assert state in FINISHED_STATES | {RunState.QUEUED}


@given(st.dictionaries(st.sampled_from(RECORDS), st.integers(0, 5), min_size=1))
def test_a_done_run_is_done_whatever_else_was_recorded(ages: dict[str, int]) -> None:
    written = {name: NOW - age for name, age in ages.items()}
    assert derive_state(written | {"done": NOW - 9}, NOW) is RunState.DONE


def test_only_an_unsubmitted_run_is_described_as_waiting_for_batch() -> None:
    assert describe_state(RunState.WAITING, {"claim": 1, "waiting": 2}) == UNSUBMITTED_TEXT
    retried = {"claim": 1.0, "waiting": 2.0, "retry": 3.0}
    assert describe_state(RunState.WAITING, retried) == "waiting in Lambda's queue"
    assert describe_state(RunState.LOST, {"claim": 1, "waiting": 2}) == "lost"
