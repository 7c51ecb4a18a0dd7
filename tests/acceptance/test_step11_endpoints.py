"""Step 11: HTTP APIs and function URLs, signed and open: requests, uploads, changes, removal."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, get_args

import pytest
import requests

from supervisor.connections import BODY_DAYS, RESULT_DAYS
from tests.acceptance.kit.commands import CommandError
from tests.acceptance.kit.deployment import Deployment, describe_function
from tests.acceptance.kit.endpoints import DeployedEndpoint, Kind, list_endpoint
from tests.acceptance.kit.leftovers import list_leftovers, state_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(11)

KINDS: tuple[Kind, ...] = get_args(Kind)
MB = 1_000_000
# What a request sends comes back, and is an output; the path /wait takes longer than an HTTP API.
ECHO = """#!/bin/sh
[ "$SCAR_HTTP_PATH" != /wait ] || sleep 40
cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"
cat "$INPUT_FILE_PATH"
"""
ORIGIN = "https://www.example.com"
OPEN: dict[str, Any] = {"authentication": "NONE", "cors": {"allow_origins": [ORIGIN]}}
LIMIT = {"rate": 1, "burst": 1}
# At 7 requests each, more than the 40 management requests that API Gateway takes at once.
MANY = 8
LISTED_SECONDS = 60.0
SLOW = "an HTTP API gives up after 30 seconds; test_local_endpoints.py shows it with a shorter time"


def describe(run: AcceptanceRun, name: str, **section: object) -> dict[str, Any]:
    """Return a function that prints its input, with this ``api_gateway``."""
    script = str(run.file("echo.sh", ECHO).relative_to(run.settings.folder))
    if section and section.get("type") != "url":
        section["name"] = run.function_name(name)
    keys = {"api_gateway": section} if section else {}
    return describe_function(
        run, name, "endpoints", script=script, timeout=90, allow_script=False, **keys
    )


@pytest.fixture(scope="module")
def served(session_run: AcceptanceRun) -> Iterator[Mapping[Kind, DeployedEndpoint]]:
    """Deploy an endpoint of each kind for signed requests, which several tests use."""
    session_run.step = 11
    described = [describe(session_run, f"signed-{kind}", type=kind) for kind in KINDS]
    deployment = Deployment.write(session_run, "signed", *described)
    try:
        deployment.init()
        assert deployment.drift(0) == []
        found = {k: DeployedEndpoint.find(deployment, k, n) for n, k in enumerate(KINDS)}
        for endpoint in found.values():
            endpoint.until_it_answers()
        yield found
    finally:
        deployment.remove()


def invoke(endpoint: DeployedEndpoint, data: bytes) -> bytes:
    """Send a body with ``scar invoke``; return what it wrote."""
    run = endpoint.deployment.run
    body, result = run.file("invoke/body", data), run.file("invoke/result", b"")
    words = ("-n", endpoint.name, "-db", str(body), "-o", str(result))
    with run.timed(f"a body and a result of {len(data):,} bytes ({endpoint.kind})"):
        endpoint.deployment.scar("invoke", *words)
    return result.read_bytes()


def count_stored(endpoint: DeployedEndpoint) -> Counter[str]:
    """Return the numbers of the function's bodies and results in the state bucket."""
    run, count = endpoint.deployment.run, Counter[str]()
    for folder in ("requests", "results"):
        found = run.target.client("s3").list_objects_v2(
            Bucket=state_bucket(run), Prefix=f"{folder}/{endpoint.name}/"
        )
        count[folder] = len(found.get("Contents", []))
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_bodies_of_any_size_come_back(
    run: AcceptanceRun, served: Mapping[Kind, DeployedEndpoint], kind: Kind
) -> None:
    endpoint = served[kind]
    before = count_stored(endpoint)
    for data in (b"text\n", bytes(range(256)) * 40):
        assert invoke(endpoint, data) == data
    assert count_stored(endpoint) == before
    large = os.urandom(8 * MB)
    assert invoke(endpoint, large) == large
    assert count_stored(endpoint) - before == {"requests": 1, "results": 1}
    rules = run.target.client("s3").get_bucket_lifecycle_configuration(Bucket=state_bucket(run))
    days = {
        rule["Filter"]["Prefix"]: rule["Expiration"]["Days"]
        for rule in rules["Rules"]
        if rule["Status"] == "Enabled" and "Prefix" in rule.get("Filter", {})
    }
    assert (days["requests/"], days["results/"]) == (BODY_DAYS, RESULT_DAYS)


@pytest.mark.parametrize("kind", KINDS)
def test_only_signed_requests_and_uploads_of_the_signed_size_are_taken(
    served: Mapping[Kind, DeployedEndpoint], kind: Kind
) -> None:
    endpoint = served[kind]
    for path in ("", ".scar/upload?size=4"):
        assert endpoint.send(path=path, is_signed=False).status_code == 403
    place = endpoint.send(path=".scar/upload?size=4").json()

    def put(data: bytes) -> int:
        # requests computes Content-Length from the body, right or wrong.
        more = {k: v for k, v in place["headers"].items() if k.lower() != "content-length"}
        return requests.put(place["url"], data, headers=more, timeout=60).status_code

    assert [put(data) for data in (b"larger", b"few", b"four", b"five")] == [403, 403, 200, 412]
    answer = endpoint.send(b"", headers={"X-Scar-Body": place["body"]})
    assert (answer.status_code, answer.content) == (200, b"four")


@pytest.mark.parametrize("kind", KINDS)
def test_the_documented_commands_of_curl_work(
    served: Mapping[Kind, DeployedEndpoint], kind: Kind, tmp_path: Path
) -> None:
    endpoint = served[kind]
    photo, video = os.urandom(1000), os.urandom(8 * MB)
    (tmp_path / "photo.jpg").write_bytes(photo)
    (tmp_path / "video.mp4").write_bytes(video)
    endpoint.run_documented("signed", tmp_path)
    try:
        assert (tmp_path / "small.jpg").read_bytes() == photo
        endpoint.run_documented("large", tmp_path)
        assert (tmp_path / "result").read_bytes() == video
        accepted = endpoint.run_documented("asynchronous", tmp_path).lower()
    finally:
        (tmp_path / "signed.curl").unlink()
    assert " 202" in accepted.splitlines()[0]
    (run_id,) = [
        line.partition(": ")[2].strip()
        for line in accepted.splitlines()
        if line.startswith("x-scar-run-id: ")
    ]
    answer = endpoint.send(b"x", headers={"X-Amz-Invocation-Type": "Event"})
    assert answer.status_code == 202
    for run in (run_id, answer.headers["x-scar-run-id"]):
        history = endpoint.deployment.until(lambda run=run: ended(endpoint, run), seconds=120)  # type: ignore[misc]
        assert history
        assert history["state"] == "done", history
        assert history["records"]["done"]["outputs"]


def ended(endpoint: DeployedEndpoint, run_id: str) -> dict[str, Any] | None:
    """Return the history of an asynchronous run, once it has ended."""
    try:
        (history,) = endpoint.deployment.scar("why", run_id, "-j").json()
    except CommandError:  # it has not begun
        return None
    found: dict[str, Any] = history
    return found if found["state"] in ("done", "failed", "lost") else None


def allowed_origin(endpoint: DeployedEndpoint) -> str:
    """Return what the endpoint answers to the request that a browser sends first."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = endpoint.send(method="OPTIONS", headers=headers, is_signed=False)
    return str(answer.headers.get("access-control-allow-origin", ""))


def test_open_endpoints_answer_pages_and_run_no_script_of_a_request(
    run: AcceptanceRun, deploy: Deploy
) -> None:
    def both(**section: object) -> list[dict[str, Any]]:
        return [describe(run, f"open-{kind}", type=kind, **section) for kind in KINDS]

    deployment = deploy("open", *both(**OPEN))
    deployment.init()
    assert deployment.drift(0) == []
    endpoints = [DeployedEndpoint.find(deployment, kind, n) for n, kind in enumerate(KINDS)]
    forged = b'{"script": "ZWNobyBieSBhIHN0cmFuZ2Vy"}'
    for endpoint in endpoints:
        endpoint.until_it_answers(is_signed=False)
        assert endpoint.send(forged, is_signed=False).content == forged
        assert allowed_origin(endpoint) == ORIGIN
    statements = [list_endpoint(run, each.name)["statements"] for each in endpoints]
    assert statements == [["scar-api"], ["scar-url", "scar-url-invoke"]]

    changed = both(authentication="NONE")
    changed[0]["lambda"]["tags"]["changed"] = "yes"
    deployment.rewrite(*changed)
    deployment.init()
    assert deployment.drift(0) == []
    for endpoint in endpoints:
        deployment.until(lambda served=endpoint: not allowed_origin(served))  # type: ignore[misc]


def test_a_throttled_request_starts_nothing(run: AcceptanceRun, deploy: Deploy) -> None:
    deployment = deploy("limit", describe(run, "limit", throttling=LIMIT))
    deployment.init()
    endpoint = DeployedEndpoint.find(deployment, "http")
    endpoint.until_it_answers()
    before = deployment.states()["done"]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(endpoint.send, [b"x"] * 30))
    statuses = Counter(answer.status_code for answer in answers)
    run.observe("statuses of 30 requests with a limit of 1 a second", dict(statuses))
    assert statuses.keys() <= {200, 429}
    assert statuses[429]
    assert deployment.states()["done"] == before + statuses[200]


@pytest.mark.not_shown_here(SLOW)
def test_a_run_goes_on_after_its_http_api_has_given_up(
    run: AcceptanceRun, served: Mapping[Kind, DeployedEndpoint]
) -> None:
    endpoint = served["http"]
    before = endpoint.deployment.states()["done"]
    with run.timed("an HTTP API gives up"):
        answer = endpoint.send(b"slow", "wait")
    run.observe("status after the time-out of an HTTP API", answer.status_code)
    assert answer.status_code in (503, 504)
    endpoint.deployment.until(lambda: endpoint.deployment.states()["done"] > before)


def test_an_endpoint_changes_its_kind_and_leaves_nothing(
    run: AcceptanceRun, deploy: Deploy
) -> None:
    nothing: dict[str, Any] = {"apis": 0, "url": "", "statements": []}
    forms: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"type": "http"}, {**nothing, "apis": 1, "statements": ["scar-api"]}),
        ({"type": "url"}, {**nothing, "url": "AWS_IAM"}),
        (
            {"type": "url", "authentication": "NONE"},
            {**nothing, "url": "NONE", "statements": ["scar-url", "scar-url-invoke"]},
        ),
        ({}, nothing),
        ({"type": "http"}, {**nothing, "apis": 1, "statements": ["scar-api"]}),
    ]
    changed = deploy("kinds", describe(run, "kinds", **forms[0][0]))
    name = changed.functions[0]["name"]
    for section, expected in forms:
        changed.rewrite(describe(run, "kinds", **section))
        changed.init()
        until_listed(changed, expected)
        assert changed.drift(0) == []
    changed.remove()
    until_listed(changed, nothing)
    found = list_leftovers(run)
    assert "HTTP API" not in dict(found.unlisted)
    assert ("function", name) not in found.left


def until_listed(deployment: Deployment, expected: dict[str, Any]) -> None:
    """Wait until the services list this for the file's only function; record the time."""
    run, name = deployment.run, deployment.functions[0]["name"]
    with run.timed("a changed endpoint is listed"), contextlib.suppress(AssertionError):
        deployment.until(lambda: list_endpoint(run, name) == expected, seconds=LISTED_SECONDS)
    assert list_endpoint(run, name) == expected


def test_many_apis_are_made_and_deleted_at_once(run: AcceptanceRun, deploy: Deploy) -> None:
    count = MANY if run.settings.is_aws else 2
    named = (f"many-{number}" for number in range(count))
    many = deploy("many", *(describe(run, name, type="http") for name in named))
    many.init()
    assert many.drift(0) == []
    names = [each["name"] for each in many.functions]
    assert [list_endpoint(run, name)["apis"] for name in names] == [1] * count
    many.remove()
    answers = Counter(
        (call["operation"], call["code"])
        for call in run.journal.entries("call")
        if call["service"] == "apigatewayv2" and call["code"]
    )
    run.observe("errors of API Gateway", [[*key, times] for key, times in answers.items()])
