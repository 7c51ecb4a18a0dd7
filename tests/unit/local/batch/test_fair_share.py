"""Queues with shares: the share with the least use is next, the highest priority in it first."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scar.local.batch.scheduling.fair_share import order_jobs, weight_of
from scar.local.batch.scheduling.placement import JobStart, RunnableJob, place_jobs, queue_heads
from scar.local.moto.batch_registry import (
    ComputeEnvironmentRecord,
    FairShareRecord,
    JobQueueRecord,
)

ENVIRONMENT = ComputeEnvironmentRecord(name="e", arn="e", enabled=True, max_vcpus=4)


def queue(
    name: str = "q", fair_share: FairShareRecord | None = None, priority: int = 1
) -> JobQueueRecord:
    return JobQueueRecord(
        name=name,
        arn=name,
        region="r",
        enabled=True,
        priority=priority,
        environments=(ENVIRONMENT,),
        fair_share=fair_share,
    )


def job(number: int, share: str = "", queue: str = "q", priority: int = 0) -> RunnableJob:
    return RunnableJob(
        sequence=number, id=f"j{number}", queue=queue, vcpus=1, share=share, priority=priority
    )


SHARED = queue(fair_share=FairShareRecord(weights=(("a", 0.5), ("b*", 2.0))))


def shares_of(jobs: list[RunnableJob]) -> str:
    return "".join(each.share for each in jobs)


def test_equal_shares_take_turns_although_one_was_first() -> None:
    waiting = [*(job(n, "x") for n in range(3)), *(job(n, "y") for n in range(3, 6))]
    queues = {"q": queue(fair_share=FairShareRecord())}
    assert shares_of(order_jobs(waiting, queues, {})) == "xyxyxy"


def test_a_share_with_half_the_weight_gets_twice_the_vcpus() -> None:
    waiting = [*(job(n, "c") for n in range(20)), *(job(n, "a") for n in range(20, 40))]
    first = order_jobs(waiting, {"q": SHARED}, {})[:12]
    assert Counter(each.share for each in first) == {"a": 8, "c": 4}


def test_use_counts_that_a_share_has_already() -> None:
    waiting = [job(0, "x"), job(1, "y")]
    queues = {"q": queue(fair_share=FairShareRecord())}
    assert shares_of(order_jobs(waiting, queues, {("q", "x"): 2.0})) == "yx"


def test_a_higher_priority_counts_within_its_share_only() -> None:
    waiting = [job(0, "x"), job(1, "x", priority=9), job(2, "y")]
    ordered = order_jobs(waiting, {"q": queue(fair_share=FairShareRecord())}, {})
    assert [each.id for each in ordered] == ["j1", "j2", "j0"]


def test_a_queue_without_a_policy_is_first_in_first_out() -> None:
    waiting = [job(1), job(0), job(2, priority=9)]
    assert [j.sequence for j in order_jobs(waiting, {"q": queue()}, {})] == [0, 1, 2]


def test_queues_of_higher_priority_are_served_first() -> None:
    queues = {"q": SHARED, "p": queue("p", priority=9)}
    ordered = order_jobs([job(0, "a"), job(1, queue="p")], queues, {})
    assert [each.id for each in ordered] == ["j1", "j0"]
    assert queue_heads(ordered) == {"j0", "j1"}


def test_weights_are_of_identifiers_and_prefixes() -> None:
    assert SHARED.fair_share is not None
    weights = [weight_of(share, SHARED.fair_share) for share in ("a", "ab", "b", "b1")]
    assert weights == [0.5, 1.0, 2.0, 2.0]


def test_placement_serves_shares() -> None:
    waiting = [*(job(n, "x") for n in range(4)), job(4, "y")]
    queues = {"q": queue(fair_share=FairShareRecord())}
    started = [d.job for d in place_jobs(waiting, queues, {}, 2) if isinstance(d, JobStart)]
    assert started == ["j0", "j4"]
    use = {("q", "x"): 1.0}
    decisions = place_jobs(waiting, queues, {}, 1, share_use=use)
    started = [d.job for d in decisions if isinstance(d, JobStart)]
    assert started == ["j4"]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=30),
    st.dictionaries(st.sampled_from("abc"), st.floats(0, 9)),
)
def test_every_job_is_served_once_and_in_order_within_its_share(
    jobs: list[tuple[str, int]], used: dict[str, float]
) -> None:
    waiting = [job(n, share, priority=priority) for n, (share, priority) in enumerate(jobs)]
    use = {("q", share): vcpus for share, vcpus in used.items()}
    ordered = order_jobs(waiting, {"q": SHARED}, use)
    assert Counter(j.id for j in ordered) == Counter(j.id for j in waiting)
    for share in "abc":
        own = [(-j.priority, j.sequence) for j in ordered if j.share == share]
        assert own == sorted(own)
