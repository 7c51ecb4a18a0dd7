"""Rules of ``api_gateway``, and what scar says about an endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.endpoints import compile_endpoint
from scar.aws.compile.from_fdl import functions_of
from scar.aws.model.account import Account
from scar.aws.requests import validator
from scar.aws.requests.creation import creation_requests
from scar.fdl.loader import LoadContext, resolve_file
from scar.fdl.problems import InvalidFdlError

if TYPE_CHECKING:
    from scar.fdl.loader import ResolvedDocument

ACCOUNT = Account("123456789012", "eu-west-1")


def resolve(section: object, **keys: object) -> ResolvedDocument:
    function = {
        "lambda": {"name": "crop", "container": {"image": "busybox"}, **keys},
        "api_gateway": section,
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f.yaml"
        path.write_text(json.dumps({"functions": {"aws": [function]}}))  # JSON is YAML
        return resolve_file(path, LoadContext())


PROBLEMS: list[tuple[dict[str, Any], str]] = [
    ({"type": "url", "name": "a"}, "api_gateway.name: a function URL"),
    ({"name": " a"}, "printable characters only"),
    ({"name": "a\u0007"}, "printable characters only"),
    ({"name": "a" * 129}, "name"),
    ({"name": "a", "cors": {"allow_origins": ["*"]}}, "an HTTP API with authentication: IAM"),
    ({"name": "a", "cors": {"max_age": 5}}, "without origins there is no CORS"),
    (
        {"type": "url", "cors": {"allow_origins": ["*"], "allow_credentials": True}},
        "needs origins by name",
    ),
    ({"type": "url", "cors": {"allow_origins": ["example.org"]}}, "'example.org' is no origin"),
    ({"type": "url", "cors": {"allow_origins": ["https://a.b/c"]}}, "is no origin"),
    (
        {"type": "url", "cors": {"allow_origins": ["*"], "allow_methods": ["OPTIONS"]}},
        "'OPTIONS' is none of",
    ),
    (
        {"type": "url", "cors": {"allow_origins": ["*"], "allow_headers": ["a b"]}},
        "'a b' is no name of a header",
    ),
    (
        {"type": "url", "cors": {"allow_origins": ["*"], "expose_headers": ["x"] * 93}},
        "93 entries",
    ),
    ({"name": "a", "authentication": "JWT"}, "authentication"),
    ({"name": "a", "throttling": {"rate": 0}}, "rate"),
]


@pytest.mark.parametrize(("section", "problem"), PROBLEMS)
def test_what_aws_would_refuse_is_a_problem(section: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidFdlError, match=problem.replace(".", r"\.")):
        resolve(section)


NOTES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"name": "a", "authentication": "NONE"}, {}, "everybody who knows the address can call it"),
    ({"name": "a"}, {"timeout": 60}, "waits 30 seconds"),
    ({"type": "url", "throttling": {"rate": 5}}, {}, "api_gateway.throttling is for HTTP APIs"),
    ({"authentication": "NONE"}, {}, "the function has no HTTP endpoint"),
]


@pytest.mark.parametrize(("section", "keys", "note"), NOTES)
def test_what_follows_from_an_endpoint_is_said(
    section: dict[str, Any], keys: dict[str, Any], note: str
) -> None:
    assert any(note in text for text in resolve(section, **keys).notes)


@pytest.mark.parametrize(
    ("section", "keys"),
    [
        ({"name": "a"}, {"timeout": 30}),
        ({"name": "a"}, {"execution_mode": "batch", "timeout": 300}),
        ({"type": "url"}, {"timeout": 900}),
        ({"name": ""}, {}),
        ({"type": "http"}, {}),
    ],
)
def test_nothing_is_said_without_a_reason(section: dict[str, Any], keys: dict[str, Any]) -> None:
    assert [n for n in resolve(section, **keys).notes if "api_gateway" in n or "HTTP" in n] == []


def test_what_limits_requests_already_is_not_named() -> None:
    public: dict[str, Any] = {"name": "a", "authentication": "NONE"}
    for section, keys, is_named in (
        (public, {}, True),
        ({**public, "throttling": {"rate": 5}}, {}, False),
        ({"type": "url", "authentication": "NONE"}, {}, True),
        (public, {"concurrency": 5}, False),
    ):
        (note,) = [n for n in resolve(section, **keys).notes if "everybody who knows" in n]
        assert ("lambda.concurrency" in note) is is_named


def test_numbers_are_refused_with_their_unit() -> None:
    with pytest.raises(InvalidFdlError) as caught:
        resolve({"name": "a", "max_body": "1 page", "throttling": {"rate": "many", "burst": 0}})
    assert "max_body: 'page' is not a unit of size" in caught.value.problem
    assert "throttling.rate: must be a number, not 'many'" in caught.value.problem
    assert "throttling.burst: must be greater than or equal to 1" in caught.value.problem


def test_without_a_name_there_is_no_endpoint() -> None:
    (function,) = functions_of(resolve({"name": ""}).document)
    assert function.endpoint is None
    assert list(compile_endpoint(function, ACCOUNT)) == []


HOST = st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z]{2,5}){0,2}(:[0-9]{1,4})?", fullmatch=True)
TOKEN = st.from_regex(r"[A-Za-z-]{1,20}", fullmatch=True)


@given(
    origins=st.lists(HOST.map("https://{}".format), min_size=1, max_size=4),
    methods=st.lists(st.sampled_from(["get", "GET", "post", "*"]), max_size=3),
    headers=st.lists(TOKEN, max_size=4),
    is_url=st.booleans(),
)
def test_what_the_rules_accept_aws_accepts(
    origins: list[str], methods: list[str], headers: list[str], *, is_url: bool
) -> None:
    cors = {"allow_origins": origins, "allow_methods": methods, "allow_headers": headers}
    kind: dict[str, Any] = {"type": "url"} if is_url else {"name": "a", "authentication": "NONE"}
    (function,) = functions_of(resolve({**kind, "cors": cors}).document)
    for resource in compile_endpoint(function, ACCOUNT):
        for service, operation, parameters in creation_requests(resource, ACCOUNT.region):
            assert validator.check(service, operation, parameters) == ()
        assert {"content-type", "x-scar-body", "prefer"} <= set(resource.cors.allow_headers)
