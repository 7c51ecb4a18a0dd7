"""When changes of endpoints take effect: at once, unless ``--chaos`` delays them."""

from __future__ import annotations

from typing import Protocol


class EndpointDelays(Protocol):
    """Which changes have no effect yet; ``now`` is monotonic seconds."""

    def is_endpoint_served(self, identity: str, now: float, /) -> bool:
        """Return whether requests reach an endpoint: the id of an API, or a function's name."""

    def is_permission_active(self, function: str, now: float, /) -> bool:
        """Return whether the newest statement of a function's resource policy has effect."""


class NoDelays:
    """Every change takes effect at once."""

    def is_endpoint_served(self, _identity: str, _now: float, /) -> bool:
        return True

    def is_permission_active(self, _function: str, _now: float, /) -> bool:
        return True
