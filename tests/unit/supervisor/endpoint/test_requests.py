"""What scripts know of an HTTP request, and what they never know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.events.api_request import accepted_event, event_for_script
from supervisor.events.http_headers import is_public_header
from supervisor.events.parser import parse_event
from supervisor.execution.environment import build_environment
from supervisor.invocation import DirectInvocation
from tests.unit.supervisor.endpoint.endpoint_harness import a_request, new_endpoint, public
from tests.unit.supervisor.execution.test_own_variables import CONFIG, FULL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from supervisor.events.json_values import JsonObject

SECRETS = {
    "authorization": "AWS4-HMAC-SHA256 hidden",
    "Proxy-Authorization": "hidden",
    "cookie": "hidden",
    "x-amz-security-token": "hidden",
    "X-Amz-Date": "hidden",
    "x-api-key": "hidden",
    "x-gitlab-token": "hidden",
    "x-client-secret": "hidden",
}
FORMAT_1 = {
    "httpMethod": "PUT",
    "path": "/a/b",
    "headers": {"X-Size": "2", "Authorization": "hidden", "Content-Type": "text/plain"},
    "multiValueHeaders": {"X-Size": ["1", "2"], "Cookie": ["hidden"]},
    "queryStringParameters": {"name": "b"},
    "multiValueQueryStringParameters": {"name": ["a", "b"]},
    "requestContext": {"stage": "scar", "identity": {"accessKey": "hidden", "sourceIp": "1"}},
    "body": "text",
}
PRINT = '#!/bin/sh\nenv | grep -a -E "^(SCAR_HTTP|CONT_VAR|EVENT)" | sort\n'


def parsed(event: object) -> DirectInvocation:
    (trigger,) = parse_event(json.dumps(event).encode())
    assert isinstance(trigger, DirectInvocation)
    return trigger


def test_a_script_knows_method_path_headers_and_query(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, PRINT)
    request = a_request(
        method="PATCH",
        path="/a/b",
        headers={"X-Size": "2"},
        query={"width": "3", "LD_PRELOAD": "x"},
    )
    lines = harness.send(request).text.splitlines()
    assert {"SCAR_HTTP_METHOD=PATCH", "SCAR_HTTP_PATH=/a/b", "SCAR_HTTP_HEADER_X_SIZE=2"} < {*lines}
    assert {"CONT_VAR_width=3", "CONT_VAR_LD_PRELOAD=x"} < {*lines}


def test_both_payload_formats_say_the_same(tmp_path: Path) -> None:
    lines = new_endpoint(tmp_path, PRINT).send(FORMAT_1).text.splitlines()
    assert {"SCAR_HTTP_METHOD=PUT", "SCAR_HTTP_PATH=/a/b", "CONT_VAR_name=a,b"} < {*lines}
    assert "SCAR_HTTP_HEADER_X_SIZE=1, 2" in lines


def test_the_stage_is_no_part_of_the_path() -> None:
    event = a_request(path="/prod/a")
    event["requestContext"] = {"stage": "prod", "http": {"method": "GET"}}
    assert parsed(event).request.path == "/a"  # type: ignore[union-attr]


@pytest.mark.parametrize("event", [a_request(b"x", headers=SECRETS), FORMAT_1])
def test_no_credential_reaches_script_record_or_job(tmp_path: Path, event: object) -> None:
    harness = new_endpoint(tmp_path, PRINT)
    assert isinstance(event, dict)
    event = {**event, "cookies": ["a=hidden"]}
    answer = harness.send(event)
    assert "SCAR_HTTP_METHOD" in answer.text
    written = b"".join([answer.body, *harness.stored("").values(), *harness.fakes.log])
    assert b"hidden" not in written
    assert b"ASIASECRET" not in written


def test_a_signature_in_the_query_is_no_parameter() -> None:
    query = {"X-Amz-Signature": "hidden", "x-amz-security-token": "hidden", "a": "1"}
    trigger = parsed(a_request(query=query))
    assert trigger.parameters == {"a": "1"}
    assert "hidden" not in trigger.event


@pytest.mark.parametrize("member", ["script", "cmd_args", "scar_job", "Records", "scar_request"])
@pytest.mark.parametrize("authentication", ["IAM", "NONE"])
def test_a_body_is_data_whatever_it_contains(
    tmp_path: Path, member: str, authentication: str
) -> None:
    body = json.dumps({member: "#!/bin/sh\necho run", "script": "echo run"}).encode()
    harness = (
        new_endpoint(tmp_path, endpoint=public())
        if authentication == "NONE"
        else new_endpoint(tmp_path)
    )
    answer = harness.send(a_request(body, headers={"content-type": "application/json"}))
    assert (answer.status, answer.body) == (200, body)


def test_binary_is_the_same_both_ways(tmp_path: Path) -> None:
    data = bytes(range(256)) * 50
    answer = new_endpoint(tmp_path).send(a_request(data))
    assert answer.body == data
    assert answer.headers["content-type"] == "application/octet-stream"


names = st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), max_size=20)


@given(st.dictionaries(names, names), st.dictionaries(names, names))
def test_no_name_of_a_request_sets_another_variable(
    headers: dict[str, str], query: dict[str, str]
) -> None:
    from dataclasses import replace

    event = a_request(headers=headers, query=query)
    if "x-scar-body" in headers or "x-amz-invocation-type" in headers:
        return
    trigger = parsed(event)
    run = replace(FULL, parameters=trigger.parameters, request=trigger.request)
    plain = build_environment(CONFIG, {}, replace(FULL, parameters={}, request=None))
    found = build_environment(CONFIG, {}, run)
    assert {name: found[name] for name in plain} == plain
    assert all(name.startswith(("CONT_VAR_", "SCAR_HTTP_")) for name in found.keys() - plain.keys())


@given(names)
def test_a_header_with_another_spelling_of_a_secret_is_secret_too(name: str) -> None:
    assert not is_public_header(f"{name}authorization")
    assert not is_public_header(f"X-AMZ-{name}")
    assert not is_public_header(f"{name}-Token")


def test_a_damaged_body_is_a_bad_request(tmp_path: Path) -> None:
    event = {**a_request(), "body": "?", "isBase64Encoded": True}
    answer = new_endpoint(tmp_path).send(event)
    assert answer.status == 400
    assert "base64" in answer.text


BODY_ID = "0123456789abcdef" * 2


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: accepted_event(e, "0" * 32, "2026-01-31")])
def test_the_id_of_an_uploaded_body_is_not_known_to_the_script(
    wrap: Callable[[JsonObject], JsonObject],
) -> None:
    request = a_request(headers={"X-Scar-Body": BODY_ID, "X-Size": "2"})
    request["multiValueHeaders"] = {"x-scar-body": [BODY_ID]}
    trigger = parsed(wrap(request))
    assert trigger.request is not None
    assert trigger.request.body_id == BODY_ID
    assert trigger.request.headers.keys() == {"x-size", "content-type"}
    shown = event_for_script(trigger)
    assert BODY_ID not in shown
    assert json.loads(shown).keys() == json.loads(trigger.event).keys()
    # A job parses it again.
    assert BODY_ID in trigger.event


def test_the_environment_of_a_script_has_no_id_of_a_body(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, PRINT)
    harness.put_body(BODY_ID, b"data")
    text = harness.send(a_request(headers={"X-Scar-Body": BODY_ID})).text
    assert "EVENT={" in text
    assert BODY_ID not in text


@pytest.mark.parametrize(
    "name",
    ["X-Auth", "X-Auth-User", "X-Session", "Session-Id", "X-Api-Key", "X-Access-Key", "jwt", "pwd"],
)
def test_a_header_that_is_named_like_a_credential_is_not_passed(name: str) -> None:
    assert not is_public_header(name)


@pytest.mark.parametrize(
    "name", ["X-Author", "X-Hub-Signature-256", "Idempotency-Key", "X-Side", "X-Keyboard"]
)
def test_other_headers_are_passed(name: str) -> None:
    assert is_public_header(name)
