"""The request rate of stages: a token bucket for each HTTP API."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from scar.aws.model.rates import RequestRate, TokenBucket

if TYPE_CHECKING:
    from scar.local.moto.endpoints.records import EndpointRecord

# The account's throttle quotas, for stages without settings.
_ACCOUNT_RATE, _ACCOUNT_BURST = 10000.0, 5000
_MOST_BUCKETS = 1000


class EndpointThrottle:
    """Counts the requests of each HTTP API; function URLs have no rate. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, float, float], TokenBucket] = OrderedDict()

    def admits(self, endpoint: EndpointRecord, now: float) -> bool:
        """Count a request at ``now`` (monotonic seconds); return False for one too many."""
        if endpoint.is_url:
            return True
        rate = _ACCOUNT_RATE if endpoint.rate is None else endpoint.rate
        burst = _ACCOUNT_BURST if endpoint.burst is None else endpoint.burst
        if rate <= 0 or burst <= 0:
            return False
        # New settings begin with a full bucket.
        key = (endpoint.id, rate, burst)
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                limit = RequestRate(per_second=rate, burst=burst, source="stage")
                bucket = self._buckets[key] = TokenBucket(limit)
                if len(self._buckets) > _MOST_BUCKETS:
                    self._buckets.popitem(last=False)
            return bucket.try_take(now)
