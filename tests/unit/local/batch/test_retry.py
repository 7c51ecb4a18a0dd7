"""Which failed attempts are tried again."""

from __future__ import annotations

import pytest

from scar.local.batch.model import JobSpec, Outcome, Rule
from scar.local.batch.retry import tries_again
from scar.local.batch.state_machine import HOST_LOST

OURS = (
    Rule(retry=True, status_reason="Host EC2*"),
    Rule(retry=False, reason="*"),
)


def spec(*rules: Rule, attempts: int = 3) -> JobSpec:
    return JobSpec(definition="d", image="i", vcpus=1, memory_mb=4, attempts=attempts, rules=rules)


def failed(
    code: int | None = 1,
    status_reason: str = "Essential container in task exited",
    reason: str = "",
) -> Outcome:
    return Outcome(status_reason=status_reason, reason=reason, exit_code=code)


@pytest.mark.parametrize(
    ("rules", "outcome", "expected"),
    [
        ((), failed(), True),
        (OURS, failed(), False),
        (OURS, failed(None, status_reason=HOST_LOST), True),
        ((Rule(retry=False, exit_code="3"),), failed(3), False),
        ((Rule(retry=False, exit_code="3"),), failed(33), True),
        ((Rule(retry=False, exit_code="3*"),), failed(33), False),
        ((Rule(retry=False, reason="*Memory"),), failed(reason="OutOfMemory"), True),
        ((Rule(retry=False, exit_code="1", reason="x*"),), failed(1, reason="y"), True),
    ],
)
def test_the_first_fitting_rule_decides_and_what_fits_none_is_retried(
    rules: tuple[Rule, ...], outcome: Outcome, expected: bool
) -> None:
    assert tries_again(spec(*rules), 1, outcome) is expected


def test_attempts_end_successes_and_time_outs_too() -> None:
    assert not tries_again(spec(attempts=2), 2, failed())
    assert not tries_again(spec(), 1, Outcome(status_reason="", exit_code=0))
    assert not tries_again(spec(), 1, Outcome(status_reason="", exit_code=137, final=True))
