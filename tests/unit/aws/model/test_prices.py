"""The price table is complete, and estimates are sums of amounts times prices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.model import costs, prices
from scar.aws.model.cost_reference import EXAMPLE, build_cost_reference
from scar.aws.model.costs import Workload
from tests import structure

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.model.costs import CostEstimate

US = prices.find_prices("us-east-1")
workloads = st.builds(
    Workload,
    runs=st.integers(0, 10_000),
    run_seconds=st.floats(0.1, 3600),
    memory_mb=st.integers(128, 4096),
    vcpus=st.sampled_from([0.5, 1, 2]),
    architecture=st.sampled_from(["x86_64", "arm64"]),
    log_kb=st.floats(0, 10_000, allow_subnormal=False),
    ephemeral_mb=st.integers(512, 10_240),
    storage_gb=st.floats(0, 200, allow_subnormal=False),  # 5e-324 GB cost nothing
)
MODES: dict[str, Callable[[Workload], CostEstimate]] = {
    "lambda": lambda load: costs.estimate_lambda(load, US),
    "lambda-batch": lambda load: costs.estimate_lambda_batch(load, load, US),
    "fargate": lambda load: costs.estimate_fargate(load, US),
    "spot": lambda load: costs.estimate_fargate(load, US, spot=True),
    "ec2": lambda load: costs.estimate_ec2(load, US),
}


@pytest.mark.parametrize("region", prices.PRICES)
def test_every_region_has_every_price_with_its_date_and_source(region: str) -> None:
    table = prices.PRICES[region]
    assert set(table.values) == set(prices.PRICE_NAMES)
    assert all(0 < price < 1 for price in table.values.values())
    assert table.region == region
    assert table.source
    assert table.read_on.startswith("2026-")
    assert table.unconfirmed <= set(prices.PRICE_NAMES)


def test_a_region_without_prices_has_those_of_an_expensive_one_and_says_so() -> None:
    found = prices.find_prices("eu-north-1")
    assert found.region == prices.FALLBACK_REGION
    assert found.describe().startswith("AWS's list prices of sa-east-1 (")
    for name in prices.PRICE_NAMES:
        assert found[name] == max(table[name] for table in prices.PRICES.values())


def test_unconfirmed_prices_are_counted_in_the_description() -> None:
    assert "unconfirmed" not in US.describe()
    count = len(prices.find_prices("eu-central-1").unconfirmed)
    assert f"{count} of them unconfirmed" in prices.find_prices("eu-central-1").describe()


def test_lambda_costs_gigabyte_seconds_and_requests() -> None:
    load = Workload(runs=1000, run_seconds=30, memory_mb=2048, log_kb=0)
    items = {item.price: item for item in costs.estimate_lambda(load, US).items}
    assert items["lambda_gb_second"].amount == 60_000
    assert items["lambda_gb_second"].usd == pytest.approx(1.000002)
    assert items["lambda_request"].usd == pytest.approx(0.0002)
    assert items["s3_put"].usd == pytest.approx(0.02)
    assert set(items) == {"lambda_gb_second", "lambda_request", "s3_put", "s3_get"}


def test_lambda_storage_costs_money_above_512_mb() -> None:
    load = Workload(runs=10, run_seconds=100, memory_mb=128, ephemeral_mb=512 + 1024)
    items = {item.price: item.amount for item in costs.estimate_lambda(load, US).items}
    assert items["lambda_storage_gb_second"] == 1000


def test_fargate_bills_at_least_a_minute_for_each_task() -> None:
    short = Workload(runs=60, run_seconds=1, start_seconds=0, memory_mb=2048, storage_gb=20)
    items = {item.price: item.amount for item in costs.estimate_fargate(short, US).items}
    assert items["fargate_vcpu_hour"] == 1
    assert items["fargate_gb_hour"] == 2
    assert "fargate_storage_gb_hour" not in items


def test_arm_has_prices_of_its_own() -> None:
    load = replace(EXAMPLE, architecture="arm64")
    used = {item.price for item in costs.estimate_lambda_batch(load, load, US).items}
    assert {"lambda_gb_second_arm", "fargate_vcpu_hour_arm", "fargate_gb_hour_arm"} <= used
    assert not {"lambda_gb_second", "fargate_vcpu_hour", "fargate_gb_hour"} & used


def test_spot_discounts_vcpus_and_memory_only() -> None:
    full = {item.price: item.usd for item in costs.estimate_fargate(EXAMPLE, US).items}
    spot = {item.price: item.usd for item in costs.estimate_fargate(EXAMPLE, US, spot=True).items}
    assert spot["fargate_vcpu_hour"] == pytest.approx(0.3 * full["fargate_vcpu_hour"])
    assert spot["fargate_gb_hour"] == pytest.approx(0.3 * full["fargate_gb_hour"])
    assert spot["public_ipv4_hour"] == full["public_ipv4_hour"]
    assert spot["fargate_storage_gb_hour"] == full["fargate_storage_gb_hour"]


def test_an_instance_runs_as_many_jobs_as_fit() -> None:
    load = Workload(runs=120, run_seconds=60, memory_mb=1024, idle_seconds=0)
    (hours,) = (
        item.amount for item in costs.estimate_ec2(load, US).items if item.price == "instance_hour"
    )
    assert hours == 1  # two vCPUs, so two jobs at a time
    with pytest.raises(ValueError, match=r"8192 MiB does not fit on one m5\.large"):
        costs.estimate_ec2(replace(load, memory_mb=8192), US)


@pytest.mark.parametrize("mode", MODES)
@given(load=workloads)
def test_twice_the_runs_cost_twice_and_nothing_is_negative(mode: str, load: Workload) -> None:
    load = replace(load, idle_seconds=0)
    one = MODES[mode](load)
    two = MODES[mode](replace(load, runs=2 * load.runs))
    assert all(item.amount > 0 and item.usd > 0 for item in one.items)
    assert two.total == pytest.approx(2 * one.total)
    assert one.total == pytest.approx(sum(item.usd for item in one.items))
    assert one.total >= 0


def test_the_document_is_generated_from_the_table() -> None:
    text = Path(structure.ROOT / "docs" / "costs.md").read_text()
    assert text == build_cost_reference(), (
        "run: python -m scar.aws.model.cost_reference > docs/costs.md"
    )
    for mode in ("lambda", "lambda-batch", "batch"):
        assert f"| `{mode}`" in text
