"""Which failed attempts are retried."""

from __future__ import annotations

import pytest

from scar.local.batch.model import AttemptOutcome, JobSpec, RetryRule
from scar.local.batch.retry import should_retry
from scar.local.batch.state_machine import HOST_LOST

OURS = (
    RetryRule(retry=True, status_reason="Host EC2*"),
    RetryRule(retry=False, reason="*"),
)


def spec(*rules: RetryRule, attempts: int = 3) -> JobSpec:
    return JobSpec(definition="d", image="i", vcpus=1, memory_mb=4, attempts=attempts, rules=rules)


def failed(
    code: int | None = 1,
    status_reason: str = "Essential container in task exited",
    reason: str = "",
) -> AttemptOutcome:
    return AttemptOutcome(status_reason=status_reason, reason=reason, exit_code=code)


@pytest.mark.parametrize(
    ("rules", "outcome", "expected"),
    [
        ((), failed(), True),
        (OURS, failed(), False),
        (OURS, failed(None, status_reason=HOST_LOST), True),
        ((RetryRule(retry=False, exit_code="3"),), failed(3), False),
        ((RetryRule(retry=False, exit_code="3"),), failed(33), True),
        ((RetryRule(retry=False, exit_code="3*"),), failed(33), False),
        ((RetryRule(retry=False, reason="*Memory"),), failed(reason="OutOfMemory"), True),
        ((RetryRule(retry=False, exit_code="1", reason="x*"),), failed(1, reason="y"), True),
    ],
)
def test_the_first_fitting_rule_decides_and_what_fits_none_is_retried(
    rules: tuple[RetryRule, ...], outcome: AttemptOutcome, expected: bool
) -> None:
    assert should_retry(spec(*rules), 1, outcome) is expected


def test_attempts_end_successes_and_time_outs_too() -> None:
    assert not should_retry(spec(attempts=2), 2, failed())
    assert not should_retry(spec(), 1, AttemptOutcome(status_reason="", exit_code=0))
    assert not should_retry(
        spec(), 1, AttemptOutcome(status_reason="", exit_code=137, is_final=True)
    )
