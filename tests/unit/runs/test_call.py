"""The answers of functions, and the events that invoke them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from scar.runs.call import Input, object_payload, read_answer, request_payload
from supervisor import events
from supervisor.invocation import Announced, Direct
from supervisor.records import run_id


@given(st.binary())
def test_any_answer_is_read(content: bytes) -> None:
    assert read_answer(content, "r").request == "r"


@given(st.binary())
def test_output_comes_back_as_the_script_wrote_it(output: bytes) -> None:
    body = base64.b64encode(output).decode()
    content = json.dumps({"statusCode": 200, "body": body, "isBase64Encoded": True}).encode()
    assert read_answer(content, "r").output == output


def test_a_delegated_run_is_recognised() -> None:
    text = base64.b64encode(b"The run ab goes on in the Batch job j-1.\n").decode()
    answer = read_answer(json.dumps({"body": text, "isBase64Encoded": True}).encode(), "r")
    assert (answer.run, answer.job) == ("ab", "j-1")


@given(st.binary(min_size=1), st.dictionaries(st.text(min_size=1), st.text()))
def test_the_supervisor_reads_what_invoke_sends(body: bytes, query: dict[str, str]) -> None:
    (trigger,) = events.read(json.dumps(request_payload(query, body)).encode())
    assert isinstance(trigger, Direct)
    assert trigger.payload == body
    assert dict(trigger.parameters) == query


def run_ids(payload: dict[str, object]) -> list[str]:
    return [run_id("gray", t, "r") for t in events.read(json.dumps(payload).encode())]


def test_each_wish_to_run_on_an_object_is_a_run_of_its_own() -> None:
    stored = datetime(2026, 1, 2, tzinfo=UTC)
    one = Input(bucket="photos", key="in/ü +%2B", size=1, etag="e", modified=stored)
    first = object_payload(one, "eu-west-1", wish="a")
    (trigger,) = events.read(json.dumps(first).encode())
    assert isinstance(trigger, Announced)
    assert str(trigger.source) == "s3://photos/in/ü +%2B"
    assert trigger.version.etag == "e"
    assert run_ids(first) == run_ids(object_payload(one, "eu-west-1", wish="a"))
    assert run_ids(first) != run_ids(object_payload(one, "eu-west-1", wish="b"))
