"""Keep to AWS's request rates: one token bucket per rate, shared by all clients and threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from scar.aws.model.rates import REQUEST_RATES, RequestRate, TokenBucket, rate_key


@dataclass(slots=True)
class RateLimiter:
    """Assigns a time to each request of one account and Region; thread-safe."""

    _buckets: dict[tuple[str, str], TokenBucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, service: str, operation: str, now: float) -> float:
        """Return the seconds to wait before the request; ``now`` is of any monotonic clock.

        The turn is taken even if the caller does not send the request.
        """
        key = rate_key(service, operation)
        if key is None:
            return 0.0
        with self._lock:
            if key not in self._buckets:
                self._buckets[key] = TokenBucket(REQUEST_RATES[key])
            return self._buckets[key].reserve(now)


def rate_of(service: str, operation: str) -> RequestRate | None:
    """Return the rate that the operation counts towards; None if it has none."""
    key = rate_key(service, operation)
    return REQUEST_RATES[key] if key else None
