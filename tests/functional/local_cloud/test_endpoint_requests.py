"""Requests of any size through a function's endpoint, on the local cloud's S3 and Lambda."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests

from scar.aws.inventory.endpoint_address import find_endpoint
from scar.aws.inventory.endpoints import Endpoint
from scar.errors import ScarError
from scar.runs.endpoints.calls import CallBody, EndpointCall
from scar.runs.endpoints.http import EndpointClient
from scar.runs.endpoints.repetition import parse_direct, without_caller
from scar.runs.endpoints.stored_bodies import BodyGoneError, with_own_body
from scar.runs.ledger import RunLedger
from supervisor import storage
from supervisor.connections import EndpointAuthentication, EndpointConfig, EndpointKind
from supervisor.endpoint import services
from supervisor.events import response
from supervisor.events.api_request import with_stored_body
from tests.conformance.engine_harness import unavailable
from tests.fakes.endpoints.gateway import Gateway, serve_gateway
from tests.fakes.local_cloud import ACCOUNT, ROOT, STATE, a_local_cloud, function
from tests.fakes.services import function_summary
from tests.fakes.supervisor_factory import lambda_invocation, new_harness
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.runs.invoke import InvocationResponse
    from tests.fakes.local_cloud import LocalCloudProcess

MAX_BODY = 8_000_000
MIB = 1 << 20
ECHO = """#!/bin/sh
for _ in $(seq "${CONT_VAR_times:-1}"); do cat "$INPUT_FILE_PATH"; done
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", function("web"))


@pytest.fixture
def gateway(cloud: LocalCloudProcess, tmp_path: Path) -> Iterator[Gateway]:
    """Return the endpoint of the function ``web``, which prints what it gets."""
    keys = cloud.connection.session.get_credentials()
    assert keys is not None
    environ = {
        "AWS_ENDPOINT_URL": str(cloud.connection.endpoint_url),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.token or "",
    }
    harness = new_harness(tmp_path, script=ECHO)
    endpoint = EndpointConfig(kind=EndpointKind.HTTP, max_body=MAX_BODY)
    config = replace(harness.supervisor.config, name="web", state_bucket=STATE, endpoint=endpoint)
    store = storage.open_store("s3", environ, {STATE: ACCOUNT})
    supervisor = replace(
        harness.supervisor,
        config=config,
        open_store=lambda _provider: store,
        open_services=lambda: services.connect(config, environ),
    )

    def handle(event: dict[str, object], request: str) -> bytes:
        invocation = lambda_invocation(event, request=request, seconds=None)
        return response.build_body(supervisor.handle(invocation), invocation)

    with serve_gateway(handle) as served:
        yield served


def call(
    cloud: LocalCloudProcess, gateway: Gateway, body: CallBody | None, *, wait: bool = True
) -> tuple[InvocationResponse, bytes]:
    endpoint = Endpoint(
        kind=EndpointKind.HTTP, authentication=EndpointAuthentication.IAM, url=gateway.url
    )
    client = EndpointClient(connection=cloud.connection, timeout=120, sleep=lambda _: None)
    target = io.BytesIO()
    sent = EndpointCall(
        endpoint=endpoint, function="web", client=client, report=lambda _: None
    ).send({}, body, target, asynchronous=not wait)
    return sent, target.getvalue()


@pytest.mark.parametrize("size", [1, 5 * MIB, MAX_BODY])
def test_bodies_and_results_of_any_size_come_back(
    cloud: LocalCloudProcess, gateway: Gateway, tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    file = tmp_path / "body"
    file.write_bytes(data)
    answer, output = call(cloud, gateway, CallBody(file=file, size=size))
    assert output == data
    is_large = size > 4_700_000
    assert answer.status == (303 if is_large else 200)
    assert cloud.keys(f"results/web/{answer.run_id}", STATE) == (
        [f"results/web/{answer.run_id}"] if is_large else []
    )
    assert len(gateway.events) == (2 if is_large else 1)


def test_a_body_above_the_limit_is_refused_before_it_is_sent(
    cloud: LocalCloudProcess, gateway: Gateway, tmp_path: Path
) -> None:
    file = tmp_path / "body"
    file.write_bytes(bytes(MAX_BODY + 1))
    with pytest.raises(ScarError, match="8,000,001 bytes; this endpoint takes 8,000,000"):
        call(cloud, gateway, CallBody(file=file, size=MAX_BODY + 1))
    assert not any(event.get("body") for event in gateway.events)


def test_an_upload_url_takes_one_object_of_the_size_that_was_asked_for(
    gateway: Gateway,
) -> None:
    place = requests.get(f"{gateway.url}.scar/upload", {"size": "4"}, timeout=60).json()
    headers = {name: value for name, value in place["headers"].items() if name != "content-length"}

    def put(data: bytes, **changed: str) -> int:
        more = {**headers, **changed}
        return requests.put(place["url"], data, headers=more, timeout=60).status_code

    assert put(b"larger") == 403
    assert put(b"four", **{"if-none-match": "x"}) == 403
    assert put(b"four") == 200
    assert put(b"five") == 412
    sent = requests.post(gateway.url, headers={"X-Scar-Body": place["body"]}, timeout=60)
    assert (sent.status_code, sent.content) == (200, b"four")


def test_two_calls_at_once_have_their_own_runs(cloud: LocalCloudProcess, gateway: Gateway) -> None:
    bodies = [CallBody(content=letter * 5 * MIB) for letter in (b"a", b"b")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda body: call(cloud, gateway, body), bodies))
    assert [output for _, output in answers] == [body.content for body in bodies]
    assert len({answer.run_id for answer, _ in answers}) == 2


@pytest.mark.parametrize("size", [100, 2 * MIB])
def test_an_asynchronous_request_is_a_run_of_lambda_with_the_id_of_the_answer(
    cloud: LocalCloudProcess, gateway: Gateway, size: int
) -> None:
    script = b'wc -c < "$INPUT_FILE_PATH" > "$TMP_OUTPUT_DIR/size"; exit #'
    body = CallBody(content=script.ljust(size, b"x"))
    answer, _ = call(cloud, gateway, body, wait=False)
    assert answer.status == 202
    records = until(
        lambda: {
            name: record
            for name, record in cloud.records("web", answer.run_id).items()
            if name in ("done.json", "error.json")
        }
    )
    (output,) = records["done.json"]["outputs"]
    assert cloud.read(output["key"]).strip() == str(size)


def test_a_repeated_request_has_a_copy_of_its_body(
    cloud: LocalCloudProcess, gateway: Gateway
) -> None:
    call(cloud, gateway, CallBody(content=b"x" * 5 * MIB))
    request = gateway.events[-1]
    repeated = without_caller(request, lambda: "2026-11-30")
    ledger = RunLedger(cloud.connection.client("s3"), STATE)
    event = with_own_body(ledger, "web", repeated)
    first, copied = (parse_direct(found) for found in (request, event))
    assert first is not None
    assert copied is not None
    assert first.request is not None
    assert copied.request is not None
    assert copied.request.body_id != first.request.body_id
    assert len(cloud.read(f"requests/web/{copied.request.body_id}", STATE)) == 5 * MIB
    gone = with_stored_body(request, "0" * 32)
    with pytest.raises(BodyGoneError, match="does not exist"):
        with_own_body(ledger, "web", without_caller(gone, lambda: "2026-11-30"))


def test_throttled_requests_are_sent_again_and_others_are_not(
    cloud: LocalCloudProcess, gateway: Gateway
) -> None:
    gateway.refusals = [(429, {}, b"{}"), (503, {"retry-after": "1"}, b"")]
    assert call(cloud, gateway, CallBody(content=b"x"))[1] == b"x"
    assert len(gateway.events) == 3
    gateway.refusals = [(503, {}, b"The request cannot be queued.")]
    with pytest.raises(ScarError, match="503: The request cannot be queued"):
        call(cloud, gateway, CallBody(content=b"x"))
    assert len(gateway.events) == 4
    gateway.refusals = [(429, {}, b"{}")] * 9
    with pytest.raises(ScarError, match="429"):
        call(cloud, gateway, CallBody(content=b"x"))
    assert len(gateway.events) == 8


def test_a_request_that_lambda_throttled_is_sent_again(
    cloud: LocalCloudProcess, gateway: Gateway
) -> None:
    unavailable = json.dumps({"message": "Service Unavailable"}).encode()
    gateway.refusals = [(503, {}, unavailable)] * 2
    assert call(cloud, gateway, CallBody(content=b"x"))[1] == b"x"
    assert len(gateway.events) == 3
    gateway.refusals = [(503, {}, unavailable)] * 9
    with pytest.raises(ScarError, match=r"503 at once, 4 times: .*Nothing has run"):
        call(cloud, gateway, CallBody(content=b"x"))
    assert len(gateway.events) == 7


def test_no_signature_reaches_the_run(cloud: LocalCloudProcess, gateway: Gateway) -> None:
    answer, _ = call(cloud, gateway, CallBody(content=b"x"))
    assert "authorization" in str(gateway.events[-1]["headers"])
    assert "Signature" not in str(cloud.records("web", answer.run_id))


def test_a_function_without_an_endpoint_has_none(cloud: LocalCloudProcess) -> None:
    assert find_endpoint(cloud.connection, function_summary("web")) is None


def documented(kind: str) -> str:
    """Return a block of the page on calls."""
    text = (ROOT / "docs/endpoint-calls.md").read_text()
    found = re.search(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_documented_commands_of_curl_do_what_the_page_says(
    cloud: LocalCloudProcess, gateway: Gateway, tmp_path: Path
) -> None:
    for program in ("curl", "jq"):
        if shutil.which(program) is None:
            unavailable(f"{program} is not installed")
    photo, video = os.urandom(1000), os.urandom(5 * MIB)
    (tmp_path / "photo.jpg").write_bytes(photo)
    (tmp_path / "video.mp4").write_bytes(video)
    environ = {
        "PATH": os.environ["PATH"],
        "ENDPOINT": gateway.url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }

    def shell(kind: str) -> str:
        return subprocess.run(
            ["bash", "-euc", documented(kind)],
            cwd=tmp_path,
            env=environ,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    shell("sh signed")
    assert (tmp_path / "small.jpg").read_bytes() == photo
    assert (tmp_path / "signed.curl").stat().st_mode & 0o777 == 0o600
    signed = str(gateway.events[-1]["headers"])
    assert "us-east-1/execute-api/aws4_request" in signed
    assert "'x-amz-security-token': 'token'" in signed
    shell("sh large")
    assert (tmp_path / "result").read_bytes() == video
    accepted = shell("sh asynchronous")
    assert " 202 " in accepted
    assert "x-scar-run-id: " in accepted


@pytest.mark.parametrize(("query", "size"), [("", 1000), ("?times=5", MIB)])
def test_the_documented_program_in_python_does_what_the_page_says(
    gateway: Gateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    size: int,
) -> None:
    """Also for a result above Lambda's limit, which S3 refuses to the headers of the request."""
    photo = os.urandom(size)
    (tmp_path / "photo.jpg").write_bytes(photo)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    names: dict[str, object] = {"ENDPOINT": gateway.url + query}
    exec(documented("python signed"), names)  # noqa: S102 - our own document
    answer = names["response"]
    assert isinstance(answer, requests.Response)
    assert answer.content == photo * (5 if query else 1)
