"""What a share uses: the vCPUs of its jobs now, and of finished ones within the policy's window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.local.batch.model import BatchJob, JobSpec, JobStatus
from scar.local.batch.store import JobStore
from scar.local.moto.batch_registry import FairShareRecord, JobQueueRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUEUE = JobQueueRecord(
    name="q",
    arn="q",
    region="r",
    enabled=True,
    priority=1,
    environments=(),
    fair_share=FairShareRecord(decay_seconds=100),
)
NOW = 1_000_000  # milliseconds


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore(tmp_path / "jobs.sqlite")
    yield store
    store.close()


def job(name: str, share: str = "", vcpus: float = 1, **fields: object) -> BatchJob:
    spec = JobSpec(definition="d", image="i", vcpus=vcpus, memory_mb=4)
    plain = BatchJob(id=name, name=name, region="r", queue="q", spec=spec, created=0, share=share)
    return replace(plain, **fields)  # type: ignore[arg-type]


def test_use_is_averaged_over_the_window(store: JobStore) -> None:
    done, failed = JobStatus.SUCCEEDED, JobStatus.FAILED
    for added in (
        job("running", "a", vcpus=2, status=JobStatus.RUNNING, started=1),
        job("half", "a", vcpus=4, status=done, started=NOW - 50_000, stopped=NOW),
        job("begun before", "b", status=failed, started=1, stopped=NOW - 75_000),
        job("long ago", "c", status=done, started=1, stopped=NOW - 100_001),
        job("never started", "d", status=failed, stopped=NOW),
        job("waiting", "e", status=JobStatus.RUNNABLE),
        job("of another queue", "f", status=JobStatus.RUNNING, queue="other"),
    ):
        store.add(added)
    use = store.share_use([QUEUE], NOW)
    assert use == {("q", "a"): 4.0, ("q", "b"): 0.25}


def test_waiting_jobs_have_their_share_and_the_first_of_each_are_read(store: JobStore) -> None:
    for number in range(201):
        store.add(job(f"a{number}", "a", status=JobStatus.RUNNABLE))
    store.add(job("last", "a", status=JobStatus.RUNNABLE, priority=1))
    store.add(job("other", "b", status=JobStatus.RUNNABLE))
    found = {each.id: each for each in store.list_waiting()}
    assert found.keys() == {*(f"a{n}" for n in range(199)), "last", "other"}
    assert (found["last"].priority, found["other"].share) == (1, "b")
