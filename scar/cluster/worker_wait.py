"""Wait for the first workers of a cluster: all of them, or those that came in time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Mapping


class NoWorkersError(ScarError):
    """None of a cluster's workers has joined it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCount:
    """How many workers were wanted and have come, and the states of the jobs of the others.

    ``states`` are Batch's status and reason, by job id.
    """

    wanted: int
    present: int
    states: Mapping[str, tuple[str, str]]

    @property
    def is_complete(self) -> bool:
        return self.present >= self.wanted

    @property
    def is_hopeless(self) -> bool:
        """Whether no job is left that could become a worker."""
        statuses = {status for status, _ in self.states.values()}
        return bool(statuses) and statuses <= {"FAILED", "SUCCEEDED"}

    def describe_missing(self) -> str:
        """Return the states of the missing workers' jobs, with Batch's reasons."""
        counted = Counter(
            f"{status} ({reason})" if reason else status for status, reason in self.states.values()
        )
        return ", ".join(f"{number} {text}" for text, number in counted.most_common(3))

    def describe_incomplete(self, seconds: float) -> str:
        """Return the message about workers that are missing after the time-out."""
        return (
            f"{self.present} of {self.wanted} workers joined within {seconds:.0f} s; the jobs of"
            f" the others: {self.describe_missing()}. The cluster continues without them; they"
            " join when they start."
        )


def no_workers_error(count: WorkerCount, seconds: float, function: str) -> NoWorkersError:
    """Return the error of a cluster without a single worker."""
    if count.is_hopeless:
        return NoWorkersError(
            f"No worker has joined the cluster: {count.describe_missing()}.",
            remedy=f"`scar log -n {function}` shows what the jobs wrote.",
        )
    return NoWorkersError(
        f"No worker joined the cluster within {seconds:.0f} s: {count.describe_missing()}.",
        remedy="A job that is RUNNABLE waits for an instance: increase worker_timeout, or"
        " max_v_cpus. If it is RUNNING, check that workers can open connections to the scheduler:"
        " the same VPC or a VPN, and a security group that allows them.",
    )
