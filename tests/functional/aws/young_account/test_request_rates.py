"""Many functions at once: the client keeps to AWS's request rates, and waits if it is throttled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.aws.client.connection import PARALLEL
from scar.aws.client.rate_limiter import RateLimiter
from scar.aws.client.throttling import ErrorResponse, is_throttling
from scar.aws.model.rates import REQUEST_RATES, RequestRate, TokenBucket, rate_key
from tests.functional.aws.support.factories import a_function, deploy
from tests.functional.aws.support.service_errors import ServiceError

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages
    from tests.functional.aws.support.service_errors import ServiceErrors
    from tests.virtual_time import VirtualTime

# What AWS does not document: the test's own, low enough to be met.
UNDOCUMENTED = {
    ("iam", "PutRolePolicy"): RequestRate(per_second=4, burst=4, source="this test"),
    ("s3", "PutObject"): RequestRate(per_second=20, burst=20, source="this test"),
}
FUNCTIONS = 50


@dataclass(slots=True)
class Throttle:
    """Throttles requests above the rates, as AWS does, in virtual time."""

    time: VirtualTime
    extra_burst: float = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    _buckets: dict[tuple[str, str], TokenBucket] = field(default_factory=dict)

    def decide(self, service: str, operation: str) -> ServiceError | None:
        key = (service, operation) if (service, operation) in UNDOCUMENTED else None
        key = key or rate_key(service, operation)
        if key is None:
            return None
        rate = UNDOCUMENTED.get(key) or REQUEST_RATES[key]
        allowed = replace(rate, burst=rate.burst + self.extra_burst)
        if self._buckets.setdefault(key, TokenBucket(allowed)).try_take(self.time.now):
            return None
        self.refused.append(key)
        code = "SlowDown" if service == "s3" else "Throttling"
        return ServiceError(
            code=code, message="Rate exceeded", status=503 if code == "SlowDown" else 400
        )


def test_fifty_functions_in_one_init_keep_to_the_rates(
    connection: AwsConnection,
    images: FakeImages,
    service_errors: ServiceErrors,
    time: VirtualTime,
) -> None:
    # Virtual time jumps: up to PARALLEL threads whose turns are spread arrive at the same time.
    throttle = Throttle(time, extra_burst=PARALLEL)
    service_errors.decide = throttle.decide
    functions = [a_function(name=f"crop-{number}") for number in range(FUNCTIONS)]
    deploy(connection, images, *functions)
    # The documented rates are known before: no request is refused for them.
    assert {key for key in throttle.refused if key not in UNDOCUMENTED} == set()
    assert ("iam", "PutRolePolicy") in throttle.refused
    counts = service_errors.requests
    created = ("CreateFunction", "PutFunctionEventInvokeConfig", "AddPermission")
    assert [counts[operation] for operation in created] == [FUNCTIONS + 1] * 2 + [FUNCTIONS]
    assert sum(counts.values()) < 40 * FUNCTIONS
    assert time.now >= (sum(counts[operation] for operation in created) - 15) / 15
    assert time.now < 120  # two minutes for 50 functions, nearly all of it for documented rates
    assert str(deploy(connection, images, *functions)) == "Nothing to change."


def test_functions_are_deployed_though_other_programs_use_the_account_s_rates(
    connection: AwsConnection,
    images: FakeImages,
    service_errors: ServiceErrors,
    time: VirtualTime,
) -> None:
    """The client cannot know of them: throttled requests are repeated until they succeed."""

    class NoLimiter(RateLimiter):
        def reserve(self, service: str, operation: str, now: float) -> float:
            del service, operation, now
            return 0.0

    connection.waits.limiter = NoLimiter()
    throttle = Throttle(time)
    service_errors.decide = throttle.decide
    functions = [a_function(name=f"crop-{number}") for number in range(20)]
    deploy(connection, images, *functions)
    assert ("lambda", "*") in throttle.refused
    assert str(deploy(connection, images, *functions)) == "Nothing to change."


def test_what_the_test_answers_is_throttling() -> None:
    for service, code in (("s3", "SlowDown"), ("iam", "Throttling")):
        error = ErrorResponse(service=service, operation="X", code=code, message="")
        assert is_throttling(error)
