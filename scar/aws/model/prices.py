"""AWS's list prices for what scar uses, per Region, each with its source and date.

Prices are in USD without taxes, without the free tier, and of the first pricing tier. ``PRICES`` is
for estimates without an account; ``scar.aws.account.price_list`` reads current prices from AWS.
``scar.aws.model.costs`` computes costs from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

PriceName = Literal[
    "lambda_gb_second",
    "lambda_gb_second_arm",
    "lambda_request",
    "lambda_storage_gb_second",
    "fargate_vcpu_hour",
    "fargate_gb_hour",
    "fargate_vcpu_hour_arm",
    "fargate_gb_hour_arm",
    "fargate_storage_gb_hour",
    "instance_hour",
    "public_ipv4_hour",
    "s3_put",
    "s3_get",
    "s3_gb_month",
    "ecr_gb_month",
    "logs_gb",
    "logs_gb_month",
    "ebs_gp3_gb_month",
]
PRICE_NAMES: tuple[PriceName, ...] = get_args(PriceName)
"""Units are in the names; ``s3_put`` and ``s3_get`` are one request (PUT, POST, LIST; all other).

``instance_hour`` is one On-Demand ``EXAMPLE_INSTANCE`` with Linux, ``logs_gb`` is log ingestion.
Transfers between S3 and Lambda, Fargate or EC2 of the same Region are free; ``scar get`` is a
transfer to the internet, which costs about 0.09 USD per GB above 100 GB a month.
"""

EXAMPLE_INSTANCE = "m5.large"
EXAMPLE_INSTANCE_VCPUS = 2
EXAMPLE_INSTANCE_MB = 8 * 1024
FARGATE_SPOT_DISCOUNT = 0.7
"""AWS: "up to 70 %" (docs: Fargate pricing); the price of Spot changes and has no list."""
FALLBACK_REGION = "sa-east-1"
"""The most expensive Region of the table: an estimate for an unknown Region is rather too high."""

_PLAUSIBLE_FACTOR = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPrices:
    """The prices of one Region; ``read_on`` is the month or day when the source was read.

    ``unconfirmed`` are prices for which no public source was found: they are from memory, and to
    be checked with ``python -m scar.aws.account.price_list``.
    """

    region: str
    values: Mapping[PriceName, float]
    source: str
    read_on: str
    unconfirmed: frozenset[PriceName] = frozenset()

    def __getitem__(self, name: PriceName) -> float:
        return self.values[name]

    def describe(self) -> str:
        """Return where the prices are from, for the end of an estimate."""
        text = f"AWS's list prices of {self.region} ({self.source}, {self.read_on})"
        return f"{text}; {len(self.unconfirmed)} of them unconfirmed" if self.unconfirmed else text


def find_prices(region: str) -> RegionPrices:
    """Return the table's prices of a Region, or those of ``FALLBACK_REGION``."""
    return PRICES.get(region, PRICES[FALLBACK_REGION])


def is_plausible(name: PriceName, value: object, region: str) -> bool:
    """Return whether a value read from elsewhere can be this price.

    A wrong unit (per 1,000 requests, per month) or product differs from the table by far more than
    two Regions do.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    expected = find_prices(region)[name]
    return expected / _PLAUSIBLE_FACTOR <= value <= expected * _PLAUSIBLE_FACTOR


_UNITED_STATES: Mapping[PriceName, float] = {
    "lambda_gb_second": 0.0000166667,
    "lambda_gb_second_arm": 0.0000133334,
    "lambda_request": 0.20e-6,
    "lambda_storage_gb_second": 0.0000000309,
    "fargate_vcpu_hour": 0.04048,
    "fargate_gb_hour": 0.004445,
    "fargate_vcpu_hour_arm": 0.03238,
    "fargate_gb_hour_arm": 0.00356,
    "fargate_storage_gb_hour": 0.000111,
    "instance_hour": 0.096,
    "public_ipv4_hour": 0.005,
    "s3_put": 0.005e-3,
    "s3_get": 0.0004e-3,
    "s3_gb_month": 0.023,
    "ecr_gb_month": 0.10,
    "logs_gb": 0.50,
    "logs_gb_month": 0.03,
    "ebs_gp3_gb_month": 0.08,
}
_LIST = "copies of AWS's public price list"


def _confirmed_only(*names: PriceName) -> frozenset[PriceName]:
    """Return all other names: those without a public source.

    The price of public IPv4 addresses is the same in all Regions (AWS News Blog, 2023-07-28).
    """
    return frozenset(PRICE_NAMES) - {"public_ipv4_hour", *names}


PRICES: Mapping[str, RegionPrices] = {
    prices.region: prices
    for prices in (
        RegionPrices(region="us-east-1", values=_UNITED_STATES, source=_LIST, read_on="2026-09"),
        RegionPrices(
            region="us-east-2",
            values=_UNITED_STATES,
            source=f"us-east-1, {_LIST}",
            read_on="2026-09",
            # Lambda's pricing page shows the prices of US East (Ohio).
            unconfirmed=_confirmed_only(
                "lambda_gb_second", "lambda_gb_second_arm", "lambda_request"
            ),
        ),
        RegionPrices(
            region="us-west-2",
            values=_UNITED_STATES,
            source=f"us-east-1, {_LIST}",
            read_on="2026-09",
            unconfirmed=_confirmed_only(),
        ),
        RegionPrices(
            region="eu-west-1",
            values={
                **_UNITED_STATES,
                "lambda_storage_gb_second": 0.000000034,
                "fargate_storage_gb_hour": 0.000122,
                "instance_hour": 0.107,
                "logs_gb": 0.57,
                "ebs_gp3_gb_month": 0.088,
            },
            source=_LIST,
            read_on="2026-09",
            unconfirmed=_confirmed_only("fargate_vcpu_hour", "fargate_gb_hour", "ebs_gp3_gb_month"),
        ),
        RegionPrices(
            region="eu-central-1",
            values={
                **_UNITED_STATES,
                "lambda_storage_gb_second": 0.0000000367,
                "fargate_vcpu_hour": 0.04656,
                "fargate_gb_hour": 0.00511,
                "fargate_vcpu_hour_arm": 0.03725,
                "fargate_gb_hour_arm": 0.00409,
                "fargate_storage_gb_hour": 0.000132,
                "instance_hour": 0.115,
                "s3_put": 0.0054e-3,
                "s3_get": 0.00043e-3,
                "s3_gb_month": 0.0245,
                "logs_gb": 0.63,
                "logs_gb_month": 0.0324,
                "ebs_gp3_gb_month": 0.0952,
            },
            source=_LIST,
            read_on="2026-07",
            unconfirmed=_confirmed_only(
                "fargate_vcpu_hour", "fargate_gb_hour", "s3_gb_month", "logs_gb"
            ),
        ),
        RegionPrices(
            region="sa-east-1",
            values={
                **_UNITED_STATES,
                "lambda_storage_gb_second": 0.0000000586,
                "fargate_vcpu_hour": 0.0696,
                "fargate_gb_hour": 0.0076,
                "fargate_vcpu_hour_arm": 0.0557,
                "fargate_gb_hour_arm": 0.0061,
                "fargate_storage_gb_hour": 0.000211,
                "instance_hour": 0.153,
                "s3_put": 0.007e-3,
                "s3_get": 0.00056e-3,
                "s3_gb_month": 0.0405,
                "logs_gb": 0.90,
                "logs_gb_month": 0.0408,
                "ebs_gp3_gb_month": 0.152,
            },
            source="no public copy found",
            read_on="2026-11",
            unconfirmed=frozenset(PRICE_NAMES),
        ),
    )
}
"""The frozen table. us-east-1: every price, in copies of AWS's price list of 2026-03 to 2026-09.

Other Regions: see ``unconfirmed``. Not one price was read from AWS itself.
"""
