"""Throttled requests are repeated until a deadline, others a number of times; all waits end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.aws.client import AwsClient
from supervisor.aws.credentials import find_credentials
from supervisor.aws.errors import AwsErrorResponse
from supervisor.aws.request import AwsRequest, Origin
from supervisor.aws.retry import Backoff, RetryPolicy, ThrottlingDeadline
from supervisor.batch.submission_deadline import throttled_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.aws.connection_pool import ConnectionPool
    from supervisor.aws.errors import AwsError

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
REQUEST = AwsRequest(method="POST", origin=Origin("https", "batch", 443), path="/v1/submitjob")
THROTTLING = (429, "TooManyRequestsException")


@dataclass
class FailingService:
    """A service, its client's clock and connection pool: ``answer`` gives status and code."""

    answer: Callable[[int], tuple[int, str]]
    random: Callable[[], float]
    now: float = 1000.0
    requests: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    reports: list[AwsError] = field(default_factory=list)

    def send_request(
        self,
        request: AwsRequest,
        headers: Mapping[str, str],
        *,
        fresh: bool,
        patience: float | None,
    ) -> object:
        del request, headers, fresh, patience
        self.requests.append(self.now)
        status, code = self.answer(len(self.requests))
        return _Response(status, {"x-amzn-errortype": code})

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def send(
        self, seconds: float, retry: RetryPolicy = RetryPolicy.IF_NOT_PROCESSED
    ) -> AwsErrorResponse | None:
        """Send one request; return the error after the last attempt."""
        client = AwsClient(
            service="batch",
            region="eu-west-1",
            credentials=find_credentials(KEYS),
            connections=cast("ConnectionPool", self),
            backoff=Backoff(sleep=self.sleep, random=self.random),
            clock=lambda: self.now,
        )
        until = ThrottlingDeadline(until=self.now + seconds, report=self.reports.append)
        try:
            client.send(REQUEST, retry=retry, throttling=until)
        except AwsErrorResponse as error:
            return error
        return None


@dataclass(frozen=True)
class _Response:
    status: int
    headers: Mapping[str, str]

    def read_all(self) -> bytes:
        return b"{}"

    read_error = read_all


def seeded(seed: int) -> Callable[[], float]:
    return random.Random(seed).random  # noqa: S311 - the same pauses every time


def test_a_throttled_request_is_repeated_until_the_deadline_and_reported_once() -> None:
    service = FailingService(lambda _n: THROTTLING, seeded(1))
    error = service.send(300.0)
    assert error is not None
    assert error.throttled
    assert f"attempt {len(service.requests)}" in error.__notes__[0]
    assert len(service.requests) > 20
    assert 1000 + 280 < service.now <= 1000 + 300
    assert max(service.pauses) <= 20
    assert len(service.reports) == 1


@given(st.floats(0, 1000), st.integers(0, 2**32), st.booleans())
def test_no_attempt_starts_after_the_deadline(seconds: float, seed: int, jitter: bool) -> None:
    chance = seeded(seed) if jitter else lambda: 1.0
    service = FailingService(lambda _n: THROTTLING, chance)
    assert service.send(seconds) is not None
    assert all(t <= 1000 + seconds for t in service.requests)
    # With random pauses of 10 s on average, the last ones a part of what is left.
    assert len(service.requests) <= 20 + 2 * seconds


def test_callers_with_one_deadline_do_not_send_their_last_requests_together() -> None:
    last = []
    for seed in range(200):
        service = FailingService(lambda _n: THROTTLING, seeded(seed))
        service.send(60.0)
        last.append(service.requests[-1] - 1000)
    busiest = max(sum(second <= t < second + 1 for t in last) for second in range(61))
    assert busiest < len(last) * 0.4
    assert sum(last) / len(last) > 45


def test_other_errors_keep_their_number_of_attempts() -> None:
    service = FailingService(lambda _n: (503, "ServiceUnavailable"), lambda: 1.0)
    assert service.send(3600.0, RetryPolicy.ALWAYS) is not None
    assert len(service.requests) == 6
    assert service.reports == []


def test_throttled_attempts_do_not_count_as_failed_ones() -> None:
    def answer(number: int) -> tuple[int, str]:
        return THROTTLING if number % 2 else (503, "ServiceUnavailable")

    service = FailingService(answer, lambda: 0.01)
    assert service.send(3600.0, RetryPolicy.ALWAYS) is not None
    assert len(service.requests) == 12


@pytest.mark.parametrize("status", [400, 403, 500])
def test_what_is_not_throttling_is_not_repeated_until_the_deadline(status: int) -> None:
    service = FailingService(lambda _n: (status, "X"), lambda: 0.5)
    assert service.send(3600.0) is not None
    assert len(service.requests) == 1


def test_a_request_that_must_not_be_repeated_is_not_repeated_when_throttled() -> None:
    service = FailingService(lambda _n: THROTTLING, lambda: 0.5)
    assert service.send(3600.0, RetryPolicy.NEVER) is not None
    assert len(service.requests) == 1


@given(st.floats(-100, 1000), st.floats(0, 2e9))
def test_there_is_always_time_left_to_record_that_the_run_waits(left: float, now: float) -> None:
    until = throttled_until(now + left, now)
    assert until is not None
    assert until <= now + left
    if left >= 1:  # Lambda's shortest timeout
        assert until > now
        assert now + left - until >= 0.24


def test_a_process_without_a_deadline_has_none_here() -> None:
    assert throttled_until(None, 5.0) is None
