"""Which waiting jobs start, and in which compute environment."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scar.local.batch.scheduling.placement import (
    JobBlocked,
    JobOrphaned,
    JobStart,
    RunnableJob,
    find_expired_limit,
    place_jobs,
)
from scar.local.moto.batch_registry import (
    ComputeEnvironmentRecord,
    JobQueueRecord,
    StateTimeLimit,
)


def env(name: str, vcpus: float, *, enabled: bool = True) -> ComputeEnvironmentRecord:
    return ComputeEnvironmentRecord(name=name, arn=name, enabled=enabled, max_vcpus=vcpus)


def queue(name: str, *environments: ComputeEnvironmentRecord, priority: int = 1) -> JobQueueRecord:
    return JobQueueRecord(
        name=name,
        arn=name,
        region="r",
        enabled=True,
        priority=priority,
        environments=environments,
    )


def job(number: int, queue: str = "q", vcpus: float = 1.0) -> RunnableJob:
    return RunnableJob(sequence=number, id=f"j{number}", queue=queue, vcpus=vcpus)


def test_environments_are_filled_in_the_queues_order() -> None:
    first, second = env("a", 2), env("b", 8)
    decisions = place_jobs(
        [job(n) for n in range(4)], {"q": queue("q", first, second)}, {"a": 1.0}, 9
    )
    assert decisions == [JobStart("j0", first), *(JobStart(f"j{n}", second) for n in (1, 2, 3))]


def test_queues_of_higher_priority_go_first() -> None:
    only = env("a", 1)
    queues = {"low": queue("low", only), "high": queue("high", only, priority=9)}
    assert place_jobs([job(1, "low"), job(2, "high")], queues, {}, 9) == [JobStart("j2", only)]


def test_a_large_job_is_not_starved_by_small_ones_behind_it() -> None:
    only = env("a", 4)
    decisions = place_jobs([job(1, vcpus=4), job(2)], {"q": queue("q", only)}, {"a": 1.0}, 9)
    assert decisions == []


def test_a_job_too_large_for_every_environment_is_stuck_and_lets_others_pass() -> None:
    only = env("a", 4)
    stuck, start = place_jobs([job(1, vcpus=5), job(2)], {"q": queue("q", only)}, {}, 9)
    assert isinstance(stuck, JobBlocked)
    assert stuck.reason.startswith("MISCONFIGURATION:")
    assert start == JobStart("j2", only)


def test_disabled_environments_take_no_jobs() -> None:
    (stuck,) = place_jobs([job(1)], {"q": queue("q", env("a", 4, enabled=False))}, {}, 9)
    assert isinstance(stuck, JobBlocked)
    assert "DISABLED" in stuck.reason


def test_jobs_without_a_queue_are_orphans() -> None:
    assert place_jobs([job(1)], {"q": None}, {}, 9) == [JobOrphaned("j1")]


@given(
    st.lists(st.tuples(st.sampled_from("xy"), st.floats(0.25, 9)), max_size=30),
    st.floats(0, 8),
    st.integers(0, 10),
)
def test_capacity_and_places_are_never_exceeded(
    jobs: list[tuple[str, float]], busy: float, free_slots: int
) -> None:
    one, two = env("a", 8), env("b", 4)
    queues = {"x": queue("x", one, two), "y": queue("y", two, priority=2)}
    waiting = [job(n, name, vcpus) for n, (name, vcpus) in enumerate(jobs)]
    used = {"a": busy}
    starts = [d for d in place_jobs(waiting, queues, used, free_slots) if isinstance(d, JobStart)]
    size = {w.id: w.vcpus for w in waiting}
    for start in starts:
        used[start.environment.arn] = used.get(start.environment.arn, 0) + size[start.job]
    assert used["a"] <= 8 + 1e-6
    assert used.get("b", 0) <= 4 + 1e-6
    assert len(starts) <= free_slots


def test_a_job_that_no_instance_type_can_hold_reports_why() -> None:
    only = ComputeEnvironmentRecord(
        name="a", arn="a", enabled=True, max_vcpus=64, instance_types=("m5.large", "c5.large")
    )
    big = RunnableJob(sequence=1, id="big", queue="q", vcpus=1, memory=8192)
    wide = RunnableJob(sequence=2, id="wide", queue="q", vcpus=3, memory=1)
    fits = RunnableJob(sequence=3, id="fits", queue="q", vcpus=2, memory=7000)
    queues = {"q": queue("q", only)}
    stuck, too_wide, start = place_jobs([big, wide, fits], queues, {}, 9)
    for decision in (stuck, too_wide):
        assert isinstance(decision, JobBlocked)
        assert decision.reason.startswith("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
    assert start == JobStart("fits", only)


def test_instance_types_that_are_not_known_hold_every_job() -> None:
    only = ComputeEnvironmentRecord(
        name="a", arn="a", enabled=True, max_vcpus=64, instance_types=("zz9.large",)
    )
    big = RunnableJob(sequence=1, id="big", queue="q", vcpus=1, memory=10**7)
    assert place_jobs([big], {"q": queue("q", only)}, {}, 9) == [JobStart("big", only)]


def test_a_lack_of_this_machine_s_capacity_is_the_reason_of_the_first_job_of_a_queue() -> None:
    only = env("a", 4)
    limit = StateTimeLimit(reason="CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", seconds=600)
    limited = replace(queue("q", only), time_limits=(limit,))
    waiting = [job(1), job(2)]
    (blocked,) = place_jobs(waiting, {"q": limited}, {}, 0)
    assert isinstance(blocked, JobBlocked)
    assert blocked.job == "j1"
    assert find_expired_limit(limited, blocked.reason, 600) == limit.reason
    # The environment's own maximum is no lack of capacity; a queue without a limit cancels no job.
    assert place_jobs(waiting, {"q": limited}, {"a": 4.0}, 0) == []
    unlimited = queue("q", only)
    assert place_jobs(waiting, {"q": unlimited}, {}, 0) == [blocked]
    assert find_expired_limit(unlimited, blocked.reason, 10**6) == ""
