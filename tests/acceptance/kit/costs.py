"""An upper bound of what the steps cost on AWS, printed before they start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model.prices import find_prices

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.acceptance.kit.steps import Step

# More than the highest price in any other Region of the standard partition costs.
_HIGHEST_FACTOR = 1.8
# USD, for what only the steps use; the units are in the names (docs: pricing pages, 2026-11).
_FURTHER_PRICES: Mapping[str, float] = {
    "http_api_request": 2e-6,
    "kms_key_month": 1.0,
    "transfer_gb": 0.15,
}


def unit_prices() -> Mapping[str, float]:
    """Return the price of one unit of everything that a step may use: scar's table, and more."""
    prices = dict(_FURTHER_PRICES)
    for name, price in find_prices("us-east-1").values.items():
        prices[name] = price * _HIGHEST_FACTOR
    return prices


def cost_of(step: Step) -> float:
    """Return the most that a step costs, in USD."""
    prices = unit_prices()
    return sum(amount * prices[name] for name, amount in step.usage.items())


def describe_costs(steps: Mapping[int, Step], numbers: Iterable[int]) -> str:
    """Return a line per step and the sum, in USD rounded up to the cent."""
    costs = {number: cost_of(steps[number]) for number in sorted(numbers)}
    lines = [f"{n:>4}  {steps[n].title:<66} {_cents(cost):>6.2f}" for n, cost in costs.items()]
    total = sum(map(_cents, costs.values()))
    return "\n".join(
        [
            "Upper bound of the cost in USD, without taxes, if everything is removed afterwards:",
            *lines,
            f"      {'total':<66} {total:>6.2f}",
        ]
    )


def _cents(cost: float) -> float:
    return -(-cost * 100 // 1) / 100
