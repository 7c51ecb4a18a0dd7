"""AWS's request rates: each request takes a token of its operation's bucket or is refused."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from scar.aws.model.rates import REQUEST_RATES, TokenBucket, rate_key
from scar.local.conditions.faults import throttling_refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.model.rates import RequestRate
    from scar.local.conditions.api_call import ApiCall
    from scar.local.conditions.faults import Refusal


class RequestRateLimiter:
    """Refuses requests above AWS's rates, per Region: one account. Thread-safe.

    ``refused`` counts the refused requests by service and operation.
    """

    def __init__(self, rates: Mapping[tuple[str, str], RequestRate] = REQUEST_RATES) -> None:
        self._rates = rates
        self._buckets: dict[tuple[str, tuple[str, str]], TokenBucket] = {}
        self._lock = threading.Lock()
        self.refused: Counter[str] = Counter()
        self.services = frozenset(service for service, _ in rates)

    def check(self, call: ApiCall, now: float) -> Refusal | None:
        """Count a request; return the error if it is one too many. ``now``: monotonic seconds."""
        key = rate_key(call.service, call.operation)
        if key is None or key not in self._rates:
            return None
        with self._lock:
            bucket = self._buckets.get((call.region, key))
            if bucket is None:
                bucket = self._buckets[(call.region, key)] = TokenBucket(self._rates[key])
            if bucket.try_take(now):
                return None
            self.refused[f"{call.service} {call.operation}"] += 1
        return throttling_refusal(call.service, call.operation)
