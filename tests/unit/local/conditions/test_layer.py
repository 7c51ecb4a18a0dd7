"""The HTTP layer: what it refuses, delays, resets and rewrites, and what it leaves alone."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from scar.errors import UsageError
from scar.local.conditions.bucket_changes import CHANGE_SECONDS
from scar.local.conditions.layer import ConditionedApp, apply_conditions
from scar.local.conditions.request_conditions import RequestConditions
from scar.local.conditions.settings import ConditionsSettings, parse_seed
from scar.local.conditions.table import CHAOS_RULES, Condition
from scar.local.http.bodies import BrokenBodyError, BytesBody
from scar.local.http.messages import Request, Response
from scar.local.http.router import Route

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class RecordingApp:
    """Answers every request alike, and records its method, path and body."""

    response: Response = field(default_factory=lambda: Response(status=200, body=b"{}"))
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def handle(self, request: Request) -> Response:
        self.requests.append((request.method, request.path, request.body.read(10_000)))
        self.during()
        return self.response


def request(
    method: str, path: str, query: str = "", *, service: str = "s3", body: bytes = b"",
    target: str = "", condition: str = "",
) -> Request:  # fmt: skip
    scope = f"Credential=AKIDAKIDAKIDAKID/20261129/us-east-1/{service}/aws4_request"
    headers = {"authorization": scope, "x-amz-target": target, "host": "127.0.0.1:4580"}
    if condition:
        headers["if-none-match"] = condition
    return Request(method=method, path=path, query=query, headers=headers, body=BytesBody(body))


def submission() -> Request:
    return request("POST", "/v1/submitjob", service="batch", body=b'{"jobName": "j"}')


def conditioned(
    app: RecordingApp, route: Route, *, chaos: str = "", limits: bool = True
) -> tuple[ConditionedApp, list[float]]:
    """Return the app under conditions, at a time that stands still, and its pauses."""
    pauses: list[float] = []
    conditions = RequestConditions(ConditionsSettings(limits=limits, chaos=chaos))
    return (
        ConditionedApp(app, route, conditions, sleep=pauses.append, monotonic=lambda: 1.0),
        pauses,
    )


def test_the_fifty_first_submission_of_a_second_is_refused() -> None:
    app = RecordingApp()
    batch, _ = conditioned(app, Route.BATCH)
    statuses = [batch.handle(submission()).status for _ in range(51)]
    assert statuses == [200] * 50 + [429]
    assert len(app.requests) == 50


def test_without_limits_nothing_is_refused() -> None:
    batch, _ = conditioned(RecordingApp(), Route.BATCH, limits=False)
    assert {batch.handle(submission()).status for _ in range(100)} == {200}


def test_the_service_gets_the_whole_body() -> None:
    app = RecordingApp()
    moto, _ = conditioned(app, Route.MOTO, chaos="1")
    body = b"Action=CreateRole&RoleName=r"
    for number in range(50):  # some are refused
        moto.handle(request("POST", f"/{number}", service="iam", body=body))
    assert {content for _, _, content in app.requests} == {body}


def test_two_changes_of_one_bucket_at_the_same_time_conflict() -> None:
    started, go_on = threading.Event(), threading.Event()

    def during() -> None:
        started.set()
        assert go_on.wait(10)

    app = RecordingApp(during=during)
    s3, _ = conditioned(app, Route.S3)
    first: list[int] = []
    thread = threading.Thread(
        target=lambda: first.append(s3.handle(request("PUT", "/b", "encryption=")).status)
    )
    thread.start()
    assert started.wait(10)
    second = s3.handle(request("PUT", "/b", "publicAccessBlock="))
    app.during = lambda: None
    others = [
        s3.handle(request("PUT", "/c", "encryption=")).status,
        s3.handle(request("PUT", "/b/key")).status,
        s3.handle(request("GET", "/b", "encryption=")).status,
    ]
    go_on.set()
    thread.join()
    third = s3.handle(request("PUT", "/b", "publicAccessBlock="))
    assert second.status == 409
    assert b"<Code>OperationAborted</Code>" in second.body
    assert others == [200, 200, 200]
    assert (first, third.status) == ([200], 200)


def test_changes_one_after_another_succeed() -> None:
    s3, pauses = conditioned(RecordingApp(), Route.S3)
    for setting in ("encryption", "lifecycle", "publicAccessBlock", "notification"):
        assert s3.handle(request("PUT", "/b", f"{setting}=")).status == 200
    assert pauses == [CHANGE_SECONDS] * 4


def test_a_failed_change_frees_the_bucket() -> None:
    def fail() -> None:
        raise RuntimeError

    app = RecordingApp(during=fail)
    s3, _ = conditioned(app, Route.S3)
    with pytest.raises(RuntimeError):
        s3.handle(request("PUT", "/b", "policy="))
    app.during = lambda: None
    assert s3.handle(request("PUT", "/b", "policy=")).status == 200


def outcomes(seed: str, count: int = 3_000, condition: str = "*") -> list[str]:
    """Return what happens to writes of many keys: a status, "slow", "reset" or "lost"."""
    app = RecordingApp()
    s3, pauses = conditioned(app, Route.S3, chaos=seed)
    found = []
    for number in range(count):
        executed, paused = len(app.requests), len(pauses)
        try:
            status = str(s3.handle(request("PUT", f"/b/{number}", condition=condition)).status)
            found.append("slow" if len(pauses) > paused else status)
        except BrokenBodyError:
            found.append("lost" if len(app.requests) > executed else "reset")
    return found


def test_objects_meet_every_fault_of_s3_as_often_as_the_table_says() -> None:
    found = outcomes("5", 10_000)
    expected = {
        "503": Condition.SLOW_DOWN,
        "500": Condition.INTERNAL_ERROR,
        "reset": Condition.CONNECTION_RESET,
        "lost": Condition.RESPONSE_LOST,
        "slow": Condition.SLOW_RESPONSE,
    }
    assert set(found) == {"200", *expected}
    for outcome, condition in expected.items():
        share = found.count(outcome) / len(found)
        assert abs(share - CHAOS_RULES[condition].probability) < 0.004, outcome


def test_a_seed_repeats_the_faults_of_all_requests() -> None:
    assert outcomes("5") == outcomes("5")
    assert outcomes("5") != outcomes("6")


def test_an_upload_without_a_condition_is_never_executed_twice() -> None:
    assert "lost" not in outcomes("5", condition="")


def test_the_response_of_a_submission_is_lost_with_and_without_a_job() -> None:
    app = RecordingApp()
    batch, _ = conditioned(app, Route.BATCH, chaos="1", limits=False)
    found: Counter[str] = Counter()
    for _ in range(3_000):
        before = len(app.requests)
        try:
            found[str(batch.handle(submission()).status)] += 1
        except BrokenBodyError:
            found["made" if len(app.requests) > before else "not made"] += 1
    assert set(found) == {"200", "429", "made", "not made"}


def test_no_other_call_of_batch_is_executed_without_a_response() -> None:
    app = RecordingApp()
    batch, _ = conditioned(app, Route.BATCH, chaos="1", limits=False)
    for _ in range(3_000):
        before = len(app.requests)
        try:
            batch.handle(request("POST", "/v1/terminatejob", service="batch", body=b"{}"))
        except BrokenBodyError:
            assert len(app.requests) == before


def test_a_new_function_is_pending_in_the_response() -> None:
    created = json.dumps({"FunctionName": "f", "State": "Active"}).encode()
    states = set()
    for seed in range(20):
        app = RecordingApp(response=Response(status=201, body=created))
        moto, _ = conditioned(app, Route.MOTO, chaos=str(seed))
        body = json.dumps({"FunctionName": "f", "Role": "r"}).encode()
        try:
            response = moto.handle(
                request("POST", "/2015-03-31/functions", service="lambda", body=body)
            )
        except BrokenBodyError:
            continue
        if response.status == 201 and isinstance(response.body, bytes):
            states.add(json.loads(response.body)["State"])
    assert states == {"Active", "Pending"}


def test_an_error_starts_no_delay() -> None:
    app = RecordingApp(response=Response(status=409))
    moto, _ = conditioned(app, Route.MOTO, chaos="1")
    body = b"Action=CreateRole&RoleName=r"
    for _ in range(20):
        moto.handle(request("POST", "/", service="iam", body=body))
    app.response = Response(status=200)
    lookups = [
        moto.handle(request("POST", "/", service="iam", body=b"Action=GetRole&RoleName=r")).status
        for _ in range(20)
    ]
    assert 404 not in lookups


def test_the_command_line_and_the_registry_have_no_conditions() -> None:
    apps = {route: RecordingApp() for route in Route}
    result = apply_conditions(apps, RequestConditions(ConditionsSettings(chaos="1")))
    assert result[Route.CONTROL] is apps[Route.CONTROL]
    assert result[Route.REGISTRY] is apps[Route.REGISTRY]
    assert result[Route.ENDPOINTS] is apps[Route.ENDPOINTS]
    assert all(
        isinstance(app, ConditionedApp)
        for route, app in result.items()
        if route not in (Route.CONTROL, Route.REGISTRY, Route.ENDPOINTS)
    )


@pytest.mark.parametrize("text", ["", "a b", "x" * 41, "$(rm)", "ü", "1\n"])
def test_a_seed_can_be_typed_again(text: str) -> None:
    with pytest.raises(UsageError, match="is not a valid seed"):
        parse_seed(text)
    assert parse_seed("2026-11.29_a") == "2026-11.29_a"
