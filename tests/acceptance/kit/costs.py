"""An upper bound of what the steps cost on AWS, printed before they start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.acceptance.kit.steps import Step

# USD, list prices of 2026-11 in us-east-1 times 1.8, which is more than in any other Region of the
# standard partition (docs: pricing pages). Names and units are those of scar's price table.
_UNIT_PRICES: Mapping[str, float] = {
    "lambda_gb_second": 3.0e-5,
    "lambda_request": 3.6e-7,
    "fargate_vcpu_hour": 0.073,
    "fargate_gb_hour": 0.008,
    "fargate_storage_gb_hour": 0.0002,
    "instance_hour": 0.18,
    "public_ipv4_hour": 0.005,
    "s3_put": 9e-6,
    "s3_get": 7.2e-7,
    "s3_gb_month": 0.041,
    "ecr_gb_month": 0.10,
    "logs_gb": 0.90,
    "ebs_gp3_gb_month": 0.15,
    "kms_key_month": 1.0,
    "transfer_gb": 0.15,
}


def unit_prices() -> Mapping[str, float]:
    """Return the price of one unit of everything that a step may use."""
    return _UNIT_PRICES


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
