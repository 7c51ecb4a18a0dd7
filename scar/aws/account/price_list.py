"""Read current prices from AWS's Price List API, if the caller is allowed to.

``python -m scar.aws.account.price_list [REGION]`` compares the table in ``scar.aws.model.prices``
with AWS's price list. No command of scar calls the API.
"""

from __future__ import annotations

import json
import math
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from scar.aws.client import errors
from scar.aws.client.connection import client_config
from scar.aws.model.account import partition_of
from scar.aws.model.prices import (
    EXAMPLE_INSTANCE,
    PRICE_NAMES,
    RegionPrices,
    find_prices,
    is_plausible,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from scar.aws.account.price_cache import PriceCache
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.prices import PriceName

SOURCE = "AWS Price List API"
MAX_PAGES = 3
MAX_SECONDS = 5.0
"""No request begins later than this; each takes at most ``MAX_SECONDS`` itself."""
_PAGE_SIZE = 100
_HOME_REGION = "us-east-1"
# Outside us-east-1, usage types start with a code of the Region: EUC1-Fargate-GB-Hours.
_REGION_CODE = re.compile(r"[A-Z]+[0-9]*-")


class PriceListReader(Protocol):
    """The part of the Price List client that is used; no type stubs are installed for it."""

    def get_products(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as in botocore
        """Return ``{"PriceList": [JSON, …], "NextToken": …}``."""


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """Products of one service: usage types that contain a text, with the prices they are."""

    service: str
    contains: str
    usage_types: Mapping[str, PriceName]
    attributes: tuple[tuple[str, str], ...] = ()

    def request(self, region: str, token: str) -> dict[str, Any]:
        """Return the request for one page of the products."""
        matches = (("regionCode", region), *self.attributes)
        filters = [{"Type": "TERM_MATCH", "Field": f, "Value": v} for f, v in matches]
        filters.append({"Type": "CONTAINS", "Field": "usagetype", "Value": self.contains})
        request = {"ServiceCode": self.service, "Filters": filters, "MaxResults": _PAGE_SIZE}
        return {**request, "NextToken": token} if token else request


QUERIES: tuple[PriceQuery, ...] = (
    PriceQuery(
        "AWSLambda",
        "-GB-Second",
        {
            "Lambda-GB-Second": "lambda_gb_second",
            "Lambda-GB-Second-ARM": "lambda_gb_second_arm",
            "Lambda-Storage-GB-Second": "lambda_storage_gb_second",
        },
    ),
    PriceQuery("AWSLambda", "Request", {"Request": "lambda_request"}),
    PriceQuery(
        "AmazonECS",
        "Fargate",
        {
            "Fargate-vCPU-Hours:perCPU": "fargate_vcpu_hour",
            "Fargate-GB-Hours": "fargate_gb_hour",
            "Fargate-ARM-vCPU-Hours:perCPU": "fargate_vcpu_hour_arm",
            "Fargate-ARM-GB-Hours": "fargate_gb_hour_arm",
            "Fargate-EphemeralStorage-GB-Hours": "fargate_storage_gb_hour",
        },
    ),
    PriceQuery(
        "AmazonEC2",
        f"BoxUsage:{EXAMPLE_INSTANCE}",
        {f"BoxUsage:{EXAMPLE_INSTANCE}": "instance_hour"},
        (
            ("operatingSystem", "Linux"),
            ("tenancy", "Shared"),
            ("preInstalledSw", "NA"),
            ("capacitystatus", "Used"),
        ),
    ),
    PriceQuery("AmazonEC2", "EBS:VolumeUsage.gp3", {"EBS:VolumeUsage.gp3": "ebs_gp3_gb_month"}),
    PriceQuery(
        "AmazonVPC",
        "PublicIPv4:InUseAddress",
        {"PublicIPv4:InUseAddress": "public_ipv4_hour"},
    ),
    PriceQuery(
        "AmazonS3", "Requests-Tier", {"Requests-Tier1": "s3_put", "Requests-Tier2": "s3_get"}
    ),
    PriceQuery("AmazonS3", "TimedStorage-ByteHrs", {"TimedStorage-ByteHrs": "s3_gb_month"}),
    PriceQuery("AmazonECR", "TimedStorage-ByteHrs", {"TimedStorage-ByteHrs": "ecr_gb_month"}),
    PriceQuery("AmazonCloudWatch", "DataProcessing-Bytes", {"DataProcessing-Bytes": "logs_gb"}),
    PriceQuery(
        "AmazonCloudWatch", "TimedStorage-ByteHrs", {"TimedStorage-ByteHrs": "logs_gb_month"}
    ),
)


def read_prices(
    region: str,
    cache: PriceCache,
    connect: Callable[[], PriceListReader | None],
    *,
    now: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> RegionPrices:
    """Return a Region's prices: from the cache, else from AWS, else those of the table.

    ``connect`` is ``connect_price_list`` for a connection. It raises no error and takes at most
    about ten seconds. The table's prices stand in for what AWS did not answer; ``source`` and
    ``unconfirmed`` of the result say so.
    """
    if (cached := cache.load(region, now())) is not None:
        return _with_table(region, *cached)
    reader = connect()
    values = fetch_prices(reader, region, clock=clock) if reader else {}
    if not values:
        return find_prices(region)
    read_at = now()
    # An incomplete answer is used once, and asked for again the next time.
    if len(values) == len(PRICE_NAMES):
        cache.store(region, values, read_at)
    return _with_table(region, values, read_at)


def connect_price_list(connection: AwsConnection) -> PriceListReader | None:
    """Return a client of the API; None where there is none, such as in the local cloud."""
    if connection.endpoint_url:
        return None
    try:
        session = connection.session
        partition = partition_of(session.region_name or _HOME_REGION)
        # The API has endpoints in three Regions, for the prices of all of them.
        regions = session.get_available_regions("pricing", partition_name=partition)
        if not regions:
            return None
        reader: PriceListReader = session.client(
            "pricing",
            region_name=_HOME_REGION if _HOME_REGION in regions else regions[0],
            config=client_config(
                connect_timeout=MAX_SECONDS / 2,
                read_timeout=MAX_SECONDS / 2,
                retries={"mode": "standard", "total_max_attempts": 1},
            ),
        )
    except errors.SDK_ERRORS:
        return None
    return reader


def fetch_prices(
    reader: PriceListReader, region: str, *, clock: Callable[[], float] = time.monotonic
) -> dict[PriceName, float]:
    """Return the prices that AWS answers; empty if it refuses the first request."""
    deadline = clock() + MAX_SECONDS

    def fetch(query: PriceQuery) -> dict[PriceName, float]:
        try:
            items = list(_iter_products(reader, query, region, lambda: clock() < deadline))
        except errors.SDK_ERRORS:
            return {}
        return pick_prices(items, query, region)

    first, *others = QUERIES
    values = fetch(first)
    if not values:
        return {}
    with ThreadPoolExecutor(len(others)) as pool:
        for found in pool.map(fetch, others):
            values |= found
    return values


def _iter_products(
    reader: PriceListReader, query: PriceQuery, region: str, has_time: Callable[[], bool]
) -> Iterator[object]:
    token = ""
    for _ in range(MAX_PAGES):
        if not has_time():
            return
        page = reader.get_products(**query.request(region, token))
        products, token = page.get("PriceList"), page.get("NextToken") or ""
        yield from products if isinstance(products, list) else ()
        if not token:
            return


def pick_prices(items: Iterable[object], query: PriceQuery, region: str) -> dict[PriceName, float]:
    """Return the prices of the query's usage types.

    A price is left out if products disagree about it, or if it is not plausible.
    """
    found: dict[PriceName, set[float]] = {}
    for item in items:
        usage_type, price = parse_product(item)
        name = query.usage_types.get(usage_type) or query.usage_types.get(
            _REGION_CODE.sub("", usage_type, count=1)
        )
        if name is not None and price is not None:
            found.setdefault(name, set()).add(price)
    single = {name: prices.pop() for name, prices in found.items() if len(prices) == 1}
    return {name: price for name, price in single.items() if is_plausible(name, price, region)}


def parse_product(item: object) -> tuple[str, float | None]:
    """Return the usage type of a product, and its On-Demand price in USD of the first paid tier.

    The usage type is empty, and the price None, if the product has none or is malformed. AWS lowers
    prices from tier to tier, and lists a free tier with the price 0.
    """
    try:
        product = json.loads(item) if isinstance(item, str) else item
        usage_type = product["product"]["attributes"]["usagetype"]  # type: ignore[index]
        (term,) = product["terms"]["OnDemand"].values()  # type: ignore[index]
        tiers = [float(tier["pricePerUnit"]["USD"]) for tier in term["priceDimensions"].values()]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return "", None
    price = max(tiers, default=0.0)
    is_valid = isinstance(usage_type, str) and all(map(math.isfinite, tiers)) and price > 0
    return (usage_type, price) if is_valid else ("", None)


def _with_table(region: str, values: Mapping[PriceName, float], read_at: float) -> RegionPrices:
    """Return prices read from AWS, completed from the table."""
    missing = frozenset(PRICE_NAMES) - values.keys()
    return RegionPrices(
        region=region,
        values={**find_prices(region).values, **values},
        source=SOURCE,
        read_on=datetime.fromtimestamp(read_at, UTC).date().isoformat(),
        unconfirmed=missing,
    )


def compare_with_table(read: RegionPrices) -> str:
    """Return a line for each price: the table's, AWS's, and whether they differ."""
    if read.source != SOURCE:
        return "AWS's price list could not be read: pricing:GetProducts is needed."
    table = find_prices(read.region)
    lines = [f"{read.describe()}; the table is of {table.region}, {table.read_on}"]
    for name in PRICE_NAMES:
        if name in read.unconfirmed:
            remark = "not answered"
        else:
            remark = "same" if read[name] == table[name] else f"AWS: {read[name]:.10f}"
        lines.append(f"{name:26} {table[name]:.10f}  {remark}")
    return "\n".join(lines)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the comparison for the Region in the arguments, else for the session's."""
    from functools import partial

    import boto3

    from scar.aws.account.price_cache import PriceCache
    from scar.aws.client.connection import AwsConnection

    connection = AwsConnection(session=boto3.Session())
    region = arguments[0] if arguments else connection.account.region
    connect = partial(connect_price_list, connection)
    return compare_with_table(read_prices(region, PriceCache.open(environ), connect))


if __name__ == "__main__":
    import os
    import sys

    sys.stdout.write(main(sys.argv[1:], os.environ) + "\n")
