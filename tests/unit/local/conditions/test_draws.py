"""Decisions by chance: repeatable by seed, independent of other resources and of threads."""

from __future__ import annotations

import threading
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scar.local.conditions import draws as draws_module
from scar.local.conditions.draws import Draws
from scar.local.conditions.table import CHAOS_RULES, MAX_IN_A_ROW, Condition

seeds = st.text("abc0123456789", min_size=1, max_size=8)
resources = st.text(max_size=12)
FAULTS = (Condition.SANDBOX_KILLED, Condition.SANDBOX_OUT_OF_MEMORY)


def test_every_condition_has_a_rule() -> None:
    assert set(CHAOS_RULES) == set(Condition)
    for rule in CHAOS_RULES.values():
        assert 0 < rule.probability < 1
        assert 0 <= rule.seconds[0] <= rule.seconds[1] <= 10
        assert rule.reason


@given(seeds, resources, st.sampled_from(Condition))
def test_a_seed_repeats_its_decisions(seed: str, resource: str, condition: Condition) -> None:
    first, second = Draws(seed), Draws(seed)
    assert [first.draw(condition, resource) for _ in range(20)] == [
        second.draw(condition, resource) for _ in range(20)
    ]


@given(seeds, st.lists(st.sampled_from(["a", "b", "c"]), max_size=60))
def test_a_resource_does_not_depend_on_requests_to_others(seed: str, order: list[str]) -> None:
    mixed, alone = Draws(seed), Draws(seed)
    of_a = [mixed.draw(Condition.FUNCTION_PENDING, name) for name in order]
    expected = [alone.draw(Condition.FUNCTION_PENDING, "a") for _ in range(order.count("a"))]
    assert [o for o, name in zip(of_a, order, strict=True) if name == "a"] == expected


@given(seeds, resources)
def test_faults_of_a_resource_are_few_in_a_row(seed: str, resource: str) -> None:
    draws = Draws(seed)
    in_a_row = longest = 0
    for _ in range(300):
        in_a_row = in_a_row + 1 if draws.draw_fault(FAULTS, resource) else 0
        longest = max(longest, in_a_row)
    assert longest <= MAX_IN_A_ROW


@given(seeds, st.sampled_from(Condition))
def test_lengths_are_within_the_table(seed: str, condition: Condition) -> None:
    draws = Draws(seed)
    low, high = CHAOS_RULES[condition].seconds
    for _ in range(50):
        occurrence = draws.draw(condition, "r")
        assert occurrence is None or low <= occurrence.seconds <= high


def test_conditions_occur_as_often_as_the_table_says() -> None:
    draws = Draws("7")
    found = Counter(
        occurrence.condition if (occurrence := draws.draw_one(FAULTS, f"r{n}")) else None
        for n in range(20_000)
    )
    for condition in FAULTS:
        share = found[condition] / 20_000
        assert abs(share - CHAOS_RULES[condition].probability) < 0.01, condition


def test_seeds_differ() -> None:
    decisions = {
        tuple(bool(Draws(str(seed)).draw(Condition.FUNCTION_PENDING, str(n))) for n in range(30))
        for seed in range(50)
    }
    assert len(decisions) == 50


def test_threads_do_not_change_what_a_resource_meets() -> None:
    shared, alone = Draws("3"), Draws("3")
    found: dict[str, list[object]] = {}

    def use(name: str) -> None:
        found[name] = [shared.draw(Condition.FUNCTION_PENDING, name) for _ in range(200)]

    threads = [threading.Thread(target=use, args=(f"r{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, decisions in found.items():
        assert decisions == [alone.draw(Condition.FUNCTION_PENDING, name) for _ in range(200)]


def test_the_memory_of_counters_is_bounded() -> None:
    draws = Draws("1")
    for number in range(draws_module.MAX_COUNTERS + 10):
        draws.draw(Condition.SLOW_DOWN, str(number))
    assert len(draws._counts) == draws_module.MAX_COUNTERS
