"""How far arrays are, as AWS Batch counts their children."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.runs.diagnosis import CANCELLED
from scar.runs.states import FAILURE_STATES, RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_batch import BatchClient

    from scar.runs.arrays.array_store import ArrayJob

MAX_DESCRIBED = 100  # jobs of one DescribeJobs call (botocore's batch model)
ENDED = frozenset({"SUCCEEDED", "FAILED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayStatus:
    """An array with its parent job's status and the number of children by status.

    ``status`` is empty if Batch does not know the job anymore: it keeps ended jobs for 7 days.
    ``stopped`` is the time of its end in epoch seconds, 0 before. ``continued`` are the states of
    runs that another job continues (``batch.retry``): their children have failed, for Batch.
    """

    array: ArrayJob
    status: str = ""
    summary: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    stopped: float = 0.0
    continued: Mapping[RunState, int] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        return not self.status or self.status in ENDED

    def is_cancelled(self, index: int) -> bool:
        """Return whether `scar cancel` has ended this child, if it has no record that says more."""
        is_whole = self.array.is_cancelled or self.reason == CANCELLED
        return is_whole or index in self.array.cancelled_children

    @property
    def done(self) -> int:
        return self.summary.get("SUCCEEDED", 0)

    @property
    def failed(self) -> int:
        return self.summary.get("FAILED", 0)

    @property
    def running(self) -> int:
        return self.summary.get("RUNNING", 0)

    @property
    def not_begun(self) -> int:
        """Return how many children have not started; the counts of Batch are late by seconds."""
        if self.has_ended:
            return 0
        return max(0, self.array.count - self.done - self.failed - self.running)

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of children by what has become of their runs.

        ``continued``: another job continues the run, and has not ended.
        """
        others = Counter(self.continued)
        done = others.pop(RunState.DONE, 0)
        failed = sum(others.pop(state, 0) for state in FAILURE_STATES)
        return {
            "done": self.done + done,
            "failed": max(0, self.failed - sum(self.continued.values()) + failed),
            "running": self.running,
            "not_begun": self.not_begun,
            "continued": others.total(),
        }

    @property
    def text(self) -> str:
        """Return the counts: ``10,000 children: 9,100 done, 3 failed, 12 running, …``."""
        names = {"not_begun": "not begun", "continued": "continued by another job"}
        counts = ", ".join(
            f"{number:,} {names.get(name, name)}" for name, number in self.counts.items() if number
        )
        if not self.status:
            counts = "ended; AWS Batch has deleted the job"
        return f"{self.array.count:,} children: {counts}"


def describe_arrays(batch: BatchClient, arrays: Iterable[ArrayJob]) -> list[ArrayStatus]:
    """Return the status of these arrays, in order; one call for every 100."""
    wanted = list(arrays)
    found: dict[str, ArrayStatus] = {}
    for part in _parts([array.job for array in wanted]):
        with translate_errors("describe the array jobs"):
            jobs = batch.describe_jobs(jobs=part)["jobs"]
        by_id = {job["jobId"]: job for job in jobs}
        for array in (one for one in wanted if one.job in by_id):
            job = by_id[array.job]
            found[array.job] = ArrayStatus(
                array=array,
                status=job["status"],
                summary=dict(job.get("arrayProperties", {}).get("statusSummary", {})),
                reason=job.get("statusReason", ""),
                stopped=job.get("stoppedAt", 0) / 1000,
            )
    return [found.get(array.job) or ArrayStatus(array=array) for array in wanted]


def describe_children(batch: BatchClient, jobs: Sequence[str]) -> dict[str, str]:
    """Return the status of these jobs by id; one call for every 100."""
    statuses: dict[str, str] = {}
    for part in _parts(jobs):
        with translate_errors("describe the children of array jobs"):
            statuses |= {
                job["jobId"]: job["status"] for job in batch.describe_jobs(jobs=part)["jobs"]
            }
    return statuses


def _parts(jobs: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(jobs), MAX_DESCRIBED):
        yield list(jobs[start : start + MAX_DESCRIBED])
