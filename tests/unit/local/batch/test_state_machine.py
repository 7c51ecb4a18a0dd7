"""The states of jobs in any order of events and crashes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from scar.local.batch.model import (
    PLACED_STATUSES,
    WAITING_STATUSES,
    AttemptOutcome,
    BatchJob,
    JobSpec,
    JobStatus,
)
from scar.local.batch.state_machine import JobStateMachine
from scar.local.batch.store import JobStore
from scar.local.moto.batch_registry import ComputeEnvironmentRecord, JobQueueRecord

ENVIRONMENT = ComputeEnvironmentRecord(name="e", arn="ce/e", enabled=True, max_vcpus=4)
QUEUE = JobQueueRecord(
    name="q", arn="q", region="r", enabled=True, priority=1, environments=(ENVIRONMENT,)
)


GPUS = (0, 1, 3)


class Jobs(RuleBasedStateMachine):
    """A state machine over one store; a crash closes and reopens it."""

    jobs = Bundle("jobs")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.time = 0
        self.submitted: dict[str, int] = {}
        self.ended: dict[str, JobStatus] = {}
        self.terminated: set[str] = set()
        self.open()

    def open(self) -> None:
        self.store = JobStore(Path(self.folder.name) / "jobs.sqlite")
        self.state_machine = JobStateMachine(self.store, self.now, GPUS)

    def now(self) -> int:
        self.time += 1
        return self.time

    @rule(
        target=jobs,
        vcpus=st.sampled_from([0.5, 1, 3, 5]),
        attempts=st.integers(1, 3),
        gpus=st.sampled_from([0, 0, 1, 2, 4]),
    )
    def submit(self, vcpus: float, attempts: int, gpus: int) -> str:
        name = f"job-{len(self.submitted)}"
        spec = JobSpec(
            definition="d", image="i", vcpus=vcpus, memory_mb=4, attempts=attempts, gpus=gpus
        )
        job = BatchJob(id=name, name=name, region="r", queue="q", spec=spec, created=self.now())
        self.state_machine.submit(job)
        self.submitted[name] = attempts
        return name

    @rule(free_slots=st.integers(0, 4))
    def step(self, free_slots: int) -> None:
        for job in self.state_machine.start_waiting_jobs({"q": QUEUE}, free_slots):
            assert job.status is JobStatus.STARTING
            assert len(job.gpus) == job.spec.gpus

    @rule(job=jobs)
    def run(self, job: str) -> None:
        if self.status(job) is JobStatus.STARTING:
            self.state_machine.mark_running(job)

    @rule(job=jobs, code=st.sampled_from([0, 1, 137]), final=st.booleans())
    def finish(self, job: str, code: int, final: bool) -> None:
        if self.status(job) in PLACED_STATUSES:
            self.state_machine.finish_attempt(
                job, AttemptOutcome(status_reason="x", exit_code=code, is_final=final)
            )

    @rule(job=jobs)
    def terminate(self, job: str) -> None:
        before = self.status(job)
        stopped = self.state_machine.terminate(job, "because")
        assert stopped == ((job,) if before in PLACED_STATUSES else ())
        if before in WAITING_STATUSES:
            assert self.status(job) is JobStatus.FAILED
        if before in PLACED_STATUSES:
            self.terminated.add(job)

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        before = self.status(job)
        self.state_machine.cancel(job, "because")
        assert self.status(job) is (JobStatus.FAILED if before in WAITING_STATUSES else before)

    @rule()
    def crash(self) -> None:
        self.store.close()
        self.open()
        self.state_machine.recover()
        assert not self.store.list_by_status(*PLACED_STATUSES)

    def status(self, job: str) -> JobStatus:
        found = self.store.get(job)
        assert found is not None
        return found.status

    @invariant()
    def no_job_is_lost_nor_tried_too_often(self) -> None:
        for name, attempts in self.submitted.items():
            job = self.store.get(name)
            assert job is not None
            assert len(job.attempts) <= attempts
            assert (job.stopped is not None) is job.status.is_final
            if job.status is JobStatus.SUCCEEDED:
                assert job.attempts[-1].exit_code == 0

    @invariant()
    def a_terminated_job_never_runs_again(self) -> None:
        for name in self.terminated:
            job = self.store.get(name)
            assert job is not None
            assert job.status in (*PLACED_STATUSES, JobStatus.FAILED)
            assert not job.status.is_final or job.status_reason == "because"

    @invariant()
    def final_states_stay(self) -> None:
        for name in self.submitted:
            status = self.status(name)
            assert self.ended.get(name, status) is status
            if status.is_final:
                self.ended[name] = status

    @invariant()
    def capacity_is_kept(self) -> None:
        assert sum(self.store.used_vcpus().values()) <= ENVIRONMENT.max_vcpus
        used = [n for job in self.store.list_by_status(*PLACED_STATUSES) for n in job.gpus]
        assert len(used) == len({*used})

    def teardown(self) -> None:
        """Once all attempts end, all jobs end, except for those that cannot be placed."""
        if not hasattr(self, "store"):
            return
        for _ in range(4 * len(self.submitted) + 1):
            self.state_machine.start_waiting_jobs({"q": QUEUE}, 100)
            for job in self.store.list_by_status(*PLACED_STATUSES):
                self.state_machine.finish_attempt(
                    job.id, AttemptOutcome(status_reason="x", exit_code=1)
                )
        for job in self.store.list_by_status(*WAITING_STATUSES):
            assert job.spec.vcpus > ENVIRONMENT.max_vcpus or job.spec.gpus > len(GPUS)
            assert job.status_reason.startswith("MISCONFIGURATION:")
        self.store.close()
        self.folder.cleanup()


@pytest.mark.parametrize("crash", [True, False])
def test_a_terminated_job_fails_with_its_reason_even_after_a_crash(
    tmp_path: Path, crash: bool
) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    state_machine = JobStateMachine(store, lambda: 1)
    spec = JobSpec(definition="d", image="i", vcpus=1, memory_mb=4, attempts=3)
    state_machine.submit(BatchJob(id="j", name="j", region="r", queue="q", spec=spec, created=1))
    state_machine.start_waiting_jobs({"q": QUEUE}, 1)
    assert state_machine.terminate("j", "because") == ("j",)
    assert state_machine.mark_running("j") == "because"
    if crash:
        state_machine.recover()
    else:
        state_machine.finish_attempt("j", AttemptOutcome(status_reason="x", exit_code=0))
    job = store.get("j")
    assert job is not None
    assert (job.status, job.status_reason) == (JobStatus.FAILED, "because")
    store.close()


TestJobs = Jobs.TestCase
TestJobs.settings = settings(stateful_step_count=25)
