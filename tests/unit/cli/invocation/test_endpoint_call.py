"""`scar invoke` of a function with an endpoint: what it sends over HTTP, shows and writes."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.inventory.endpoints import Endpoint
from scar.cli.invocation.endpoint_call import open_output
from scar.cli.main import run
from scar.errors import UsageError
from scar.runs.endpoints.calls import EndpointCall
from supervisor.connections import EndpointAuthentication, EndpointKind
from tests.fakes.endpoints.gateway import Gateway, serve_gateway
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Function:
    """Answers each request with the same response."""

    def __init__(self) -> None:
        self.status = 200
        self.headers = {"x-scar-run-id": "run-1"}
        self.body = b"said"

    def __call__(self, _event: dict[str, object], _request: str) -> bytes:
        body = base64.b64encode(self.body).decode()
        answer = {"statusCode": self.status, "headers": self.headers, "body": body}
        return json.dumps(answer).encode()


@pytest.fixture
def function() -> Function:
    return Function()


@pytest.fixture
def gateway(function: Function) -> Iterator[Gateway]:
    with serve_gateway(function) as served:
        yield served


def services_of(
    gateway: Gateway, authentication: EndpointAuthentication = EndpointAuthentication.IAM
) -> FakeServices:
    endpoint = Endpoint(kind=EndpointKind.URL, authentication=authentication, url=gateway.url)
    return FakeServices({}, summaries=[function_summary()], endpoint=endpoint)


def headers_of(event: dict[str, Any]) -> dict[str, str]:
    return dict(event["headers"])


def test_a_function_with_an_endpoint_is_called_through_it(
    gateway: Gateway, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    services = services_of(gateway)
    assert run(["invoke", "-n", "gray", "-jd", '{"a": "ü"}', "-p", "k=x y&z"], services) == 0
    (event,) = gateway.events
    assert event["body"] == '{"a": "ü"}'
    assert event["queryStringParameters"] == {"k": "x y&z"}
    assert "/lambda/aws4_request" in headers_of(event)["authorization"]
    assert capsysbinary.readouterr().out == b"said"
    assert not services.invoked


def test_a_public_endpoint_gets_no_signature(gateway: Gateway) -> None:
    services = services_of(gateway, EndpointAuthentication.NONE)
    assert run(["invoke", "-n", "gray"], services) == 0
    assert "authorization" not in headers_of(gateway.events[0])


def test_an_asynchronous_call_shows_the_id_of_the_run(
    gateway: Gateway, function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    function.status = 202
    assert run(["invoke", "-n", "gray", "-a"], services_of(gateway)) == 0
    assert headers_of(gateway.events[0])["x-amz-invocation-type"] == "Event"
    assert capsys.readouterr().out == "run-1\n"


def test_the_output_is_written_to_a_file(
    gateway: Gateway, function: Function, tmp_path: Path
) -> None:
    function.body = os.urandom(1000)
    output = tmp_path / "out"
    assert run(["invoke", "-n", "gray", "-o", str(output)], services_of(gateway)) == 0
    assert output.read_bytes() == function.body
    assert os.listdir(tmp_path) == ["out"]  # noqa: PTH208


def test_a_failed_run_is_a_failed_command_with_its_output(
    gateway: Gateway, function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    function.status, function.body = 500, b"no such file\n"
    function.headers["x-scar-script-status"] = "3"
    assert run(["invoke", "-n", "gray"], services_of(gateway)) == 3
    shown = capsys.readouterr()
    assert shown.out == "no such file\n"
    assert "gray failed: The script ended with status 3." in shown.err
    assert "run-1" in shown.err


def test_the_output_of_a_failed_run_is_no_result(
    gateway: Gateway, function: Function, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    output.write_text("before")
    function.status, function.body = 500, b"no such \x1b[31mfile\n"
    assert run(["invoke", "-n", "gray", "-o", str(output)], services_of(gateway)) == 1
    shown = capsys.readouterr()
    assert (shown.out, output.read_text()) == ("", "before")
    assert "no such" in shown.err
    assert "\x1b" not in shown.err
    assert "Output written" not in shown.err
    assert os.listdir(tmp_path) == ["out"]  # noqa: PTH208


def test_ctrl_c_says_that_the_run_goes_on(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EndpointCall, "send", interrupted)
    assert run(["invoke", "-n", "gray"], services_of(gateway)) == 130
    assert "goes on; `scar status -n gray` shows it." in capsys.readouterr().err


def test_parameters_that_shells_cannot_read_are_named(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["invoke", "-n", "gray", "-p", "a-b=1", "-p", "c=2"], services_of(gateway)) == 0
    assert "cannot read the variables of a-b:" in capsys.readouterr().err


def test_a_refusal_is_a_message_and_leaves_the_file_alone(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    output.write_text("before")
    gateway.refusals = [(400, {}, b"The parameter is \x1b[31mwrong.")]
    assert run(["invoke", "-n", "gray", "-o", str(output)], services_of(gateway)) == 1
    shown = capsys.readouterr()
    assert (shown.out, output.read_text()) == ("", "before")
    assert "HTTP status 400" in shown.err
    assert "\x1b" not in shown.err


def test_a_run_in_batch_names_its_job(
    gateway: Gateway, function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    function.status = 202
    function.headers["x-scar-job-id"] = "job-1"
    assert run(["invoke", "-n", "gray"], services_of(gateway)) == 0
    assert capsys.readouterr().out == "Batch job job-1\n"


def test_json_output_has_the_output(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["invoke", "-n", "gray", "-j"], services_of(gateway)) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["run"], found["output"]) == (200, "run-1", "said")


def test_an_output_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"), open_output(tmp_path / "a" / "b"):
        pass


def test_a_json_file_is_sent_whatever_its_size(
    gateway: Gateway, function: Function, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gateway answers the request for an upload, with a status that is no URL."""
    file = tmp_path / "big.json"
    file.write_text(f'"{"x" * 7_000_000}"')
    assert run(["invoke", "-n", "gray", "-jd", str(file)], services_of(gateway)) != 0
    assert gateway.events[0]["rawPath"] == "/.scar/upload"
    assert "did not return where to upload 7,000,002 bytes" in capsys.readouterr().err
    plain = FakeServices({}, summaries=[function_summary()])
    assert run(["invoke", "-n", "gray", "-jd", str(file)], plain) == 0


def test_beside_a_file_the_response_is_shown_as_json(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["invoke", "-n", "gray", "-o", str(out), "-j"], services_of(gateway)) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["run"], found["output_file"]) == ("run-1", str(out))
    assert out.read_bytes() == b"said"


def test_a_run_in_batch_leaves_the_file_as_it_was(
    gateway: Gateway, function: Function, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.write_text("before")
    function.status = 202
    function.headers["x-scar-job-id"] = "job-1"
    assert run(["invoke", "-n", "gray", "-o", str(out)], services_of(gateway)) == 0
    assert out.read_text() == "before"
    assert "is not written" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["-o"], ["-j"]])
def test_why_a_request_is_refused_is_in_the_error(
    options: list[str],
    gateway: Gateway,
    function: Function,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = [*options, *([str(tmp_path / "out")] if "-o" in options else [])]
    function.status, function.body = 400, b"The header is wrong. Omit it.\n"
    assert run(["invoke", "-n", "gray", *more], services_of(gateway)) == 1
    shown = capsys.readouterr()
    reason = "The function gray returned HTTP status 400: The header is wrong. Omit it."
    assert f"Error: {reason}\n" in shown.err
    assert shown.err.count("The header is wrong.") == 1
    assert shown.out == "" or json.loads(shown.out)["output"] == function.body.decode()
