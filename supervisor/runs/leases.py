"""Leases: for how long a claim is valid if its owner does not renew it.

The age of a claim is measured by the store's clock alone: the ``Date`` header of the response less
the claim's ``Last-Modified``. Clocks of different machines are never compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.model import StoredObject

# Seconds. Lambda ends a sandbox at its deadline; the grace is for clean-up and clock skew.
GRACE_AFTER_DEADLINE = 60.0
# A job may run for days, and how long is not known in advance: it renews its claim instead. A lease
# is three renewals long, so that two may fail.
JOB_LEASE = 900.0
RENEWAL_INTERVAL = 300.0


MAX_LEASE = 1e9


def lease_seconds(deadline: float | None, now: float) -> float:
    """Return the lease of a new claim in seconds; ``deadline`` None: the owner renews it."""
    if deadline is None:
        return JOB_LEASE
    return max(0.0, deadline - now) + GRACE_AFTER_DEADLINE


def parse_lease(record: Mapping[str, object], key: str) -> float:
    """Return the lease of a claim in seconds; raise RecordError."""
    seconds = record.get("lease", JOB_LEASE)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise RecordError(
            f"The run record {key} has the lease {seconds!r}, which is not a number of seconds.",
            remedy="Delete it; the run can then be started again.",
        )
    return float(min(seconds, MAX_LEASE))  # JSON may have an integer that no float can hold


def is_expired(seconds: float, claim: StoredObject) -> bool:
    """Return whether the lease has expired; never for a store that sends no times."""
    return claim.last_modified > 0 and claim.response_date - claim.last_modified > seconds
