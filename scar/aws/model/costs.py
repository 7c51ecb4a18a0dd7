"""Estimate what runs cost in each execution mode: pure arithmetic over ``prices``.

An estimate counts each run's compute time, S3 requests and log lines, at list prices and without
the free tier. It leaves out what is no part of a run: storage of inputs and outputs, transfers to
the internet, NAT gateways, KMS requests and taxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scar.aws.model import prices

if TYPE_CHECKING:
    from scar.aws.model.prices import PriceName, RegionPrices

_HOUR = 3600.0
_MB_PER_GB = 1024.0
_KB_PER_GB = 1024.0**2
_HOURS_PER_MONTH = 730.0
FARGATE_MINIMUM_SECONDS = 60.0  # docs: Fargate pricing
FREE_LAMBDA_STORAGE_MB = 512
FREE_FARGATE_STORAGE_GB = 20
# S3 requests of one run: claim, output and done.json, and two more records with Batch; the upload
# of the input by `scar put` is one more. Reads: the input, HEADs of input and output, records.
PUTS_IN_LAMBDA = 4
PUTS_IN_BATCH = 7
GETS_PER_RUN = 6
# Mode `batch`: what the invocation costs that only submits the job.
SUBMISSION_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Runs that are alike. ``run_seconds`` is a run from download to upload.

    ``start_seconds`` is how long a Fargate task takes to pull its image, which is billed;
    ``idle_seconds`` how long an EC2 instance starts and waits before and after its jobs.
    ``storage_gb`` is Fargate's or the instance's disk, ``ephemeral_mb`` Lambda's ``/tmp``.
    """

    runs: int
    run_seconds: float
    memory_mb: int
    vcpus: float = 1
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    log_kb: float = 8
    ephemeral_mb: int = 512
    storage_gb: float = 30
    start_seconds: float = 30
    idle_seconds: float = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class CostItem:
    """One line of an estimate: an amount in the price's unit, and its cost in USD."""

    price: PriceName
    amount: float
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """The items of an estimate, and the prices that it was computed from."""

    items: tuple[CostItem, ...]
    prices: RegionPrices

    @property
    def total(self) -> float:
        """The sum in USD."""
        return sum(item.usd for item in self.items)


def estimate_lambda(load: Workload, at: RegionPrices) -> CostEstimate:
    """Estimate runs in mode ``lambda``."""
    return _estimate(at, _lambda_amounts(load, load.run_seconds) | _request_amounts(load))


def estimate_fargate(load: Workload, at: RegionPrices, *, spot: bool = False) -> CostEstimate:
    """Estimate runs in mode ``batch`` on Fargate; ``spot``: with the highest discount of Spot."""
    amounts = (
        _submission_amounts(load) | _fargate_amounts(load) | _request_amounts(load, batch=True)
    )
    discounts = dict.fromkeys(_FARGATE_COMPUTE, 1 - prices.FARGATE_SPOT_DISCOUNT) if spot else {}
    return _estimate(at, amounts, discounts)


def estimate_ec2(load: Workload, at: RegionPrices, *, instances: int = 1) -> CostEstimate:
    """Estimate runs in mode ``batch`` on On-Demand Instances of the type ``EXAMPLE_INSTANCE``.

    Raise ValueError for a job that does not fit on one.
    """
    amounts = _submission_amounts(load) | _instance_amounts(load, instances)
    return _estimate(at, amounts | _request_amounts(load, batch=True))


def estimate_lambda_batch(
    load: Workload, long_runs: Workload, at: RegionPrices, *, lambda_seconds: float = 300
) -> CostEstimate:
    """Estimate runs in mode ``lambda-batch``: ``load`` ends in Lambda, ``long_runs`` do not.

    Each of these uses Lambda for ``lambda_seconds`` first, and then starts again on Fargate.
    """
    in_lambda = _add(_lambda_amounts(load, load.run_seconds), _request_amounts(load))
    in_batch = _add(
        _lambda_amounts(long_runs, lambda_seconds),
        _fargate_amounts(long_runs),
        _request_amounts(long_runs, batch=True),
    )
    return _estimate(at, _add(in_lambda, in_batch))


_FARGATE_COMPUTE: tuple[PriceName, ...] = (
    "fargate_vcpu_hour",
    "fargate_gb_hour",
    "fargate_vcpu_hour_arm",
    "fargate_gb_hour_arm",
)


def _add(*parts: dict[PriceName, float]) -> dict[PriceName, float]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, 0) for part in parts) for name in names}


def _estimate(
    at: RegionPrices,
    amounts: dict[PriceName, float],
    factors: dict[PriceName, float] | None = None,
) -> CostEstimate:
    items = (
        CostItem(price=name, amount=amount, usd=amount * at[name] * (factors or {}).get(name, 1))
        for name, amount in amounts.items()
        if amount
    )
    return CostEstimate(items=tuple(items), prices=at)


def _lambda_amounts(load: Workload, seconds: float) -> dict[PriceName, float]:
    total = load.runs * seconds
    extra_mb = max(0, load.ephemeral_mb - FREE_LAMBDA_STORAGE_MB)
    compute: PriceName = (
        "lambda_gb_second_arm" if load.architecture == "arm64" else "lambda_gb_second"
    )
    return {
        "lambda_request": load.runs,
        compute: total * load.memory_mb / _MB_PER_GB,
        "lambda_storage_gb_second": total * extra_mb / _MB_PER_GB,
    }


def _submission_amounts(load: Workload) -> dict[PriceName, float]:
    return _lambda_amounts(load, SUBMISSION_SECONDS)


def _fargate_amounts(load: Workload) -> dict[PriceName, float]:
    seconds = max(FARGATE_MINIMUM_SECONDS, load.start_seconds + load.run_seconds)
    hours = load.runs * seconds / _HOUR
    extra_gb = max(0.0, load.storage_gb - FREE_FARGATE_STORAGE_GB)
    is_arm = load.architecture == "arm64"
    vcpu: PriceName = "fargate_vcpu_hour_arm" if is_arm else "fargate_vcpu_hour"
    memory: PriceName = "fargate_gb_hour_arm" if is_arm else "fargate_gb_hour"
    return {
        vcpu: hours * load.vcpus,
        memory: hours * load.memory_mb / _MB_PER_GB,
        "fargate_storage_gb_hour": hours * extra_gb,
        "public_ipv4_hour": hours,
    }


def _instance_amounts(load: Workload, instances: int) -> dict[PriceName, float]:
    # The ECS agent needs a part of the memory: a job of exactly the instance's memory never fits.
    fitting = min(
        prices.EXAMPLE_INSTANCE_VCPUS // load.vcpus,
        (prices.EXAMPLE_INSTANCE_MB - 512) // load.memory_mb,
    )
    if fitting < 1:
        raise ValueError(
            f"a job of {load.vcpus:g} vCPUs and {load.memory_mb} MiB does not fit on one"
            f" {prices.EXAMPLE_INSTANCE}"
        )
    hours = (load.runs * load.run_seconds / fitting + instances * load.idle_seconds) / _HOUR
    return {
        "instance_hour": hours,
        "public_ipv4_hour": hours,
        "ebs_gp3_gb_month": hours * load.storage_gb / _HOURS_PER_MONTH,
    }


def _request_amounts(load: Workload, *, batch: bool = False) -> dict[PriceName, float]:
    """Return the amounts of S3 requests and logs; a month of log storage with them."""
    log_gb = load.runs * load.log_kb * (2 if batch else 1) / _KB_PER_GB
    return {
        "s3_put": load.runs * (PUTS_IN_BATCH if batch else PUTS_IN_LAMBDA),
        "s3_get": load.runs * GETS_PER_RUN * (2 if batch else 1),
        "logs_gb": log_gb,
        "logs_gb_month": log_gb,
    }
