"""AWS's request rates: enforced per Region, with the service's own error, and only where known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.model.rates import REQUEST_RATES
from scar.local.conditions.api_call import ApiCall
from scar.local.conditions.request_rates import RequestRateLimiter

ARRIVALS = st.lists(st.floats(0, 0.1), min_size=1, max_size=400)


def call(service: str, operation: str, region: str = "us-east-1") -> ApiCall:
    return ApiCall(service=service, operation=operation, region=region)


@given(st.sampled_from(sorted(REQUEST_RATES)), ARRIVALS)
def test_no_second_admits_more_than_the_rate_after_the_burst(
    key: tuple[str, str], pauses: list[float]
) -> None:
    limiter, now, admitted = RequestRateLimiter(), 0.0, []
    operation = key[1] if key[1] != "*" else "CreateFunction"
    for pause in pauses:
        now += pause
        if limiter.check(call(key[0], operation), now) is None:
            admitted.append(now)
    rate = REQUEST_RATES[key]
    for start in admitted:
        within = sum(start <= moment < start + 1 for moment in admitted)
        assert within <= rate.per_second + rate.burst


def test_submit_job_is_refused_above_fifty_a_second() -> None:
    limiter = RequestRateLimiter()
    refusals = [limiter.check(call("batch", "SubmitJob"), 0.0) for _ in range(51)]
    assert refusals[:50] == [None] * 50
    refusal = refusals[50]
    assert refusal is not None
    assert (refusal.code, refusal.status) == ("TooManyRequestsException", 429)
    assert limiter.check(call("batch", "SubmitJob"), 1.0) is None


def test_operations_without_a_rate_share_that_of_their_service() -> None:
    limiter = RequestRateLimiter()
    for number in range(15):
        operation = ("CreateFunction", "TagResource")[number % 2]
        assert limiter.check(call("lambda", operation), 0.0) is None
    assert limiter.check(call("lambda", "AddPermission"), 0.0) is not None
    assert limiter.check(call("lambda", "GetFunction"), 0.0) is None


def test_regions_have_rates_of_their_own() -> None:
    limiter = RequestRateLimiter()
    for _ in range(50):
        limiter.check(call("batch", "SubmitJob"), 0.0)
    assert limiter.check(call("batch", "SubmitJob", "eu-west-1"), 0.0) is None


@pytest.mark.parametrize(
    ("service", "operation"), [("lambda", "Invoke"), ("s3", "PutObject"), ("iam", "CreateRole")]
)
def test_operations_without_a_known_rate_are_never_refused(service: str, operation: str) -> None:
    limiter = RequestRateLimiter()
    assert all(limiter.check(call(service, operation), 0.0) is None for _ in range(1_000))
