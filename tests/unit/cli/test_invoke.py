"""``scar invoke``: the event that it sends."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from scar.aws.inventory.endpoints import Endpoint
from scar.cli.main import run
from scar.runs.invoke import InvocationResponse
from supervisor.connections import EndpointAuthentication, EndpointKind
from supervisor.events.parser import parse_event
from supervisor.invocation import ObjectEvent
from tests.fakes.services import FakeServices, function_summary


def test_invoke_sends_what_an_http_endpoint_would(tmp_path: Path) -> None:
    services = FakeServices({}, summaries=[function_summary()])
    (tmp_path / "d").write_bytes(b"\xff")
    assert run(["invoke", "-n", "gray", "-db", str(tmp_path / "d")], services) == 0
    assert run(["invoke", "-n", "gray", "-jd", '{"a": 1}', "-p", '{"k": ["1", 2]}'], services) == 0
    binary, text = services.invoked
    assert binary["isBase64Encoded"]
    assert base64.b64decode(str(binary["body"])) == b"\xff"
    assert text["body"] == '{"a": 1}'
    assert text["queryStringParameters"] == {"k": "1,2"}


OPEN = Endpoint(kind=EndpointKind.URL, authentication=EndpointAuthentication.NONE)
MINIO = {
    "Records": [
        {
            "eventSource": "minio:s3",
            "eventName": "s3:ObjectCreated:Put",
            "eventVersion": "2.0",
            "s3": {"bucket": {"name": "lab"}, "object": {"key": "in/a"}},
        }
    ]
}


@pytest.mark.parametrize("event", [MINIO, {"event": MINIO}])
@pytest.mark.parametrize("endpoint", [None, OPEN])
def test_an_event_of_minio_is_the_event_of_lambda_and_no_request(
    event: dict[str, object], endpoint: Endpoint | None
) -> None:
    services = FakeServices({}, summaries=[function_summary()], endpoint=endpoint)
    assert run(["invoke", "-n", "gray", "-jd", json.dumps(event)], services) == 0
    assert services.invoked == [event]
    assert run(["invoke", "-n", "gray", "-jd", json.dumps(event), "-a"], services) == 0
    assert services.queued == [event]
    assert run(["invoke", "-n", "gray", "-jd", json.dumps(event), "-p", "a=1"], services) == 2


@pytest.mark.parametrize("text", ['{"note": "minio:s3"}', '["minio:s3"]'])
def test_data_that_names_minio_is_data(text: str) -> None:
    services = FakeServices({}, summaries=[function_summary()])
    assert run(["invoke", "-n", "gray", "-jd", text], services) == 0
    assert services.invoked[0]["body"] == text


def test_a_damaged_event_of_minio_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    services = FakeServices({}, summaries=[function_summary()])
    event = {"Records": [{"eventSource": "minio:s3", "s3": {}}]}
    assert run(["invoke", "-n", "gray", "-jd", json.dumps(event)], services) == 2
    assert "-jd" in capsys.readouterr().err
    assert services.invoked == []


@pytest.mark.parametrize("command", [["invoke"], ["run", "--", "echo"]])
def test_why_no_script_ran_is_in_the_error(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answer = InvocationResponse(status=400, output=b"No \x1b[1mscript.\n", request_id="r")
    services = FakeServices({}, summaries=[function_summary()], answer=answer)
    name, *rest = command
    assert run([name, "-n", "gray", *rest], services) == 1
    shown = capsys.readouterr()
    assert "The function gray returned HTTP status 400: No \\x1b[1mscript.\n" in shown.err
    assert shown.out == ""


def test_the_documented_event_starts_a_run_on_the_file() -> None:
    text = (
        (Path(__file__).parents[3] / "docs" / "storage.md")
        .read_text()
        .partition("```json\n")[2]
        .partition("```")[0]
    )
    services = FakeServices({}, summaries=[function_summary()])
    assert run(["invoke", "-n", "gray", "-jd", text], services) == 0
    (trigger,) = parse_event(json.dumps(services.invoked[0]).encode())
    assert isinstance(trigger, ObjectEvent)
    assert str(trigger.source) == "minio:photos/in/my photo.jpg"
