"""The responses of functions, and the events that invoke them."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.runs.invoke import (
    InputObject,
    InvocationResponse,
    object_payload,
    parse_response,
    request_payload,
)
from supervisor.events import parser, response
from supervisor.invocation import DirectInvocation, ObjectEvent, RunPath
from supervisor.results import InvocationResult, RunOutcome, RunResult
from supervisor.runs.record_format import run_id
from tests.fakes.supervisor_factory import lambda_invocation


@given(st.binary())
def test_any_response_is_parsed(content: bytes) -> None:
    assert parse_response(content, "r").request_id == "r"


@given(st.binary())
def test_output_comes_back_as_the_script_wrote_it(output: bytes) -> None:
    body = base64.b64encode(output).decode()
    content = json.dumps({"statusCode": 200, "body": body, "isBase64Encoded": True}).encode()
    assert parse_response(content, "r").output == output


RUN = RunPath(function="gray", date="2026-01-02", run_id="ab")


def a_response(*results: RunResult) -> InvocationResponse:
    """Return the parsed response of a supervisor."""
    return parse_response(
        response.build_body(InvocationResult(results=results), lambda_invocation({})),
        "r",
    )


def test_a_run_that_continues_in_batch_is_recognised() -> None:
    found = a_response(RunResult(run=RUN, state=RunOutcome.SUBMITTED, job_id="j-1"))
    assert (found.run_id, found.job_id) == ("ab", "j-1")


def test_of_several_runs_the_first_one_in_batch_is_named() -> None:
    results = [RunResult(run=RUN, state=RunOutcome.DONE)]
    for number in (1, 2):
        run = replace(RUN, run_id=f"r-{number}")
        results.append(RunResult(run=run, state=RunOutcome.SUBMITTED, job_id=f"j-{number}"))
    found = a_response(*results)
    assert (found.run_id, found.job_id) == ("r-1", "j-1")


def test_a_script_may_print_the_message_of_a_run_in_batch() -> None:
    message = a_response(RunResult(run=RUN, state=RunOutcome.SUBMITTED, job_id="j-1")).output
    found = a_response(RunResult(run=RUN, state=RunOutcome.DONE, output=b"results\n" + message))
    assert (found.run_id, found.job_id) == ("", "")
    assert found.output == b"results\n" + message


@pytest.mark.parametrize("headers", [None, [], {"x-scar-run-id": 1, "x-scar-job-id": None}])
def test_headers_of_any_form_are_read(headers: object) -> None:
    found = parse_response(json.dumps({"body": "", "headers": headers}).encode(), "r")
    assert (found.run_id, found.job_id) == ("", "")


@given(st.binary(min_size=1), st.dictionaries(st.text(min_size=1), st.text()))
def test_the_supervisor_reads_what_invoke_sends(body: bytes, query: dict[str, str]) -> None:
    (trigger,) = parser.parse_event(json.dumps(request_payload(query, body)).encode())
    assert isinstance(trigger, DirectInvocation)
    assert trigger.payload == body
    assert dict(trigger.parameters) == query


def run_ids(payload: dict[str, object]) -> list[str]:
    return [run_id("gray", t, "r") for t in parser.parse_event(json.dumps(payload).encode())]


def test_each_manual_run_on_an_object_is_a_run_of_its_own() -> None:
    stored = datetime(2026, 1, 2, tzinfo=UTC)
    one = InputObject(bucket="photos", key="in/ü +%2B", size=1, etag="e", modified=stored)
    first = object_payload(one, "eu-west-1", manual_run_id="a")
    (trigger,) = parser.parse_event(json.dumps(first).encode())
    assert isinstance(trigger, ObjectEvent)
    assert str(trigger.source) == "s3://photos/in/ü +%2B"
    assert trigger.version.etag == "e"
    assert run_ids(first) == run_ids(object_payload(one, "eu-west-1", manual_run_id="a"))
    assert run_ids(first) != run_ids(object_payload(one, "eu-west-1", manual_run_id="b"))
