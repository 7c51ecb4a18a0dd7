"""Calls over the wire: what Lambda's answers become."""

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

from scar.aws.connection import Connection
from scar.errors import ConfigurationError, Refused, StillWaiting, UsageError
from scar.runs import call
from scar.runs.logs import NoSuchFunction
from tests.functional.cli.answering import Answering, answering

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


@pytest.fixture
def endpoint() -> Iterator[Answering]:
    with answering(Answering(headers={"x-amzn-RequestId": "r-1"})) as how:
        yield how


@pytest.fixture
def connection(endpoint: Answering) -> Connection:
    session = boto3.Session("key", "secret", region_name="us-east-1")
    return Connection(session=session, endpoint_url=endpoint.url)


def test_a_call_sends_the_payload_and_reads_the_answer(
    endpoint: Answering, connection: Connection
) -> None:
    body = base64.b64encode(b"said").decode()
    endpoint.body = json.dumps({"statusCode": 200, "body": body, "isBase64Encoded": True}).encode()
    answer = call.invoke(connection, "gray", {"cmd_args": ["ls"]}, timeout=300)
    assert (answer.status, answer.output, answer.request) == (200, b"said", "r-1")
    assert endpoint.asked == [
        ("POST", "/2015-03-31/functions/gray/invocations", b'{"cmd_args": ["ls"]}')
    ]


def test_a_function_error_gives_its_message(endpoint: Answering, connection: Connection) -> None:
    tail = base64.b64encode(b"START RequestId: r-1 Version: 1\nno such file\n").decode()
    endpoint.headers = {
        **endpoint.headers,
        "X-Amz-Function-Error": "Unhandled",
        "X-Amz-Log-Result": tail,
    }
    endpoint.body = b'{"errorMessage": "The script ended with status 3.", "errorType": "X"}'
    with pytest.raises(call.FunctionFailed, match="status 3") as raised:
        call.invoke(connection, "gray", {}, timeout=300)
    assert "-ri r-1" in raised.value.remedy
    assert raised.value.log == ("no such file",)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "ResourceNotFoundException", NoSuchFunction),
        (429, "TooManyRequestsException", ConfigurationError),
        (500, "ServiceException", Refused),
    ],
)
def test_refusals_are_told_and_never_repeated(
    endpoint: Answering,
    connection: Connection,
    status: int,
    code: str,
    error: type[Exception],
) -> None:
    endpoint.status = status
    endpoint.headers = {"x-amzn-ErrorType": code}
    endpoint.body = b'{"Message": "no"}'
    with pytest.raises(error):
        call.invoke(connection, "gray", {}, timeout=300)
    assert len(endpoint.asked) == 1


def test_a_silent_function_is_not_called_again(
    endpoint: Answering, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.silent = True
    with pytest.raises(StillWaiting, match="did not answer"):
        call.invoke(connection, "gray", {}, timeout=1 - call.SPARE)
    assert len(endpoint.asked) == 1


def test_an_asynchronous_call_gives_its_request(
    endpoint: Answering, connection: Connection
) -> None:
    endpoint.status = 202
    assert call.enqueue(connection, "gray", {}) == "r-1"


def test_payloads_above_the_limits_are_refused_before(
    endpoint: Answering, connection: Connection
) -> None:
    with pytest.raises(UsageError, match="1,048,576"):
        call.enqueue(connection, "gray", {"script": "x" * (1 << 20)})
    with pytest.raises(UsageError, match="6,291,456"):
        call.invoke(connection, "gray", {"script": "x" * (6 << 20)}, timeout=1)
    assert endpoint.asked == []


def test_ctrl_c_ends_an_upload_to_a_silent_network(endpoint: Answering, tmp_path: Path) -> None:
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
        # Whoever runs the tests may have told them to ignore INT, as shells do to background jobs.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT]);"
        "import sys; from scar.cli import main, world; from scar.aws.connection import Connection;"
        "import boto3; world.World.connect = lambda *_: Connection(session=boto3.Session());"
        "main.main()"
    )
    command = [sys.executable, "-c", program, "put", "-b", "photos", "-p", str(tmp_path)]
    command += ["--expected-bucket-owner", "123456789012"]  # STS is not asked
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert endpoint.reached.wait(300)
            process.send_signal(signal.SIGINT)
            _, shown = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 130
    assert shown.endswith("Interrupted.\n")
