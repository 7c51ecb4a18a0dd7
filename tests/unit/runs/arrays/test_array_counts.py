"""The totals of a status with arrays: every file is counted once, in the state that it has."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.runs.arrays.array_counts import count_children
from scar.runs.arrays.array_reader import read_arrays
from scar.runs.arrays.array_status import describe_arrays
from scar.runs.arrays.array_store import ArrayStore
from scar.runs.arrays.child_runs import continued_child, parent_of
from scar.runs.arrays.continued_runs import with_continued_runs
from scar.runs.ledger import Run, RunLedger
from scar.runs.states import RunState, derive_state
from scar.runs.status import FunctionStatus, StatusQuery, collect_status
from supervisor.batch.array_manifest import ArrayPath, build_manifest
from supervisor.events.parser import parse_event
from supervisor.invocation import RunPath
from supervisor.runs import record_format
from tests.fakes.s3_listing_client import ListedS3
from tests.fakes.supervisor_factory import notification

DAY = "2026-09-21"
# The fate of a child: its job's status, the records of its run, and the state that this means
# while its array goes on.
FATES: dict[str, tuple[str, tuple[str, ...], RunState | None]] = {
    "waits": ("RUNNABLE", (), RunState.QUEUED),
    "starts": ("STARTING", (), RunState.QUEUED),
    "runs": ("RUNNING", ("claim", "attempt"), RunState.RUNNING),
    "done": ("SUCCEEDED", ("claim", "attempt", "done"), RunState.DONE),
    "duplicate": ("SUCCEEDED", ("claim", "done"), RunState.DONE),
    "failed": ("FAILED", ("claim", "attempt", "error"), RunState.FAILED),
    "interrupted": ("RUNNABLE", ("claim", "attempt", "error"), RunState.QUEUED),
    "killed": ("FAILED", ("claim", "attempt"), RunState.RUNNING),
    "unborn": ("FAILED", (), None),
    # The script of the child failed, and another job has continued the run (batch.retry).
    "grown": (
        "FAILED",
        ("claim", "attempt", "delegated-2", "claim", "attempt-2.1", "done"),
        RunState.DONE,
    ),
    "outgrown": (
        "FAILED",
        ("claim", "attempt", "delegated-2", "claim", "attempt-2.1", "error"),
        RunState.FAILED,
    ),
}
UNFINISHED = {"RUNNABLE", "STARTING", "RUNNING"}


@dataclass
class FakeBatch:
    """DescribeJobs of arrays and their children, by the fates of the children."""

    arrays: dict[str, list[str]] = field(default_factory=dict)
    described: list[int] = field(default_factory=list)
    reason: str = ""

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        assert 1 <= len(jobs) <= 100
        self.described.append(len(jobs))
        return {"jobs": [self._describe(job) for job in jobs]}

    def _describe(self, job: str) -> dict[str, Any]:
        parent, _, index = job.partition(":")
        if index:
            return {"jobId": job, "status": FATES[self.arrays[parent][int(index)]][0]}
        statuses = [FATES[fate][0] for fate in self.arrays[job]]
        ended = "FAILED" if "FAILED" in statuses else "SUCCEEDED"
        return {
            "jobId": job,
            "status": "PENDING" if UNFINISHED & {*statuses} else ended,
            "statusReason": self.reason,
            "arrayProperties": {"size": len(statuses), "statusSummary": dict(Counter(statuses))},
        }


@dataclass
class World:
    """A bucket and Batch with arrays of one function."""

    s3: ListedS3 = field(default_factory=ListedS3)
    batch: FakeBatch = field(default_factory=FakeBatch)

    def add_array(
        self, files: list[int], fates: list[str], *, age: float, is_retry: bool = False
    ) -> None:
        number = len(self.batch.arrays)
        job = f"{number:08x}-0000-4000-8000-000000000000"
        self.batch.arrays[job] = fates
        path = ArrayPath(function="fn", date=DAY, array_id=f"array-{number:012x}")
        events = [json.dumps(notification(f"in/{file}")) for file in files]
        manifest = build_manifest([*events, "{}"][: max(2, len(events))])
        self.s3.put(path.key("manifest"), age, manifest.body)
        suffix = ".retry" if is_retry else ""
        self.s3.put(path.key(f"job-{job}.{len(files)}{suffix}"), age, b"")
        for index, (file, fate) in enumerate(zip(files, fates, strict=True)):
            for offset, name in enumerate(FATES[fate][1]):
                named = f"attempt-1.{job}.{index}" if name == "attempt" else name
                self.s3.put(f"runs/{run_of(file)}/{named}.json", age - offset)

    def cancel(self, index: int | None) -> None:
        """Record that the first array was cancelled, or one child of it."""
        store = ArrayStore(cast("Any", self.s3), "state")
        store.write_cancelled(next(store.list_arrays("fn")), index)
        self.s3.calls.clear()

    def status(self) -> FunctionStatus:
        ledger = RunLedger(cast("Any", self.s3), "state")
        reading = read_arrays(ledger, cast("Any", self.batch), ["fn"])
        report = collect_status(ledger, ["fn"], StatusQuery(jobs={"fn": {}}, arrays=reading))
        return report.functions[0]


def run_of(file: int) -> str:
    (trigger,) = parse_event(json.dumps(notification(f"in/{file}")).encode())
    return str(record_format.run_path("fn", trigger, "", "", ("", "")))


def state_after(fate: str, before: RunState | None, *, has_ended: bool) -> RunState | None:
    """Return the state of a file's run after its child had this fate."""
    if fate == "unborn" and not has_ended:
        return before and RunState.QUEUED
    if fate == "unborn":
        return before or RunState.LOST
    if fate == "killed":
        return RunState.LOST if has_ended else RunState.RUNNING
    return FATES[fate][2]


FATE = st.sampled_from(sorted(FATES))
ENDED = st.sampled_from([fate for fate in sorted(FATES) if FATES[fate][0] not in UNFINISHED])


def has_ended(fates: list[str]) -> bool:
    return not any(FATES[fate][0] in UNFINISHED for fate in fates)


@given(st.lists(FATE, min_size=2, max_size=8))
def test_every_file_is_counted_once_in_its_state(fates: list[str]) -> None:
    world = World()
    world.add_array(list(range(len(fates))), fates, age=500)
    states = (state_after(fate, None, has_ended=has_ended(fates)) for fate in fates)
    assert world.status().states == Counter(state for state in states if state is not None)


@given(
    st.lists(ENDED, max_size=5),
    st.lists(
        st.tuples(
            st.sampled_from(["failed", "killed", "unborn"]),
            FATE.filter(lambda fate: fate != "duplicate"),
        ),
        min_size=2,
        max_size=6,
    ),
)
def test_a_file_that_is_retried_is_counted_once(
    others: list[str], retried: list[tuple[str, str]]
) -> None:
    """``retried`` are the fates of the same files in a first and in a second array."""
    world = World()
    first, second = [one for one, _ in retried], [two for _, two in retried]
    world.add_array(list(range(len(first + others))), first + others, age=500)
    world.add_array(list(range(len(second))), second, age=100, is_retry=True)
    states = [
        state_after(two, state_after(one, None, has_ended=True), has_ended=has_ended(second))
        for one, two in retried
    ]
    states += [state_after(fate, None, has_ended=True) for fate in others]
    assert world.status().states == Counter(states)


def test_a_run_that_another_job_continued_counts_as_what_has_become_of_it() -> None:
    world = World()
    world.add_array([1, 2, 3, 4], ["done", "grown", "outgrown", "failed"], age=500)
    (array,) = world.status().arrays
    assert array.text == "4 children: 2 done, 2 failed"
    ledger = RunLedger(cast("Any", world.s3), "state")
    described = describe_arrays(cast("Any", world.batch), [array.array])
    assert described[0].failed == 3
    (found,) = with_continued_runs(ledger, described)
    assert found.text == array.text
    assert count_children(found) == {RunState.DONE: 2, RunState.FAILED: 2}


@pytest.mark.parametrize("second", [0, 1])
def test_a_run_is_no_child_anymore_once_its_next_job_is_submitted(second: int) -> None:
    """S3 keeps whole seconds: a script that fails at once is submitted in the second it began."""
    job = "00000001-0000-4000-8000-000000000000"
    times = {"claim": 10.0, f"attempt-1.{job}.3": 10.0, "delegated-2": 10.0 + second}
    run = run_with(times)
    assert parent_of(run) is None
    assert continued_child(run) == (job, 3)
    assert run.state is RunState.QUEUED
    # A child of a later array, or a retry, has nothing to do with it.
    assert continued_child(run_with({**times, "retry": 20.0})) is None
    again = run_with({**times, f"attempt-1.{job[::-1]}.0": 20.0})
    assert parent_of(again) == (job[::-1], 0)
    assert continued_child(again) is None


def run_with(times: dict[str, float]) -> Run:
    state = derive_state(times, 30.0)
    path = RunPath(function="fn", date=DAY, run_id="0" * 32)
    return Run(path=path, state=state, record_times=times)


def test_a_child_that_ended_without_a_record_is_known_by_its_index() -> None:
    world = World()
    world.add_array([1, 2, 3], ["done", "unborn", "failed"], age=500)
    found = world.status()
    assert [(child.array.name, child.index) for child in found.lost_children] == [
        ("array-000000000000", 1)
    ]
    assert found.arrays[0].text == "3 children: 1 done, 2 failed"


@pytest.mark.parametrize("by_reason", [False, True])
def test_children_that_were_cancelled_with_their_array_have_failed(by_reason: bool) -> None:
    world = World()
    world.add_array([1, 2, 3], ["done", "unborn", "failed"], age=500)
    if by_reason:
        world.batch.reason = "scar cancel"
    else:
        world.cancel(None)
    found = world.status()
    assert found.states == {RunState.DONE: 1, RunState.FAILED: 2}
    assert [(c.index, c.is_cancelled) for c in found.lost_children] == [(1, True)]


def test_of_single_children_only_the_cancelled_one_has_failed() -> None:
    world = World()
    world.add_array([1, 2, 3], ["done", "unborn", "unborn"], age=500)
    world.cancel(2)
    found = world.status()
    assert found.states == {RunState.DONE: 1, RunState.LOST: 1, RunState.FAILED: 1}
    assert world.s3.calls == {"list": 2, "get": 1}


@pytest.mark.parametrize(("age", "relevant"), [(500, 1), (7200, 0)])
def test_a_lost_child_is_a_failure_of_the_hour_after_its_submission(
    age: float, relevant: int
) -> None:
    world = World()
    world.add_array([1, 2], ["done", "unborn"], age=age)
    assert world.status().relevant_failure_count == relevant


@pytest.mark.parametrize(("age", "relevant"), [(500, 2), (7200, 0)])
def test_of_an_arrays_failures_those_with_a_record_count_as_those_without(
    age: float, relevant: int
) -> None:
    world = World()
    world.add_array([1, 2, 3], ["done", "unborn", "failed"], age=age)
    assert world.status().relevant_failure_count == relevant


def test_a_new_array_of_the_same_files_has_their_lost_children() -> None:
    world = World()
    world.add_array([1, 2], ["unborn", "unborn"], age=500)
    world.add_array([1, 2], ["waits", "waits"], age=100)
    assert world.status().states == {RunState.QUEUED: 2}


def test_a_hundred_arrays_are_one_request_to_batch() -> None:
    world = World()
    for number in range(100):
        world.add_array([2 * number, 2 * number + 1], ["waits", "done"], age=500)
    found = world.status()
    assert found.states == {RunState.QUEUED: 100, RunState.DONE: 100}
    assert world.batch.described == [100]
    assert world.s3.calls["get"] == 0


def test_files_of_children_are_not_counted_as_files_without_a_run() -> None:
    from datetime import UTC, datetime

    from scar.runs.invoke import InputObject

    world = World()
    world.add_array([1, 2, 3], ["waits", "waits", "runs"], age=100)
    modified = datetime(2026, 9, 1, tzinfo=UTC)
    files = [
        InputObject(bucket="data", key=f"in/{n}", size=1, etag="1", modified=modified)
        for n in range(1, 5)
    ]
    ledger = RunLedger(cast("Any", world.s3), "state")
    reading = read_arrays(ledger, cast("Any", world.batch), ["fn"])
    query = StatusQuery(jobs={"fn": {}}, arrays=reading, inputs={"fn": files})
    (found,) = collect_status(ledger, ["fn"], query).functions
    assert found.states == {RunState.QUEUED: 2, RunState.RUNNING: 1}
    assert found.inputs is not None
    assert (found.inputs.waiting, found.inputs.never_started) == (1, 0)


@pytest.mark.parametrize("status", ["", "SUCCEEDED"])
def test_an_array_that_has_ended_has_no_child_that_has_not_begun(status: str) -> None:
    from scar.runs.arrays.array_status import ArrayStatus
    from scar.runs.arrays.array_store import ArrayJob

    path = ArrayPath(function="fn", date=DAY, array_id="array-1")
    array = ArrayJob(path=path, job="j", count=10, submitted=0)
    assert ArrayStatus(array=array, status=status).not_begun == 0
    assert ArrayStatus(array=array, status="PENDING").not_begun == 10
