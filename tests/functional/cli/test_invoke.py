"""Invocations over HTTP: Lambda's responses as results and errors."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.aws.client.connection import AwsConnection
from scar.errors import ConfigurationError, OperationRefusedError, UsageError, WaitTimeoutError
from scar.runs import invoke
from scar.runs.logs import FunctionNotFoundError
from tests.functional.cli.stub_endpoint import StubEndpoint, serve_stub

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


@pytest.fixture
def endpoint() -> Iterator[StubEndpoint]:
    with serve_stub(StubEndpoint(headers={"x-amzn-RequestId": "r-1"})) as stub:
        yield stub


@pytest.fixture
def connection(endpoint: StubEndpoint) -> AwsConnection:
    session = boto3.Session("key", "secret", region_name="us-east-1")
    return AwsConnection(session=session, endpoint_url=endpoint.url)


def test_an_invocation_sends_the_payload_and_parses_the_response(
    endpoint: StubEndpoint, connection: AwsConnection
) -> None:
    body = base64.b64encode(b"said").decode()
    endpoint.body = json.dumps({"statusCode": 200, "body": body, "isBase64Encoded": True}).encode()
    response = invoke.invoke_function(connection, "gray", {"cmd_args": ["ls"]}, timeout=300)
    assert (response.status, response.output, response.request_id) == (200, b"said", "r-1")
    assert endpoint.requests == [
        ("POST", "/2015-03-31/functions/gray/invocations", b'{"cmd_args": ["ls"]}')
    ]


def test_a_function_error_gives_its_message(
    endpoint: StubEndpoint, connection: AwsConnection
) -> None:
    tail = base64.b64encode(b"START RequestId: r-1 Version: 1\nno such file\n").decode()
    endpoint.headers = {
        **endpoint.headers,
        "X-Amz-Function-Error": "Unhandled",
        "X-Amz-Log-Result": tail,
    }
    endpoint.body = b'{"errorMessage": "The script ended with status 3.", "errorType": "X"}'
    with pytest.raises(invoke.FunctionError, match="status 3") as raised:
        invoke.invoke_function(connection, "gray", {}, timeout=300)
    assert "-ri r-1" in raised.value.remedy
    assert raised.value.log_tail == ("no such file",)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "ResourceNotFoundException", FunctionNotFoundError),
        (429, "TooManyRequestsException", ConfigurationError),
        (500, "ServiceException", OperationRefusedError),
    ],
)
def test_api_errors_are_translated_and_never_retried(
    endpoint: StubEndpoint,
    connection: AwsConnection,
    status: int,
    code: str,
    error: type[Exception],
) -> None:
    endpoint.status = status
    endpoint.headers = {"x-amzn-ErrorType": code}
    endpoint.body = b'{"Message": "no"}'
    with pytest.raises(error):
        invoke.invoke_function(connection, "gray", {}, timeout=300)
    assert len(endpoint.requests) == 1


def test_an_invocation_without_a_response_is_not_retried(
    endpoint: StubEndpoint, connection: AwsConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.silent = True
    with pytest.raises(WaitTimeoutError, match="no response from gray"):
        invoke.invoke_function(connection, "gray", {}, timeout=1 - invoke.TIMEOUT_MARGIN)
    assert len(endpoint.requests) == 1


def test_an_asynchronous_invocation_returns_its_request_id(
    endpoint: StubEndpoint, connection: AwsConnection
) -> None:
    endpoint.status = 202
    assert invoke.enqueue(connection, "gray", {}) == "r-1"


def test_payloads_above_the_limits_are_not_sent(
    endpoint: StubEndpoint, connection: AwsConnection
) -> None:
    with pytest.raises(UsageError, match="1,048,576"):
        invoke.enqueue(connection, "gray", {"script": "x" * (1 << 20)})
    with pytest.raises(UsageError, match="6,291,456"):
        invoke.invoke_function(connection, "gray", {"script": "x" * (6 << 20)}, timeout=1)
    assert endpoint.requests == []


def test_ctrl_c_ends_an_upload_to_a_silent_network(endpoint: StubEndpoint, tmp_path: Path) -> None:
    endpoint.silent = True
    endpoint.body = (
        b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/u</Arn>"
        b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    (tmp_path / "a").write_text("a")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": endpoint.url,
        "PYTHONPATH": str(ROOT),
    }
    program = (
        # The caller of the tests may ignore SIGINT, as shells do for background jobs.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT]);"
        "import sys, boto3; from scar.cli import main, services;"
        "from scar.aws.client.connection import AwsConnection;"
        "services.Services.connect = lambda *_: AwsConnection(session=boto3.Session());"
        "main.main()"
    )
    command = [sys.executable, "-c", program, "put", "-b", "photos", "-p", str(tmp_path)]
    command += ["--expected-bucket-owner", "123456789012"]  # so that STS is not called
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert endpoint.reached.wait(300)
            process.send_signal(signal.SIGINT)
            _, shown = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 130
    assert shown.endswith("Interrupted: nothing was uploaded.\n")
