"""AWS's request rates per account and Region, and the token bucket that keeps to them.

The client keeps to these rates, and the local cloud enforces them. Sources as in ``limits``. AWS
documents no rates of IAM: a client waits when it throttles (``scar.aws.client.throttling``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL_OTHERS = "*"
"""Stands for all operations of a service without a rate of their own: they share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRate:
    """Requests a second, and how many may come at once after a pause."""

    per_second: float
    burst: float
    source: str
    read_on: str = "2026-11"


def _documented(source: str, **per_second: float) -> dict[str, RequestRate]:
    """Return the rates of a service's operations; AWS documents no larger burst for them."""
    return {
        operation: RequestRate(per_second=rate, burst=rate, source=source)
        for operation, rate in per_second.items()
    }


# "Total operations": one rate for all. Operations on HTTP APIs have none of their own.
_API_GATEWAY = {ALL_OTHERS: RequestRate(per_second=10, burst=40, source="docs: API Gateway quotas")}
_RATES_BY_SERVICE: Mapping[str, Mapping[str, RequestRate]] = {
    "apigatewayv2": _API_GATEWAY,
    "apigateway": _API_GATEWAY,  # the name with which requests are signed
    # re:Post: "The maximum number of transactions per second (TPS) for each account for AWS Batch
    # API calls, including the SubmitJob operations, is 50." The quotas page has SubmitJob alone.
    # Whether the other operations share one rate is not documented: here they do.
    "batch": _documented(
        "docs: Batch quotas; re:Post: aws-batch-requests-error",
        **{"SubmitJob": 50, ALL_OTHERS: 50},
    ),
    "ecr": _documented(
        "docs: ECR quotas",
        BatchCheckLayerAvailability=1000,
        BatchGetImage=2000,
        CompleteLayerUpload=100,
        GetAuthorizationToken=500,
        GetDownloadUrlForLayer=3000,
        InitiateLayerUpload=100,
        PutImage=10,
        UploadLayerPart=500,
    ),
    "lambda": _documented(
        "docs: Lambda quotas", **{"GetFunction": 100, "GetPolicy": 15, ALL_OTHERS: 15}
    ),
    "logs": _documented(
        # Of FilterLogEvents and GetLogEvents the lowest: they depend on the Region.
        "docs: CloudWatch Logs quotas",
        CreateLogGroup=10,
        CreateLogStream=50,
        DeleteLogGroup=10,
        DeleteLogStream=15,
        DeleteRetentionPolicy=5,
        DescribeLogGroups=10,
        DescribeLogStreams=25,
        FilterLogEvents=5,
        GetLogEvents=10,
        GetQueryResults=10,
        ListTagsForResource=5,
        ListTagsLogGroup=5,
        PutLogEvents=5000,
        PutRetentionPolicy=5,
        StartQuery=10,
        TagResource=5,
        UntagResource=5,
    ),
    # Of the default throughput, which the operations that read share. Pages of AWS disagree about
    # PutParameter: the lowest that was documented. None has DeleteParameter: it counts as the
    # others here.
    "ssm": _documented(
        "docs: Systems Manager quotas, Parameter Store", **{"PutParameter": 3, ALL_OTHERS: 40}
    ),
}

REQUEST_RATES: Mapping[tuple[str, str], RequestRate] = {
    (service, operation): rate
    for service, rates in _RATES_BY_SERVICE.items()
    for operation, rate in rates.items()
}
"""The rate of an operation by service (boto3's name) and operation; absent: no known limit."""

UNLIMITED_OPERATIONS = frozenset({("lambda", "Invoke")})
"""Operations that do not count towards the shared rate of their service."""


def rate_key(service: str, operation: str) -> tuple[str, str] | None:
    """Return the key in ``REQUEST_RATES`` of the operation's rate; None if it has none."""
    if (service, operation) in UNLIMITED_OPERATIONS:
        return None
    for key in ((service, operation), (service, ALL_OTHERS)):
        if key in REQUEST_RATES:
            return key
    return None


@dataclass(slots=True)
class TokenBucket:
    """One rate's tokens; times are seconds of any monotonic clock. Not thread-safe."""

    rate: RequestRate
    _tokens: float = field(init=False)
    _updated: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._tokens = self.rate.burst

    def try_take(self, now: float) -> bool:
        """Take one token; return False if none is left."""
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def reserve(self, now: float) -> float:
        """Take one token, in advance if none is left; return the seconds to wait for it."""
        self._refill(now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self.rate.per_second)

    def _refill(self, now: float) -> None:
        if self._updated is not None:
            gained = max(0.0, now - self._updated) * self.rate.per_second
            self._tokens = min(self.rate.burst, self._tokens + gained)
        self._updated = now if self._updated is None else max(now, self._updated)
