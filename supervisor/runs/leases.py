"""How long a claim holds without a sign of life. Pure.

A claim's age is what the store says: the ``Date`` of its answer less the claim's
``Last-Modified``. Clocks of different machines are never compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.model import StoredObject

# Lambda ends a sandbox at its deadline; the rest is for clean-up and for the store's clock.
GRACE_AFTER_DEADLINE = 60.0
# Jobs have no deadline that the store knows of: they renew their claim while they live.
JOB_LEASE = 900.0
RENEWAL_INTERVAL = 300.0


def lease_seconds(deadline: float | None, now: float) -> float:
    """Return the seconds for which a claim made now shall hold; ``None``: it will be renewed."""
    if deadline is None:
        return JOB_LEASE
    return max(0.0, deadline - now) + GRACE_AFTER_DEADLINE


def parse_lease(record: Mapping[str, object], key: str) -> float:
    """Read the lease of a claim; raise RecordError."""
    seconds = record.get("lease", JOB_LEASE)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise RecordError(
            f"The run record {key} has a lease of {seconds!r}, which is no number of seconds.",
            remedy="Delete it; the run can then be started anew.",
        )
    return float(seconds)


def is_expired(seconds: float, claim: StoredObject) -> bool:
    """Tell whether the holder of this claim must be gone; a store without times never says so."""
    return claim.last_modified > 0 and claim.response_date - claim.last_modified > seconds
