"""Prices are read from AWS with few requests, parsed strictly, kept, and replaced by the table."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.account import price_list
from scar.aws.account.price_cache import KEPT_SECONDS, PriceCache
from scar.aws.account.price_list import MAX_PAGES, QUERIES, SOURCE
from scar.aws.client.connection import AwsConnection
from scar.aws.model.prices import PRICE_NAMES, find_prices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REGION = "eu-central-1"
TABLE = find_prices(REGION)
NOW = 1_800_000_000.0
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetProducts")


def product(usage_type: str, *usd: object) -> str:
    """Return a product in AWS's format, with one tier per price."""
    tiers = {f"X.{n}": {"pricePerUnit": {"USD": str(price)}} for n, price in enumerate(usd)}
    return json.dumps(
        {
            "product": {"sku": "X", "attributes": {"usagetype": usage_type}},
            "terms": {"OnDemand": {"X.JRTCKXETXF": {"priceDimensions": tiers}}},
        }
    )


def all_products() -> dict[str, list[str]]:
    """Return products for every price, slightly above the table's, by service."""
    found: dict[str, list[str]] = {}
    for query in QUERIES:
        for usage_type, name in query.usage_types.items():
            item = product(f"EUC1-{usage_type}", TABLE[name] * 1.25)
            found.setdefault(query.service, []).append(item)
    return found


@dataclass
class FakePriceList:
    """Answers with the products whose usage types contain the filter's text."""

    products: Mapping[str, list[Any]] = field(default_factory=all_products)
    error: Exception | None = None
    endless: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get_products(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as in botocore
        with self.lock:
            self.requests.append(request)
        if self.error:
            raise self.error
        (text,) = (f["Value"] for f in request["Filters"] if f["Type"] == "CONTAINS")
        items = [item for item in self.products.get(request["ServiceCode"], ()) if text in item]
        return {"PriceList": items, **({"NextToken": "more"} if self.endless else {})}


def test_all_prices_are_read_with_one_request_each(tmp_path: Path) -> None:
    reader, cache = FakePriceList(), PriceCache(tmp_path / "new")
    found = price_list.read_prices(REGION, cache, lambda: reader, now=lambda: NOW)
    assert len(reader.requests) == len(QUERIES)
    assert found.values == {name: pytest.approx(TABLE[name] * 1.25) for name in PRICE_NAMES}
    assert (found.source, found.read_on, found.region) == (SOURCE, "2027-01-15", REGION)
    assert not found.unconfirmed
    for request in reader.requests:
        assert {"Type": "TERM_MATCH", "Field": "regionCode", "Value": REGION} in request["Filters"]

    again = price_list.read_prices(
        REGION, cache, lambda: reader, now=lambda: NOW + KEPT_SECONDS - 1
    )
    assert again == found
    assert len(reader.requests) == len(QUERIES)
    price_list.read_prices(REGION, cache, lambda: reader, now=lambda: NOW + KEPT_SECONDS)
    assert len(reader.requests) == 2 * len(QUERIES)


@pytest.mark.parametrize("error", [DENIED, ConnectTimeoutError(endpoint_url="https://x")])
def test_a_refusal_costs_one_request_and_gives_the_table(tmp_path: Path, error: Exception) -> None:
    reader, cache = FakePriceList(error=error), PriceCache(tmp_path)
    found = price_list.read_prices(REGION, cache, lambda: reader)
    assert found is TABLE
    assert len(reader.requests) == 1
    assert not list(tmp_path.iterdir())
    assert "pricing:GetProducts" in price_list.compare_with_table(found)


def test_the_table_stands_in_for_prices_that_aws_does_not_answer(tmp_path: Path) -> None:
    reader = FakePriceList(products={"AWSLambda": all_products()["AWSLambda"]})
    cache = PriceCache(tmp_path)
    found = price_list.read_prices(REGION, cache, lambda: reader)
    assert found["lambda_request"] == pytest.approx(TABLE["lambda_request"] * 1.25)
    assert found["s3_put"] == TABLE["s3_put"]
    assert {"s3_put", "logs_gb"} <= found.unconfirmed
    assert "lambda_request" not in found.unconfirmed
    # It is not kept: the next command may get all of them.
    assert not list(tmp_path.iterdir())
    lines = price_list.compare_with_table(found).splitlines()
    assert sum("not answered" in line for line in lines) == len(PRICE_NAMES) - 4


def test_pages_and_time_are_bounded() -> None:
    reader = FakePriceList(endless=True)
    price_list.fetch_prices(reader, REGION, clock=lambda: 0.0)
    assert len(reader.requests) == MAX_PAGES * len(QUERIES)
    assert sum("NextToken" in request for request in reader.requests) == 2 * len(QUERIES)

    ticks = iter([0.0, *[9.0] * 100])
    late = FakePriceList()
    assert price_list.fetch_prices(late, REGION, clock=lambda: next(ticks)) == {}
    assert not late.requests


def test_there_is_no_price_list_at_another_endpoint() -> None:
    connection = AwsConnection(session=boto3.Session(), endpoint_url="http://127.0.0.1:1")
    assert price_list.connect_price_list(connection) is None


QUERY = QUERIES[0]


def pick(*items: object) -> dict[Any, float]:
    return price_list.pick_prices(items, QUERY, REGION)


@pytest.mark.parametrize("prefix", ["", "EUC1-", "EU-", "USE1-", "APS10-"])
def test_a_usage_type_may_have_the_region_s_code(prefix: str) -> None:
    assert pick(product(f"{prefix}Lambda-GB-Second", 0.00002)) == {"lambda_gb_second": 0.00002}


@pytest.mark.parametrize(
    "usage_type",
    [
        "EUC1-Lambda-Edge-GB-Second",
        "EUC1-Lambda-Provisioned-GB-Second",
        "EUC1-SpotUsage-Lambda-GB-Second",
        "Global-Lambda-GB-Second",
        "EUC1-EUC1-Lambda-GB-Second",
        "Lambda-GB-Second-x",
    ],
)
def test_other_usage_types_are_other_prices(usage_type: str) -> None:
    assert pick(product(usage_type, 0.00002)) == {}


def test_the_price_is_that_of_the_first_paid_tier() -> None:
    assert pick(product("Lambda-GB-Second", 0, 0.0000133334, 0.0000166667, 0.000015)) == {
        "lambda_gb_second": 0.0000166667
    }


def test_products_that_disagree_give_no_price() -> None:
    one, other = (product("Lambda-GB-Second", usd) for usd in (0.00002, 0.000021))
    assert pick(one, other) == {}
    assert pick(one, one) == {"lambda_gb_second": 0.00002}


@pytest.mark.parametrize("usd", [0, -1, "nan", "inf", "x", "", None, 0.0166667, 1e-9])
def test_an_impossible_price_is_left_out(usd: object) -> None:
    assert pick(product("Lambda-GB-Second", usd)) == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["product", "attributes", "usagetype", "terms", "OnDemand", "USD", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(item=json_values | st.text() | st.binary())
def test_odd_products_are_ignored(item: object) -> None:
    assert pick(item) == {}
    assert pick(json.dumps(item) if not isinstance(item, bytes) else item) == {}


@st.composite
def damaged_products(draw: st.DrawFn) -> object:
    """Return a valid product with one value, at any depth, replaced by another."""
    root = node = json.loads(product("Lambda-GB-Second", 0.00002))
    while True:
        key = draw(st.sampled_from(sorted(node)))
        if not isinstance(node[key], dict) or draw(st.booleans()):
            node[key] = draw(json_values)
            return root
        node = node[key]


@given(item=damaged_products())
def test_a_damaged_product_gives_its_price_or_none(item: object) -> None:
    assert all(0 < price < 1 for price in pick(item).values())


@given(page=json_values)
def test_an_odd_page_gives_no_price(page: object) -> None:
    reader = FakePriceList()
    reader.get_products = lambda **_: {"PriceList": page}  # type: ignore[method-assign]
    assert price_list.fetch_prices(reader, REGION) == {}


values = st.fixed_dictionaries({}, optional={name: st.just(TABLE[name]) for name in PRICE_NAMES})


@given(stored=values, age=st.floats(0, KEPT_SECONDS * 2))
def test_the_cache_returns_what_was_stored_for_a_week(
    tmp_path_factory: pytest.TempPathFactory, stored: dict[Any, float], age: float
) -> None:
    cache = PriceCache(tmp_path_factory.mktemp("prices"))
    cache.store(REGION, stored, NOW)
    expected = (stored, NOW) if NOW + age - NOW < KEPT_SECONDS else None
    assert cache.load(REGION, NOW + age) == expected
    assert cache.load(REGION, NOW - 1) is None
    assert cache.load("eu-west-1", NOW) is None


@given(text=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_a_damaged_cache_is_ignored(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    folder = tmp_path_factory.mktemp("prices")
    (folder / f"{REGION}.json").write_bytes(text)
    assert PriceCache(folder).load(REGION, NOW) is None


@pytest.mark.parametrize("change", [{"prices": {"s3_put": "x"}}, {"prices": {"s3_put": 5.0}},
    {"prices": {"other": 1.0}}, {"prices": []}, {"region": "x"}, {"format": 2}, {"read_at": "1"},
    {"read_at": float("nan")}])  # fmt: skip
def test_a_cache_file_of_another_form_is_ignored(tmp_path: Path, change: dict[str, Any]) -> None:
    cache, path = PriceCache(tmp_path), tmp_path / f"{REGION}.json"
    cache.store(REGION, {"s3_put": TABLE["s3_put"]}, NOW)
    assert cache.load(REGION, NOW) is not None
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert cache.load(REGION, NOW) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = PriceCache(tmp_path / "file" / "prices")
    cache.store(REGION, {}, NOW)
    assert cache.load(REGION, NOW) is None


def test_the_cache_is_in_the_user_s_cache_folder() -> None:
    assert str(PriceCache.open({"XDG_CACHE_HOME": "/c"}).folder) == "/c/scar/prices"
    assert str(PriceCache.open({"HOME": "/home/u"}).folder) == "/home/u/.cache/scar/prices"


def test_every_price_of_the_table_has_a_query() -> None:
    names = [name for query in QUERIES for name in query.usage_types.values()]
    assert sorted(names) == sorted(PRICE_NAMES)
    assert all(query.contains in usage for query in QUERIES for usage in query.usage_types)


@pytest.mark.parametrize(
    ("region", "home"),
    [("eu-west-1", "us-east-1"), ("cn-north-1", "cn-northwest-1"), ("us-gov-west-1", None)],
)
def test_the_client_uses_an_endpoint_of_the_partition(region: str, home: str | None) -> None:
    session = boto3.Session(region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
    reader: Any = price_list.connect_price_list(AwsConnection(session=session))
    assert (reader and reader.meta.region_name) == home
