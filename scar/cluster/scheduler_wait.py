"""Wait for a scheduler in a job, until its record has its address, or until it listens."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scar.cluster.cluster_jobs import ENDED_STATUSES, describe_states
from scar.errors import ScarError, WaitTimeoutError
from supervisor.runs import cluster_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.cluster.cluster_jobs import ClusterJobs
    from scar.cluster.staging import ClusterStage

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between two looks at the record
CONNECT_TIMEOUT = 2.0  # seconds; a packet filter may drop what it refuses


def is_listening(address: str) -> bool:
    """Return whether a server accepts connections at an address such as ``tls://host:port``."""
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), CONNECT_TIMEOUT).close()
    except OSError:
        return False
    return True


def wait_for_scheduler(
    stage: ClusterStage,
    jobs: ClusterJobs,
    job: str,
    timeout: float,
    show_progress: Callable[[str], None] = lambda _: None,
    is_ready: Callable[[str], bool] = lambda _: True,
) -> str:
    """Return the address of the scheduler in a job; raise WaitTimeoutError, ScarError.

    ``is_ready`` decides whether to return an address or to wait on. The job records its address
    before it starts dask, which may fail: who connects at once passes ``is_listening``.
    """
    deadline, pause = time.monotonic() + timeout, FIRST_PAUSE
    while True:
        record = stage.read_scheduler()
        if record is not None and record.owner.job == job:
            if record.state != cluster_record.RUNNING:
                raise ScarError(
                    f"The scheduler has ended: {record.problem or 'it was stopped'}",
                    remedy=record.remedy or f"Its log: `scar log -n {jobs.function.name}`.",
                )
            if record.address and is_ready(record.address):
                return record.address
        status, reason = describe_states(jobs.batch, [job]).get(job, ("SUBMITTED", ""))
        if status in ENDED_STATUSES:
            raise ScarError(
                f"The scheduler's job has ended ({status}): {reason}",
                remedy=f"Its log: `scar log -n {jobs.function.name}`.",
            )
        show_progress(f"The scheduler's job is {status}")
        if time.monotonic() > deadline:
            if record is not None and record.address:
                raise WaitTimeoutError(
                    f"The scheduler does not accept connections at {record.address} within"
                    f" {timeout:g} s.",
                    remedy="Allow connections between the members of the security group of the"
                    f" jobs, and from this machine; the scheduler's log: `scar log -n"
                    f" {jobs.function.name}`.",
                )
            raise WaitTimeoutError(
                f"The scheduler's job has not started within {timeout:g} s: {status} {reason}",
                remedy="Instances may take minutes to start; wait longer.",
            )
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
