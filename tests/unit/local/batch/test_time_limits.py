"""A job that blocks its queue is cancelled after the time in jobStateTimeLimitActions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from scar.local.batch.model import BatchJob, JobSpec, JobStatus
from scar.local.batch.state_machine import JobStateMachine
from scar.local.batch.store import JobStore
from scar.local.moto.batch_registry import (
    ComputeEnvironmentRecord,
    JobQueueRecord,
    StateTimeLimit,
)

if TYPE_CHECKING:
    from pathlib import Path

TOO_LARGE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
NO_INSTANCE = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
ENVIRONMENT = ComputeEnvironmentRecord(
    name="e", arn="ce/e", enabled=True, max_vcpus=4, instance_types=("m5.large",)
)


def limited_queue(*reasons: str) -> JobQueueRecord:
    return JobQueueRecord(
        name="q",
        arn="q",
        region="r",
        enabled=True,
        priority=1,
        environments=(ENVIRONMENT,),
        time_limits=tuple(StateTimeLimit(reason=reason, seconds=600) for reason in reasons),
    )


@dataclass
class LocalQueue:
    """One queue with its jobs, and a clock in seconds that only moves when it is told to."""

    folder: Path
    queue: JobQueueRecord
    seconds: int = 0
    store: JobStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = JobStore(self.folder / "jobs.sqlite")

    @property
    def machine(self) -> JobStateMachine:
        return JobStateMachine(self.store, lambda: self.seconds * 1000)

    def submit(self, name: str, vcpus: float = 1, memory: int = 128) -> None:
        spec = JobSpec(definition="d", image="i", vcpus=vcpus, memory_mb=memory)
        job = BatchJob(id=name, name=name, region="r", queue="q", spec=spec, created=0)
        self.machine.submit(job)

    def schedule(self, *, after: int = 0, slots: int = 0) -> None:
        self.seconds += after
        self.machine.start_waiting_jobs({"q": self.queue}, slots)

    def job(self, name: str) -> BatchJob:
        job = self.store.get(name)
        assert job is not None
        return job


@pytest.mark.parametrize(
    ("reason", "vcpus", "memory"), [(TOO_LARGE, 5, 128), (NO_INSTANCE, 1, 8192)]
)
def test_a_misfit_job_is_cancelled_with_the_reason(
    tmp_path: Path, reason: str, vcpus: float, memory: int
) -> None:
    local = LocalQueue(tmp_path, limited_queue(TOO_LARGE, NO_INSTANCE))
    local.submit("misfit", vcpus, memory)
    local.schedule()
    assert local.job("misfit").status_reason.startswith(reason)
    local.schedule(after=599)
    assert local.job("misfit").status is JobStatus.RUNNABLE
    local.schedule(after=1)
    ended = local.job("misfit")
    assert (ended.status, ended.status_reason) == (JobStatus.FAILED, reason)
    assert ended.cancelled


def test_a_queue_without_a_limit_for_the_reason_keeps_the_job(tmp_path: Path) -> None:
    local = LocalQueue(tmp_path, limited_queue(NO_INSTANCE))
    local.submit("misfit", vcpus=5)
    local.schedule()
    local.schedule(after=10**6)
    assert local.job("misfit").status is JobStatus.RUNNABLE


def test_a_job_that_waits_for_capacity_is_kept(tmp_path: Path) -> None:
    local = LocalQueue(tmp_path, limited_queue(TOO_LARGE, NO_INSTANCE))
    local.submit("waiting")
    local.schedule()
    local.schedule(after=10**6)
    assert local.job("waiting").status is JobStatus.RUNNABLE


def test_only_the_job_at_the_head_of_the_queue_is_cancelled(tmp_path: Path) -> None:
    local = LocalQueue(tmp_path, limited_queue(TOO_LARGE))
    for name in ("first", "second"):
        local.submit(name, vcpus=5)
    local.schedule()
    local.schedule(after=600)
    assert [local.job(n).status for n in ("first", "second")] == [
        JobStatus.FAILED,
        JobStatus.RUNNABLE,
    ]
    local.schedule()
    assert local.job("second").status is JobStatus.FAILED


def test_the_time_counts_across_a_restart(tmp_path: Path) -> None:
    local = LocalQueue(tmp_path, limited_queue(TOO_LARGE))
    local.submit("misfit", vcpus=5)
    local.schedule()
    local.store.close()
    restarted = LocalQueue(tmp_path, limited_queue(TOO_LARGE), seconds=600)
    restarted.machine.recover()
    restarted.schedule()
    assert restarted.job("misfit").status is JobStatus.FAILED
