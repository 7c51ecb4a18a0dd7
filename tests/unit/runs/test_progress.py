"""How far functions are; that ``scar status`` and ``scar wait`` count alike."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.runs.invoke import InputObject
from scar.runs.ledger import RunLedger
from scar.runs.lookup import input_id_prefix
from scar.runs.progress import RunProgress, count_inputs, describe_progress
from scar.runs.rate import EndRate
from scar.runs.states import FAILURE_STATES, FINISHED_STATES, RunState
from scar.runs.status import FunctionStatus, StatusQuery, collect_status
from scar.runs.unfinished_jobs import UnfinishedJob
from tests.fakes.s3_listing_client import NOW, ListedS3

DAY = "2026-09-21"
NAMES = ("claim", "waiting", "delegated", "attempt-1", "error", "retry", "done", "repeated")


def a_ledger(s3: ListedS3) -> RunLedger:
    return RunLedger(s3, "state")  # type: ignore[arg-type]


def an_input(key: str, age: float) -> InputObject:
    modified = datetime.fromtimestamp(NOW - age, UTC)
    return InputObject(bucket="data", key=key, size=1, etag="1", modified=modified)


def file_run(key: str, version: int = 1) -> str:
    return f"{input_id_prefix('fn', 'data', key)}{version:016x}"


def put(s3: ListedS3, run: str, **ages: float) -> None:
    for name, age in ages.items():
        s3.put(f"runs/fn/{DAY}/{run}/{name.replace('_', '-')}.json", age)


def status_of(s3: ListedS3, query: StatusQuery) -> FunctionStatus:
    (status,) = collect_status(a_ledger(s3), ["fn"], query).functions
    return status


runs = st.tuples(
    st.sampled_from(("file", "old version", "direct")),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 30_000), min_size=1),
    st.sampled_from(("", "RUNNABLE", "RUNNING")),
)


@given(st.lists(runs, max_size=8), st.booleans())
def test_status_and_wait_count_alike(
    some: list[tuple[str, dict[str, int], str]],
    uses_batch: bool,
) -> None:
    s3, files, jobs = ListedS3(), [], {}
    for number, (kind, ages, job) in enumerate(some):
        run = f"{number:08x}-0000-4000-8000-000000000000"
        if kind != "direct":
            run = file_run(f"in/{number}", number)
            files.append(an_input(f"in/{number}", 0 if kind == "old version" else 40_000))
        put(s3, run, **ages)
        name = f"fn-{run}"
        if job:
            jobs[name] = UnfinishedJob(id="j", name=name, status=job, created=NOW)
    by_function = {"fn": jobs} if uses_batch else {}
    query = StatusQuery(jobs=by_function, list_jobs=lambda: jobs, inputs={"fn": files})
    found = status_of(s3, query)
    waited = count_inputs(a_ledger(s3), {"fn": files}, by_function, list_jobs=lambda: jobs)
    inputs = found.inputs
    assert inputs is not None
    assert found.counts | {"never_started": inputs.never_started} == waited.counts
    assert sum(found.states.values()) == len(some)
    assert waited.is_finished == (not found.unfinished_count and not inputs.waiting)
    assert waited.failed + waited.earlier_failure_count == found.failure_count


def test_direct_calls_and_batch_runs_are_waited_for() -> None:
    s3 = ListedS3()
    put(s3, "5c9d84bd-0000-4000-8000-000000000000", claim=5)
    found = count_inputs(a_ledger(s3), {"fn": []})
    assert (found.is_finished, found.counts["lambda"]) == (False, 1)
    put(s3, "5c9d84bd-0000-4000-8000-000000000000", claim=90, delegated=80)
    found = count_inputs(a_ledger(s3), {"fn": []}, {"fn": {}})
    assert (found.is_finished, found.counts["lost"]) == (True, 1)


@pytest.mark.parametrize(("age", "failures"), [(5_000, 0), (500, 1), (20, 1)])
def test_a_direct_call_counts_if_it_began_within_the_hour(age: int, failures: int) -> None:
    s3 = ListedS3()
    put(s3, "5c9d84bd-0000-4000-8000-000000000000", claim=age + 1, error=age)
    found = count_inputs(a_ledger(s3), {"fn": []}, began=NOW - 100)
    assert (found.failure_count, found.earlier_failure_count) == (failures, 1 - failures)
    assert found.counts["failed"] == 1


def test_of_direct_calls_before_waiting_began_the_latest_counts() -> None:
    s3 = ListedS3()
    put(s3, "5c9d84bd-0000-4000-8000-000000000000", claim=901, error=900)
    put(s3, "0c9d84bd-0000-4000-8000-000000000000", claim=501, done=500)
    assert count_inputs(a_ledger(s3), {"fn": []}, began=NOW - 100).failure_count == 0
    put(s3, "1c9d84bd-0000-4000-8000-000000000000", claim=401, error=400)
    assert count_inputs(a_ledger(s3), {"fn": []}, began=NOW - 100).failure_count == 1


def test_the_failure_of_a_replaced_file_is_no_error() -> None:
    s3 = ListedS3()
    put(s3, file_run("in/a", 1), claim=30, error=20)
    put(s3, file_run("in/a", 2), claim=9, done=5)
    found = count_inputs(a_ledger(s3), {"fn": [an_input("in/a", 10)]}, began=NOW - 100)
    assert (found.failure_count, found.earlier_failure_count) == (0, 1)


def test_a_removed_functions_queued_run_is_corrected_by_the_jobs_of_all_queues() -> None:
    s3, listings = ListedS3(), []

    def list_jobs() -> dict[str, UnfinishedJob]:
        listings.append(s3.calls["list"])
        return {}

    put(s3, file_run("in/a"), claim=50_000, delegated=50_000)
    put(s3, file_run("in/b"), claim=50_000, done=50_000)
    status = status_of(s3, StatusQuery(jobs={}, list_jobs=list_jobs))
    assert status.states == {RunState.LOST: 1, RunState.DONE: 1}
    assert len(listings) == 1
    assert s3.calls["list"] == listings[0] + 1  # the records are listed again, after the jobs


def test_jobs_are_not_listed_for_functions_without_queued_runs() -> None:
    s3 = ListedS3()
    put(s3, file_run("in/b"), claim=50_000, done=50_000)
    put(s3, file_run("in/c"), claim=5)
    query = StatusQuery(jobs={}, list_jobs=lambda: pytest.fail("listed"))
    assert status_of(s3, query).unfinished_count == 1


def test_progress_has_a_denominator_a_rate_and_the_time_left() -> None:
    s3 = ListedS3()
    files = [an_input(f"in/{number}", 20) for number in range(200)]
    for number in range(28):
        put(s3, file_run(f"in/{number}"), claim=15, done=1)
    put(s3, file_run("in/30"), claim=5)
    status = status_of(s3, StatusQuery(jobs={}, inputs={"fn": files}))
    text = describe_progress([status])
    assert text == "done 28 of 200 files (14 %), 1.9/s, about 1 min 32 s left"


@pytest.mark.parametrize(("ended", "running"), [(4, True), (28, False)])
def test_no_time_is_left_before_it_is_known(ended: int, running: bool) -> None:
    """Of the first few ends, and of runs that may never start, it would be far off."""
    s3 = ListedS3()
    for number in range(ended):
        put(s3, file_run(f"in/{number}"), claim=15, done=1)
    times = {"claim": 6, "delegated": 5, **({"attempt-1": 4} if running else {})}
    put(s3, file_run("in/30"), **times)
    if running:
        put(s3, file_run("in/30"), claim=4)
    status = status_of(s3, StatusQuery(jobs={}, inputs={"fn": [an_input("in/30", 20)]}))
    assert status.unfinished_count == 1
    assert "left" not in describe_progress([status])


def test_a_bounded_listing_says_of_at_least() -> None:
    s3 = ListedS3()
    put(s3, file_run("in/1"), claim=5)
    files = [an_input(f"in/{number}", 20) for number in range(11)]
    status = status_of(s3, StatusQuery(jobs={}, inputs={"fn": files}, most_files=10))
    assert describe_progress([status]) == "done 0 of at least 10 files (0 %)"


def test_direct_calls_have_no_denominator() -> None:
    s3 = ListedS3()
    put(s3, "5c9d84bd-0000-4000-8000-000000000000", claim=5)
    assert describe_progress([status_of(s3, StatusQuery(jobs={}))]) == "1 in progress"


def test_a_function_that_has_ended_has_no_progress() -> None:
    assert describe_progress([FunctionStatus(function="fn")]) == ""


def test_a_status_reads_no_object_and_its_cost_does_not_depend_on_the_files() -> None:
    s3 = ListedS3(page=10)
    for number in range(30):
        put(s3, file_run(f"in/{number}"), claim=15, done=1)
    files = [an_input(f"in/{number}", 20) for number in range(500)]
    status_of(s3, StatusQuery(jobs={}, inputs={"fn": files}))
    assert s3.calls == {"list": 7}  # 60 records, 10 to a page, and the days


@pytest.mark.parametrize(
    ("ages", "per_second"),
    [
        ([], 0.0),
        ([3601], 0.0),
        ([3600], 1 / 3600),
        ([30] * 5, 5 / 40),
        ([30] * 5 + [61] * 100, 5 / 40),
        ([30] * 4 + [500] * 6, 10 / 510),
    ],
)
def test_a_rate_is_that_of_the_shortest_window_with_enough_ends(
    ages: list[int], per_second: float
) -> None:
    rate = EndRate()
    for age in ages:
        rate.add(NOW - age - 10, NOW - age, NOW)
    assert rate.per_second == pytest.approx(per_second)


@given(st.lists(st.tuples(st.integers(0, 7000), st.integers(0, 7000)), max_size=30))
def test_a_rate_is_never_negative_and_zero_only_if_nothing_ended(
    ages: list[tuple[int, int]],
) -> None:
    rate = EndRate()
    for one, other in ages:
        rate.add(NOW - max(one, other), NOW - min(one, other), NOW)
    ended = any(min(pair) <= 3600 for pair in ages)
    assert (rate.per_second > 0) == ended


def test_all_states_are_either_finished_or_waited_for() -> None:
    for state in RunState:
        progress = RunProgress(states={state: 1})  # type: ignore[arg-type]
        assert progress.is_finished == (state in FINISHED_STATES)
    assert FAILURE_STATES < FINISHED_STATES
