"""The table of steps: one module per step, a price for everything, a marker on every test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.acceptance.kit.costs import cost_of, describe_costs, unit_prices
from tests.acceptance.kit.steps import STEPS

FOLDER = Path(__file__).parents[2] / "acceptance"
MODULES = sorted(FOLDER.glob("test_*.py"))


def test_every_step_has_one_module_marked_with_its_number() -> None:
    found = {}
    for module in MODULES:
        name = re.fullmatch(r"test_step(\d\d)_[a-z_]+\.py", module.name)
        assert name is not None, module
        assert f"pytestmark = pytest.mark.step({int(name[1])})" in module.read_text(), module
        found[int(name[1])] = module
    assert found.keys() == STEPS.keys()
    assert len(found) == len(MODULES)


@pytest.mark.parametrize("number", STEPS)
def test_everything_that_a_step_uses_has_a_price(number: int) -> None:
    assert STEPS[number].usage.keys() <= unit_prices().keys()
    assert cost_of(STEPS[number]) < 5
    assert STEPS[number].seconds <= 4 * 3600


def test_the_costs_of_the_chosen_steps_are_summed_and_rounded_up() -> None:
    text = describe_costs(STEPS, [6, 1])
    assert text.index(STEPS[1].title) < text.index(STEPS[6].title)
    total = float(text.split()[-1])
    exact = cost_of(STEPS[1]) + cost_of(STEPS[6])
    assert exact <= total < exact + 0.03
    assert f"{total:.2f}" in text


def test_all_steps_together_cost_less_than_the_budget_that_contributing_names() -> None:
    text = (FOLDER.parents[1] / "CONTRIBUTING.md").read_text()
    named = re.search(r"at most (\d+) USD", text)
    assert named is not None
    assert sum(cost_of(step) for step in STEPS.values()) <= int(named[1])
