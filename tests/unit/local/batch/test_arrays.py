"""Arrays and dependencies in any order of events and crashes."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from scar.local.batch.dependencies import check_dependencies
from scar.local.batch.model import (
    PLACED_STATUSES,
    AttemptOutcome,
    BatchJob,
    DependencyType,
    JobDependency,
    JobSpec,
    JobStatus,
)
from scar.local.batch.state_machine import JobStateMachine
from scar.local.batch.store import JobStore
from scar.local.batch.submission import BatchApiError
from scar.local.moto.batch_registry import ComputeEnvironmentRecord, JobQueueRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT = ComputeEnvironmentRecord(name="e", arn="ce/e", enabled=True, max_vcpus=3)
QUEUE = JobQueueRecord(
    name="q", arn="q", region="r", enabled=True, priority=1, environments=(ENVIRONMENT,)
)
SPEC = JobSpec(definition="d", image="i", vcpus=1, memory_mb=4, attempts=2)
SEQUENTIAL = JobDependency(type=DependencyType.SEQUENTIAL)
EXIT_0, EXIT_1 = (AttemptOutcome(status_reason="x", exit_code=code) for code in (0, 1))


def new_job(name: str, size: int = 0, *needs: JobDependency, attempts: int = 1) -> BatchJob:
    spec = JobSpec(definition="d", image="i", vcpus=1, memory_mb=4, attempts=attempts)
    return BatchJob(
        id=name, name=name, region="r", queue="q", spec=spec, created=1, array_size=size,
        depends_on=needs,
    )  # fmt: skip


def pair(job_id: str) -> JobDependency:
    return JobDependency(job_id=job_id, type=DependencyType.N_TO_N)


class Arrays(RuleBasedStateMachine):
    """A state machine over one store; a crash closes and reopens it."""

    jobs = Bundle("jobs")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.time = 0
        self.submitted: dict[str, BatchJob] = {}
        self.final: dict[str, JobStatus] = {}
        self.terminated: set[str] = set()
        self.open()

    def open(self) -> None:
        self.store = JobStore(Path(self.folder.name) / "jobs.sqlite")
        self.state_machine = JobStateMachine(self.store, self.now)

    def now(self) -> int:
        self.time += 1
        return self.time

    @rule(
        target=jobs,
        size=st.sampled_from([0, 2, 3]),
        sequential=st.booleans(),
        pairs=st.booleans(),
        needs=st.lists(jobs, max_size=2, unique=True),
    )
    def submit(self, size: int, sequential: bool, pairs: bool, needs: list[str]) -> str:
        depends = [
            pair(need)
            if pairs and size and self.submitted[need].array_size == size
            else JobDependency(job_id=need)
            for need in needs
        ]
        if sequential and size:
            depends.append(SEQUENTIAL)
        job = new_job(f"job-{len(self.submitted)}", size, *depends, attempts=2)
        check_dependencies(job, self.store.get)
        self.state_machine.submit(job)
        self.submitted[job.id] = job
        return job.id

    @rule(free_slots=st.integers(0, 3))
    def step(self, free_slots: int) -> None:
        for job in self.state_machine.start_waiting_jobs({"q": QUEUE}, free_slots):
            assert job.status is JobStatus.STARTING
            assert not job.is_array

    @rule(data=st.data(), exit_code=st.sampled_from([0, 0, 1]))
    def finish(self, data: st.DataObject, exit_code: int) -> None:
        placed = self.store.list_placed()
        if placed:
            job = data.draw(st.sampled_from(placed))
            self.state_machine.mark_running(job.id)
            outcome = AttemptOutcome(status_reason="x", exit_code=exit_code)
            self.state_machine.finish_attempt(job.id, outcome)

    @rule(data=st.data(), job=jobs, is_termination=st.booleans())
    def end(self, data: st.DataObject, job: str, is_termination: bool) -> None:
        """End a job, an array, or one child."""
        target = data.draw(st.sampled_from([job, *self.child_ids(job)]))
        if not is_termination:
            self.state_machine.cancel(target, "cancelled")
            return
        placed = {p.id for p in self.store.list_placed() if target in (p.id, p.parent_id)}
        assert {*self.state_machine.terminate(target, "terminated")} == placed
        self.terminated |= placed

    @rule()
    def crash(self) -> None:
        self.store.close()
        self.open()
        self.state_machine.recover()
        assert not self.store.list_placed()

    def child_ids(self, job: str) -> list[str]:
        size = self.submitted[job].array_size
        return [f"{job}:{index}" for index in range(size) if self.store.get(f"{job}:{index}")]

    def status(self, job_id: str) -> JobStatus | None:
        found = self.store.get(job_id)
        return None if found is None else found.status

    def all_ids(self) -> Iterator[str]:
        for job in self.submitted:
            yield job
            yield from self.child_ids(job)

    def needs_of(self, job_id: str) -> list[JobStatus | None]:
        """Return the states of all that must have succeeded before a job or child starts."""
        parent, _, index = job_id.partition(":")
        job = self.submitted[parent]
        needs = [self.status(need) for need in job.dependencies]
        if index:
            needs += [self.status(f"{need}:{index}") for need in job.paired_arrays]
            if job.is_sequential and int(index):
                needs.append(self.status(f"{parent}:{int(index) - 1}"))
        return needs

    @invariant()
    def nothing_starts_before_what_it_needs(self) -> None:
        for job_id in self.all_ids():
            job = self.store.get(job_id)
            assert job is not None
            if job.status in (*PLACED_STATUSES, JobStatus.RUNNABLE) or job.attempts:
                assert {*self.needs_of(job_id)} <= {JobStatus.SUCCEEDED}

    @invariant()
    def nothing_waits_for_what_has_ended(self) -> None:
        for job_id in self.all_ids():
            job = self.store.get(job_id)
            assert job is not None
            if job.status is JobStatus.PENDING and job.spawned is None:
                needs = self.needs_of(job_id)
                assert not all(need and need.is_final for need in needs)
                assert job.cancelled or JobStatus.FAILED not in needs

    @invariant()
    def an_array_is_the_sum_of_its_children(self) -> None:
        for job_id, submitted in self.submitted.items():
            job = self.store.get(job_id)
            assert job is not None
            if not submitted.array_size:
                continue
            statuses = [self.status(child) for child in self.child_ids(job_id)]
            counts = self.store.children.counts(job_id)
            assert {s: n for s, n in counts.items() if n} == Counter(statuses)
            assert len(statuses) == (0 if job.spawned is None else submitted.array_size)
            if statuses:
                is_final = all(status and status.is_final for status in statuses)
                failed = JobStatus.FAILED in statuses
                end = JobStatus.FAILED if failed else JobStatus.SUCCEEDED
                assert job.status is (end if is_final else JobStatus.PENDING)

    @invariant()
    def final_states_stay(self) -> None:
        for job_id in self.all_ids():
            job = self.store.get(job_id)
            assert job is not None
            assert (job.stopped is not None) is job.status.is_final
            assert self.final.get(job_id, job.status) is job.status
            if job_id in self.terminated:
                assert job.status in (*PLACED_STATUSES, JobStatus.FAILED)
            if job.status.is_final:
                self.final[job_id] = job.status

    @invariant()
    def capacity_is_kept(self) -> None:
        assert sum(self.store.used_vcpus().values()) <= ENVIRONMENT.max_vcpus

    def teardown(self) -> None:
        """Once all attempts end, all jobs end."""
        if not hasattr(self, "store"):
            return
        for _ in range(10 * len(self.submitted) + 1):
            self.state_machine.start_waiting_jobs({"q": QUEUE}, 100)
            for job in self.store.list_placed():
                self.state_machine.finish_attempt(job.id, EXIT_0)
        assert all((status := self.status(job)) and status.is_final for job in self.all_ids())
        self.store.close()
        self.folder.cleanup()


TestArrays = Arrays.TestCase
TestArrays.settings = settings(stateful_step_count=30, max_examples=50)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore(tmp_path / "jobs.sqlite")
    yield store
    store.close()


def run_all(machine: JobStateMachine, store: JobStore, passes: int) -> list[str]:
    """Return the jobs in the order of their start; each pass runs what has room."""
    started: list[str] = []
    for _ in range(passes):
        for job in machine.start_waiting_jobs({"q": QUEUE}, 100):
            started.append(job.id)
            machine.finish_attempt(job.id, EXIT_0)
    assert not store.list_placed()
    return started


def test_arrays_and_jobs_of_a_queue_start_in_the_order_of_submission(store: JobStore) -> None:
    machine = JobStateMachine(store, lambda: 1)
    for job in (new_job("a"), new_job("b", 3), new_job("c"), new_job("d", 2)):
        machine.submit(job)
    assert run_all(machine, store, 3) == ["a", "b:0", "b:1", "b:2", "c", "d:0", "d:1"]
    assert store.count_by_status() == {"SUCCEEDED": 7}


def test_the_scheduler_reads_a_bounded_number_of_children(store: JobStore) -> None:
    machine = JobStateMachine(store, lambda: 1)
    machine.submit(new_job("big", 10_000))
    machine.submit(new_job("next", 2))
    machine.start_waiting_jobs({"q": QUEUE}, 0)
    assert [job.id for job in store.list_waiting()] == [f"big:{index}" for index in range(200)]
    assert store.children.counts("big")["RUNNABLE"] == 10_000


def test_a_chain_longer_than_the_call_stack_fails_in_one_step(store: JobStore) -> None:
    """The end of each job is not a call within that of the job before."""
    machine = JobStateMachine(store, lambda: 1)
    machine.submit(new_job("0"))
    for number in range(1, 1_200):
        machine.submit(new_job(str(number), 0, JobDependency(job_id=str(number - 1))))
    machine.start_waiting_jobs({"q": QUEUE}, 0)
    machine.terminate("0", "no")
    last = store.get("1199")
    assert last is not None
    assert (last.status, last.status_reason) == (JobStatus.FAILED, "Dependent Job failed")


def test_children_are_deleted_with_their_array(store: JobStore) -> None:
    machine = JobStateMachine(store, lambda: 1)
    machine.submit(new_job("a", 2))
    machine.submit(new_job("b", 2, pair("a")))
    run_all(machine, store, 3)
    store.delete_finished(2)
    assert store.get("b:0") is None
    assert store.count_by_status() == {}
    assert store.dependencies.list_dependents("a") == []


def test_a_job_may_wait_for_one_child(store: JobStore) -> None:
    machine = JobStateMachine(store, lambda: 1)
    machine.submit(new_job("a", 3))
    machine.submit(new_job("b", 0, JobDependency(job_id="a:1")))
    with pytest.raises(BatchApiError, match="the job a:1 does not exist"):
        check_dependencies(new_job("b", 0, JobDependency(job_id="a:1")), lambda _: None)
    machine.start_waiting_jobs({"q": QUEUE}, 3)
    assert (job := store.get("b"))
    assert job.status is JobStatus.PENDING
    machine.finish_attempt("a:1", EXIT_0)
    assert (job := store.get("b"))
    assert job.status is JobStatus.RUNNABLE


def test_an_array_that_cannot_start_fails_the_arrays_that_are_paired_with_it(
    store: JobStore,
) -> None:
    machine = JobStateMachine(store, lambda: 1)
    machine.submit(new_job("first"))
    machine.submit(new_job("a", 2, JobDependency(job_id="first")))
    machine.submit(new_job("b", 2, pair("a")))
    (first,) = machine.start_waiting_jobs({"q": QUEUE}, 3)
    assert store.children.counts("b")["PENDING"] == 2
    machine.finish_attempt(first.id, EXIT_1)
    assert store.children.counts("a") == dict.fromkeys(JobStatus, 0)
    assert store.children.counts("b")["FAILED"] == 2
    assert (job := store.get("b"))
    assert job.status is JobStatus.FAILED


def statuses(store: JobStore, *ids: str) -> list[str]:
    return [str(job.status) if (job := store.get(job_id)) else "" for job_id in ids]


def test_a_sequential_child_waits_for_the_one_before_it_whatever_else_ends(store: JobStore) -> None:
    machine = JobStateMachine(store, lambda: 1)
    machine.submit(new_job("a", 4, SEQUENTIAL))
    (first,) = machine.start_waiting_jobs({"q": QUEUE}, 3)
    machine.cancel("a:2", "not this one")
    ids = [f"a:{index}" for index in range(4)]
    assert statuses(store, *ids) == ["STARTING", "PENDING", "FAILED", "FAILED"]
    machine.finish_attempt(first.id, EXIT_0)
    assert statuses(store, *ids) == ["SUCCEEDED", "RUNNABLE", "FAILED", "FAILED"]


def test_a_child_waits_for_its_pair_in_every_array(store: JobStore) -> None:
    machine = JobStateMachine(store, lambda: 1)
    machine.submit(new_job("a", 2))
    machine.submit(new_job("b", 2))
    machine.submit(new_job("c", 2, pair("a"), pair("b")))
    machine.start_waiting_jobs({"q": QUEUE}, 3)
    machine.finish_attempt("a:0", EXIT_0)
    machine.finish_attempt("a:1", EXIT_1)
    assert statuses(store, "c:0", "c:1") == ["PENDING", "FAILED"]
    machine.finish_attempt("b:0", EXIT_0)
    assert statuses(store, "c:0", "c") == ["RUNNABLE", "PENDING"]


def test_a_cancelled_job_ends_after_all_that_it_waits_for(store: JobStore) -> None:
    machine = JobStateMachine(store, lambda: 1)
    machine.submit(new_job("a"))
    machine.submit(new_job("b"))
    machine.submit(new_job("c", 0, JobDependency(job_id="a"), JobDependency(job_id="b")))
    machine.start_waiting_jobs({"q": QUEUE}, 3)
    machine.cancel("c", "no more")
    machine.finish_attempt("a", EXIT_1)
    assert statuses(store, "c") == ["PENDING"]
    machine.finish_attempt("b", EXIT_0)
    assert (job := store.get("c"))
    assert (job.status, job.status_reason) == (JobStatus.FAILED, "no more")


def test_a_file_of_the_release_before_arrays_is_used_but_not_by_that_release(
    tmp_path: Path,
) -> None:
    path = tmp_path / "jobs.sqlite"
    store = JobStore(path)
    store.add(new_job("old"))
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table in ("child", "child_count", "dependency"):
            db.execute(f"DROP TABLE {table}")
        document = json.loads(db.execute("SELECT document FROM job").fetchone()[0])
        for name in ("array_size", "array_index", "spawned", "depends_on"):
            del document[name]
        db.execute("UPDATE job SET document = ?", (json.dumps(document),))
        db.execute("PRAGMA user_version = 1")
        db.commit()
    store = JobStore(path)
    machine = JobStateMachine(store, lambda: 1)
    machine.submit(new_job("new", 2, JobDependency(job_id="old")))
    assert run_all(machine, store, 3) == ["old", "new:0", "new:1"]
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
