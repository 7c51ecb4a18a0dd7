"""One listing of APIs serves all threads that ask at the same time, and no older one does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.handlers.endpoints.api_listing import ApiListing

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 60


def an_api(number: int, function: str = "crop", **fields: object) -> dict[str, Any]:
    tags = {"scar:function": function}
    created = f"2026-11-30T00:00:{number:02}Z"
    return {
        "ApiId": f"a{number}",
        "ProtocolType": "HTTP",
        "CreatedDate": created,
        "Tags": tags,
        **fields,
    }


@dataclass
class FakeListings:
    """A client whose listings wait until they may end."""

    apis: list[dict[str, Any]] = field(default_factory=list)
    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_end: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    count: int = 0
    error: Exception | None = None

    def get_paginator(self, operation: str, /) -> FakeListings:
        assert operation == "get_apis"
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        self.count += 1
        found = list(self.apis)
        self.started.release()
        assert self.may_end.acquire(timeout=TIMEOUT)
        if self.error is not None:
            raise self.error
        yield {"Items": found[:1]}
        yield {"Items": found[1:]}


def a_listing(client: FakeListings) -> ApiListing:
    return ApiListing(client)  # type: ignore[arg-type]


def test_those_who_ask_during_a_listing_share_the_next_one() -> None:
    client = FakeListings([an_api(1)])
    listing = a_listing(client)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(listing.of_function, "crop")
        assert client.started.acquire(timeout=TIMEOUT)
        client.apis.append(an_api(2))
        others = [pool.submit(listing.of_function, "crop") for _ in range(6)]
        for _ in range(8):
            client.may_end.release()
        assert [api["ApiId"] for api in first.result(TIMEOUT)] == ["a1"]
        for other in others:
            assert [api["ApiId"] for api in other.result(TIMEOUT)] == ["a1", "a2"]
    assert client.count <= 7  # as many only if each asked after the end of all earlier ones


def test_an_error_is_raised_and_the_next_one_lists_again() -> None:
    client = FakeListings([an_api(1)], error=ValueError("no"))
    listing = a_listing(client)
    client.may_end.release()
    with pytest.raises(ValueError, match="no"):
        listing.of_function("crop")
    client.error = None
    client.may_end.release()
    assert len(listing.of_function("crop")) == 1


def test_what_this_process_has_just_made_or_deleted_counts() -> None:
    client = FakeListings([an_api(1)])
    for _ in range(3):
        client.may_end.release()
    listing = a_listing(client)
    listing.add(an_api(2))  # not listed yet
    assert [api["ApiId"] for api in listing.of_function("crop")] == ["a1", "a2"]
    listing.remove("a1")  # still listed
    listing.remove("a2")
    assert listing.of_function("crop") == []


def test_apis_without_the_tag_and_websocket_apis_are_not_the_functions() -> None:
    others = [
        an_api(1, "crop-small"),
        an_api(2, ProtocolType="WEBSOCKET"),
        an_api(3, Tags={}),
        {"ApiId": "a4", "ProtocolType": "HTTP"},
    ]
    client = FakeListings(others)
    client.may_end.release()
    assert a_listing(client).of_function("crop") == []
