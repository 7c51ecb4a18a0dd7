"""Wait for a scheduler in a job, until its record has its address."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scar.cluster.cluster_jobs import ENDED_STATUSES, describe_states
from scar.errors import ScarError, WaitTimeoutError
from supervisor.runs import cluster_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.cluster.cluster_jobs import ClusterJobs
    from scar.cluster.staging import ClusterStage

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between two looks at the record


def wait_for_scheduler(
    stage: ClusterStage,
    jobs: ClusterJobs,
    job: str,
    timeout: float,
    show_progress: Callable[[str], None] = lambda _: None,
) -> str:
    """Return the address of the scheduler in a job; raise WaitTimeoutError, ScarError."""
    deadline, pause = time.monotonic() + timeout, FIRST_PAUSE
    while True:
        record = stage.read_scheduler()
        if record is not None and record.owner.job == job:
            if record.state != cluster_record.RUNNING:
                raise ScarError(
                    f"The scheduler has ended: {record.problem or 'it was stopped'}",
                    remedy=record.remedy or f"Its log: `scar log -n {jobs.function.name}`.",
                )
            if record.address:
                return record.address
        status, reason = describe_states(jobs.batch, [job]).get(job, ("SUBMITTED", ""))
        if status in ENDED_STATUSES:
            raise ScarError(
                f"The scheduler's job has ended ({status}): {reason}",
                remedy=f"Its log: `scar log -n {jobs.function.name}`.",
            )
        show_progress(f"The scheduler's job is {status}")
        if time.monotonic() > deadline:
            raise WaitTimeoutError(
                f"The scheduler's job has not started within {timeout:g} s: {status} {reason}",
                remedy="Instances may take minutes to start; wait longer.",
            )
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
