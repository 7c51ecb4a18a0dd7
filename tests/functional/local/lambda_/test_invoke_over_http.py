"""Invoke requests in the form that SDKs send."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from scar.local.http.server import HttpServer
from scar.local.lambda_.app import InvokeApp
from scar.local.lambda_.lineage import parse_chain
from tests.functional.local.lambda_.fakes import a_function
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.literals import InvocationTypeType

    from tests.functional.local.lambda_.fakes import LambdaCloud


@pytest.fixture
def client(cloud: LambdaCloud) -> Iterator[LambdaClient]:
    server = HttpServer(InvokeApp(cloud.service))
    port = server.start()
    made: LambdaClient = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="A",
        aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield made
    made.close()
    server.close()


def refusal(error: ClientError) -> tuple[int, str]:
    return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


def test_a_call_returns_payload_version_and_log_tail(
    cloud: LambdaCloud, client: LambdaClient
) -> None:
    cloud.functions.put(a_function())
    answer = client.invoke(FunctionName="f", Payload=b'{"a":1}', LogType="Tail")
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer.get("FunctionError") is None
    assert json.loads(answer["Payload"].read())["event"] == {"a": 1}
    assert base64.b64decode(answer["LogResult"]).startswith(b"START RequestId: ")


def test_a_failed_call_is_an_answer_with_function_error(
    cloud: LambdaCloud, client: LambdaClient
) -> None:
    function = cloud.functions.put(a_function())
    answer = client.invoke(FunctionName=function.arn, Payload=b'{"do":"fail"}')
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "Oops"


def test_without_payload_the_function_sees_an_empty_object(
    cloud: LambdaCloud, client: LambdaClient
) -> None:
    cloud.functions.put(a_function())
    assert json.loads(client.invoke(FunctionName="f")["Payload"].read())["event"] == {}


def test_an_event_is_accepted_and_a_dry_run_runs_nothing(
    cloud: LambdaCloud, client: LambdaClient
) -> None:
    cloud.functions.put(a_function(state="Active"))
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    assert cloud.service.status().queued == 0
    assert client.invoke(FunctionName="f", InvocationType="Event")["StatusCode"] == 202


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_a_payload_above_the_limit_is_refused(
    cloud: LambdaCloud, client: LambdaClient, kind: str, limit: int
) -> None:
    cloud.functions.put(a_function())
    payload = json.dumps("x" * (limit - 1)).encode()
    assert len(payload) == limit + 1
    with pytest.raises(ClientError, match=f"smaller than {limit} bytes") as caught:
        client.invoke(FunctionName="f", InvocationType=kind, Payload=payload)  # type: ignore[arg-type]
    assert refusal(caught.value) == (413, "RequestEntityTooLargeException")


def test_a_payload_of_exactly_the_limit_is_taken(cloud: LambdaCloud, client: LambdaClient) -> None:
    cloud.functions.put(a_function(reserved_concurrency=0))
    payload = json.dumps("x" * (1_048_576 - 2)).encode()
    answer = client.invoke(FunctionName="f", InvocationType="Event", Payload=payload)
    assert answer["StatusCode"] == 202


@pytest.mark.parametrize(
    ("name", "payload", "wanted"),
    [
        ("g", b"{}", (404, "ResourceNotFoundException")),
        ("f:1", b"{}", (404, "ResourceNotFoundException")),
        ("f", b"{", (400, "InvalidRequestContentException")),
        ("f", b"\xff", (400, "InvalidRequestContentException")),
        ("busy", b"{}", (429, "TooManyRequestsException")),
        ("new", b"{}", (409, "ResourceConflictException")),
    ],
)
def test_what_cannot_run_is_refused_as_aws_does(
    cloud: LambdaCloud, client: LambdaClient, name: str, payload: bytes, wanted: tuple[int, str]
) -> None:
    cloud.functions.put(a_function())
    cloud.functions.put(a_function("busy", reserved_concurrency=0))
    cloud.functions.put(a_function("new", state="Pending"))
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=name, Payload=payload)
    assert refusal(caught.value) == wanted


def test_other_ways_to_run_a_function_are_refused_with_a_sentence(
    cloud: LambdaCloud, client: LambdaClient
) -> None:
    cloud.functions.put(a_function())
    with pytest.raises(ClientError, match="through the Invoke operation only") as caught:
        client.invoke_async(FunctionName="f", InvokeArgs=b"{}")
    assert refusal(caught.value) == (501, "NotImplemented")


def test_a_qualified_name_means_the_only_version(cloud: LambdaCloud, client: LambdaClient) -> None:
    function = cloud.functions.put(a_function())
    for name in (f"{function.arn}:$LATEST", "123456789012:function:f", "f:$LATEST"):
        assert client.invoke(FunctionName=name)["StatusCode"] == 200


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_a_call_from_a_recursive_loop_is_stopped_as_aws_does(
    cloud: LambdaCloud, client: LambdaClient, kind: InvocationTypeType
) -> None:
    function = cloud.functions.put(a_function())
    trace = ""
    for _ in range(16):
        trace = parse_chain(trace).trace_id(function.arn, 1.0)
    client.meta.events.register(
        "before-call", lambda params, **_: params["headers"].update({"X-Amzn-Trace-Id": trace})
    )
    if kind == "Event":  # accepted, and then dropped
        assert client.invoke(FunctionName="f", InvocationType=kind)["StatusCode"] == 202
        until(lambda: cloud.service.status().recursive_dropped == 1)
        return
    with pytest.raises(ClientError, match="recursive loop") as caught:
        client.invoke(FunctionName="f", InvocationType=kind)
    assert refusal(caught.value) == (400, "RecursiveInvocationException")
    cloud.functions.put(a_function(allow_loop=True))
    assert client.invoke(FunctionName="f")["StatusCode"] == 200
