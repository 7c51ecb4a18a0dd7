"""Request rates: which rate an operation has, and the token bucket."""

from __future__ import annotations

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.model.rates import ALL_OTHERS, REQUEST_RATES, RequestRate, TokenBucket, rate_key

RATE = RequestRate(per_second=50, burst=50, source="test")


@pytest.mark.parametrize(
    ("service", "operation", "key"),
    [
        ("batch", "SubmitJob", ("batch", "SubmitJob")),
        ("batch", "DescribeJobs", ("batch", "*")),
        ("batch", "TerminateJobs", ("batch", "*")),
        ("lambda", "CreateFunction", ("lambda", "*")),
        ("lambda", "GetFunction", ("lambda", "GetFunction")),
        ("lambda", "Invoke", None),
        ("logs", "PutRetentionPolicy", ("logs", "PutRetentionPolicy")),
        ("logs", "DescribeQueries", None),
        ("ecr", "PutImage", ("ecr", "PutImage")),
        ("ssm", "PutParameter", ("ssm", "PutParameter")),
        ("ssm", "GetParameter", ("ssm", "*")),
        ("ssm", "GetParametersByPath", ("ssm", "*")),
        ("iam", "CreateRole", None),
        ("s3", "PutObject", None),
    ],
)
def test_an_operation_has_its_own_rate_or_that_of_its_service(
    service: str, operation: str, key: tuple[str, str] | None
) -> None:
    assert rate_key(service, operation) == key


def test_every_rate_is_of_an_operation_that_the_service_has() -> None:
    session = botocore.session.get_session()
    for service, operation in REQUEST_RATES:
        operations = session.get_service_model(service).operation_names
        assert operation in (*operations, ALL_OTHERS)


@given(st.lists(st.floats(min_value=0, max_value=0.1), max_size=300))
def test_no_window_has_more_requests_than_burst_and_rate_allow(pauses: list[float]) -> None:
    bucket, now, taken = TokenBucket(RATE), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.try_take(now)
    assert taken <= RATE.burst + RATE.per_second * now + 1e-6


def test_reserved_requests_wait_for_their_turn() -> None:
    bucket = TokenBucket(RATE)
    waits = [bucket.reserve(0.0) for _ in range(150)]
    assert waits[:50] == [0.0] * 50
    assert waits[-1] == pytest.approx(2.0)


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    bucket = TokenBucket(RequestRate(per_second=1, burst=1, source="test"))
    assert bucket.try_take(10.0)
    assert not bucket.try_take(0.0)
    assert not bucket.try_take(10.5)
    assert bucket.try_take(11.0)
