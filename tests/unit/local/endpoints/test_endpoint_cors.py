"""CORS as API Gateway and function URLs implement it, and what browsers may do without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scar.local.endpoints.browsers import is_loopback_host, may_call_open_endpoint
from scar.local.endpoints.cors import add_cors_headers, is_preflight, preflight_response
from scar.local.http.messages import Response
from scar.local.moto.endpoints.records import EndpointCors

ORIGIN = "https://www.example.com"
CORS = EndpointCors(
    origins=(ORIGIN,),
    methods=("GET", "POST"),
    headers=("x-scar-body", "content-type"),
    exposed=("x-scar-run-id",),
    max_age=300,
)
PREFLIGHT = {"origin": ORIGIN, "access-control-request-method": "POST"}
HOST = "127.0.0.1:4580"


def test_the_service_answers_preflight_requests() -> None:
    response = preflight_response(
        CORS, {**PREFLIGHT, "access-control-request-headers": "X-Scar-Body, content-type"}
    )
    assert response == Response(
        status=204,
        headers={
            "access-control-allow-origin": ORIGIN,
            "access-control-allow-methods": "GET,POST",
            "access-control-allow-headers": "x-scar-body,content-type",
            "access-control-max-age": "300",
            "vary": "origin",
        },
    )


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://other.example"},
        {"access-control-request-method": "PUT"},
        {"access-control-request-headers": "authorization"},
    ],
)
def test_what_is_not_allowed_gets_no_cors_headers(change: dict[str, str]) -> None:
    assert preflight_response(CORS, {**PREFLIGHT, **change}) == Response(status=204)


def test_only_options_with_origin_and_method_is_a_preflight_request() -> None:
    assert is_preflight("OPTIONS", PREFLIGHT)
    assert not is_preflight("POST", PREFLIGHT)
    assert not is_preflight("OPTIONS", {"origin": ORIGIN})


def test_headers_of_the_configuration_replace_those_of_the_function() -> None:
    response = Response(status=200, headers={"Access-Control-Allow-Origin": "evil", "a": "b"})
    assert add_cors_headers(response, CORS, ORIGIN).headers == {
        "a": "b",
        "access-control-allow-origin": ORIGIN,
        "access-control-expose-headers": "x-scar-run-id",
        "vary": "origin",
    }
    assert add_cors_headers(response, CORS, "https://other.example").headers == {"a": "b"}
    assert add_cors_headers(response, None, ORIGIN) is response


def test_any_origin_and_credentials() -> None:
    everybody = replace(CORS, origins=("*",))
    headers = add_cors_headers(Response(status=200), everybody, ORIGIN).headers
    assert headers["access-control-allow-origin"] == "*"
    with_cookies = replace(CORS, credentials=True)
    headers = add_cors_headers(Response(status=200), with_cookies, ORIGIN).headers
    assert headers["access-control-allow-credentials"] == "true"
    secure = replace(CORS, origins=("https://*",))
    assert add_cors_headers(Response(status=200), secure, ORIGIN).headers
    assert not add_cors_headers(Response(status=200), secure, "http://a.example").headers


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:4580", "localhost:1", "a.localhost", "[::1]:80", "127.9.9.9"]
)
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", "a:b:c",
     "127.0.0.1:x", "[::2]", "notlocalhost"],
)  # fmt: skip
def test_names_that_a_dns_server_can_choose(host: str) -> None:
    assert not is_loopback_host(host)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),  # curl, SDKs
        ({"origin": ORIGIN}, False),
        ({"origin": "null"}, False),
        ({"origin": f"http://{HOST}"}, True),
        ({"origin": f"https://{HOST}"}, False),
        ({"origin": "http://127.0.0.1:8000"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "none"}, True),  # typed into the address bar
        ({"sec-fetch-site": "same-origin"}, True),
        ({"host": "evil.example:4580"}, False),
        ({"host": "evil.example:4580", "origin": "http://evil.example:4580"}, False),
    ],
)
def test_pages_of_other_sites_start_nothing(headers: dict[str, str], allowed: bool) -> None:
    assert may_call_open_endpoint({"host": HOST, **headers}, None) is allowed


def test_pages_that_cors_allows_may_call() -> None:
    headers = {"host": HOST, "origin": ORIGIN, "sec-fetch-site": "cross-site"}
    assert may_call_open_endpoint(headers, CORS)
    assert not may_call_open_endpoint({**headers, "origin": "https://other.example"}, CORS)
