"""Find the runs in Lambda whose lease has expired, with as few reads of claims as possible.

A listing shows how old a claim is, and not for how long it is valid: that is in the claim, and
depends on the function's timeout when the run began. Most claims need no read. One that is younger
than the shortest lease is valid, and so is, nearly always, one that is younger than another lease
of the same function; one that is older than the longest lease is not. So a listing costs one read
for each function with runs of more than a minute in Lambda, and one for each run that was lost in
the last minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.runs.states import LAMBDA_LEASE, RunState, derive_state
from supervisor.errors import RecordError
from supervisor.runs import leases, record_format

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.invocation import RunPath

    # Returns a run's claim as it was listed; None if it is another one since, or cannot be read.
    ClaimReader = Callable[[], Mapping[str, object] | None]

# Seconds; the lease of a claim at its deadline.
SHORTEST_LEASE = leases.GRACE_AFTER_DEADLINE


@dataclass(slots=True)
class ClaimLeases:
    """The leases of claims that were read, by the claim, and the longest one of each function."""

    _known: dict[tuple[RunPath, str], float] = field(default_factory=dict)
    _longest: dict[str, float] = field(default_factory=dict)

    def derive_state(
        self, run: RunPath, times: Mapping[str, float], now: float, etag: str, read: ClaimReader
    ) -> tuple[RunState, float]:
        """Return the state as ``states.derive_state``, and the lease in seconds.

        ``etag`` is that of the claim. A run is shown as in Lambda for longer than its lease only if
        the timeout of its function was shortened while another run was in progress.
        """
        state = derive_state(times, now)
        age = now - times.get(record_format.CLAIM, 0.0)
        is_valid = age <= self._longest.get(run.function, SHORTEST_LEASE)
        if state is not RunState.LAMBDA or is_valid:
            return state, LAMBDA_LEASE
        lease = self._read_lease(run, etag, read)
        return derive_state(times, now, lease), lease

    def _read_lease(self, run: RunPath, etag: str, read: ClaimReader) -> float:
        if (run, etag) in self._known:
            return self._known[run, etag]
        claim = read()
        if claim is None:
            return LAMBDA_LEASE
        try:
            lease = min(leases.parse_lease(claim, str(run)), LAMBDA_LEASE)
        except RecordError:
            lease = LAMBDA_LEASE
        self._known[run, etag] = lease
        if not is_of_job(claim):  # jobs have longer leases than their functions in Lambda
            self._longest[run.function] = max(lease, self._longest.get(run.function, 0.0))
        return lease


def is_of_job(claim: Mapping[str, object]) -> bool:
    """Return whether the owner of a claim is a Batch job."""
    owner = claim.get("owner")
    return isinstance(owner, dict) and bool(owner.get("job"))
