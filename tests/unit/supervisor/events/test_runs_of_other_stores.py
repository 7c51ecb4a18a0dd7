"""Runs of objects of MinIO: executed, recorded, continued in Batch, and not taken over wrongly."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.connections import (
    EndpointAuthentication,
    EndpointConfig,
    EndpointKind,
    ProviderConfig,
)
from supervisor.errors import OutputError, RequestRefused
from supervisor.model import ExecutionMode, InputRule, OutputRule
from supervisor.results import RunOutcome
from tests.fakes.object_store import MemoryStore, etag_of
from tests.fakes.supervisor_factory import (
    STATE,
    TIMED_OUT,
    SupervisorHarness,
    failed_invocation,
    job_invocation,
    lambda_invocation,
    new_failure_handler,
    new_harness,
    notification,
)
from tests.unit.supervisor.endpoint.endpoint_harness import RecordingServices, a_request
from tests.unit.supervisor.events.test_event_stores import minio
from tests.unit.supervisor.events.test_request_events import request

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.ports import ObjectStore
    from supervisor.results import EndpointResponse

PRINT = '#!/bin/sh\ncat "$INPUT_FILE_PATH"; cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR"\n'


def a_harness(
    tmp_path: Path, mode: ExecutionMode = ExecutionMode.LAMBDA
) -> tuple[SupervisorHarness, MemoryStore]:
    """Return a function with an input in S3 and one, of the same name, in MinIO; and MinIO."""
    harness, other = new_harness(tmp_path, mode=mode, script=PRINT), MemoryStore()
    config = replace(
        harness.supervisor.config,
        inputs=(
            InputRule(bucket="data", folder="in/"),
            InputRule(provider="minio.lab", bucket="data", folder="in/"),
        ),
        providers=(ProviderConfig(name="minio.lab"),),
        endpoint=EndpointConfig(kind=EndpointKind.HTTP, authentication=EndpointAuthentication.NONE),
    )
    stores: dict[str, ObjectStore] = {"s3": harness.store, "minio.lab": other}
    harness.supervisor = replace(
        harness.supervisor,
        config=config,
        open_store=stores.__getitem__,
        read_webhook_token=lambda provider, until: "secret" if provider and until else "",
    )
    harness.store.put("in/x", b"in S3")
    other.put("in/x", b"in MinIO")
    return harness, other


EVENT = minio("in/x", bucket="data")


def claim(harness: SupervisorHarness) -> dict[str, object]:
    (found,) = [v for k, v in harness.store.keys(STATE).items() if k.endswith("/claim.json")]
    record: dict[str, object] = json.loads(found)
    return record


def test_the_input_is_read_from_minio_and_recorded_so(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path)
    (result,) = harness.supervisor.handle(lambda_invocation(EVENT)).results
    assert (result.state, result.output) == (RunOutcome.DONE, b"in MinIO")
    recorded = claim(harness)
    assert recorded["input"] == {
        "provider": "minio.lab", "bucket": "data", "key": "in/x", "version": "", "etag": "",
        "sequencer": "00A1",
    }  # fmt: skip
    # `scar retry` sends MinIO's event again.
    assert json.loads(str(recorded["event"]))["Records"][0]["eventSource"] == "minio:s3"
    again = harness.supervisor.handle(lambda_invocation(EVENT, request="other")).results[0]
    assert again.state is RunOutcome.DUPLICATE


def send(
    harness: SupervisorHarness, event: object, services: RecordingServices | None = None
) -> EndpointResponse:
    used = services or RecordingServices()
    supervisor = replace(harness.supervisor, open_services=lambda: used)
    handled = supervisor.handle(lambda_invocation(event))
    assert handled.results == ()
    assert handled.response is not None
    assert harness.store.keys(STATE) == {}
    return handled.response


@pytest.mark.parametrize("mode", ExecutionMode)
@pytest.mark.parametrize("headers", [{}, {"prefer": "respond-async"}])
def test_a_webhook_is_answered_before_its_run(
    tmp_path: Path, mode: ExecutionMode, headers: dict[str, str]
) -> None:
    harness, _ = a_harness(tmp_path, mode)
    services, sent = RecordingServices(), request(EVENT, "Bearer secret")
    sent["headers"] |= headers  # type: ignore[operator]
    answer = send(harness, sent, services)
    assert answer.status == 202
    (event,) = services.events
    assert b"secret" not in event
    harness.supervisor.handle(lambda_invocation(json.loads(event), request="second"))
    for job in harness.submitter.submitted:
        harness.supervisor.handle(job_invocation(job, harness.store))
    assert answer.headers["x-scar-run-id"] in next(iter(harness.store.keys(STATE)))
    assert harness.store.keys()["out/x"] == b"in MinIO"
    assert len(harness.submitter.submitted) == (mode is ExecutionMode.BATCH)


def test_several_objects_are_one_event_or_none(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path)
    services = RecordingServices()
    keys = [f"in/{number}" for number in range(100)]
    answer = send(harness, request(minio(*keys, bucket="data"), "Bearer secret"), services)
    assert (answer.status, answer.body.count(b"was accepted")) == (202, 100)
    assert len(set(answer.headers["x-scar-run-id"].split(","))) == 100
    (event,) = services.events
    assert len(json.loads(event)["Records"]) == 100
    more = request(minio(*keys, "in/more", bucket="data"), "Bearer secret")
    assert send(harness, more, services).status == 413
    assert len(services.events) == 1


def test_what_lambda_does_not_take_is_sent_again_by_minio(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path)
    services = RecordingServices(refusal=RequestRefused("No.", status=503, retry_after=5))
    assert send(harness, request(EVENT, "Bearer secret"), services).status == 503


def test_minio_does_not_send_again_what_no_input_has(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path)
    services = RecordingServices()
    unused = minio("elsewhere/x", "elsewhere/y", bucket="data")
    answer = send(harness, request(unused, "Bearer secret"), services)
    assert answer.status == 200
    assert b"elsewhere/x in MinIO and 1 other object." in answer.body
    assert services.events == []


def with_iam(harness: SupervisorHarness) -> SupervisorHarness:
    endpoint = EndpointConfig(kind=EndpointKind.HTTP, authentication=EndpointAuthentication.IAM)
    config = replace(harness.supervisor.config, endpoint=endpoint)
    harness.supervisor = replace(harness.supervisor, config=config)
    return harness


def test_of_a_signed_event_of_s3_the_objects_of_no_input_are_named(tmp_path: Path) -> None:
    harness = with_iam(a_harness(tmp_path)[0])
    services = RecordingServices()
    answer = send(harness, request(notification("in/x", "private/y")), services)
    assert answer.status == 202
    assert b"Not used: no input has s3://data/private/y.\n" in answer.body
    (event,) = services.events
    assert [r["s3"]["object"]["key"] for r in json.loads(event)["Records"]] == ["in/x"]


def test_a_signed_event_of_s3_for_no_input_is_refused(tmp_path: Path) -> None:
    harness = with_iam(a_harness(tmp_path)[0])
    services = RecordingServices()
    answer = send(harness, request(notification("private/y")), services)
    assert answer.status == 400
    assert b"s3://data/private/y" in answer.body
    assert b"data/in" in answer.body
    assert services.events == []


@pytest.mark.parametrize("inputs", [(), (InputRule(bucket="data", folder="in/"),)])
def test_lambda_is_trusted_with_events_of_s3_that_no_input_has(
    tmp_path: Path, inputs: tuple[InputRule, ...]
) -> None:
    """Users connect buckets by hand, and `scar run -ib` names objects of other folders."""
    harness = new_harness(tmp_path, script=PRINT)
    config = replace(harness.supervisor.config, inputs=inputs)
    harness.supervisor = replace(harness.supervisor, config=config)
    harness.store.put("elsewhere/x", b"in S3")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("elsewhere/x"))).results
    assert (result.state, result.output) == (RunOutcome.DONE, b"in S3")


def test_minio_is_told_that_the_endpoint_is_there(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path)
    assert send(harness, a_request(method="HEAD")).status == 200


def test_a_function_without_an_endpoint_of_its_own_says_what_events_need(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path)
    config = replace(harness.supervisor.config, endpoint=None)
    harness.supervisor = replace(harness.supervisor, config=config)
    answer = send(harness, request(EVENT, "Bearer secret"))
    assert answer.status == 400
    assert b"Set api_gateway" in answer.body


def test_a_webhook_without_the_token_starts_and_records_nothing(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path)
    assert send(harness, request(EVENT, "Bearer wrong")).status == 401


def test_the_run_continues_in_a_job(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path, ExecutionMode.BATCH)
    harness.supervisor.handle(lambda_invocation(EVENT))
    (job,) = harness.submitter.submitted
    (result,) = harness.supervisor.handle(job_invocation(job, harness.store)).results
    assert (result.state, result.output) == (RunOutcome.DONE, b"in MinIO")


def test_an_invented_event_of_s3_is_the_input_of_one_run(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path)
    invented = notification(*(f"in/{number}" for number in range(1000)))
    handled = harness.supervisor.handle(lambda_invocation(request(invented)))
    (result,) = handled.results
    assert (result.state, json.loads(result.output)) == (RunOutcome.DONE, invented)


def test_a_failed_event_is_not_confirmed_by_an_object_of_the_same_name_in_s3(
    tmp_path: Path,
) -> None:
    harness, _ = a_harness(tmp_path, ExecutionMode.LAMBDA_BATCH)
    handler = new_failure_handler(harness)
    event = minio("in/x", bucket="data")
    event["Records"][0]["s3"]["object"]["eTag"] = etag_of(b"in S3")  # type: ignore[index]
    handler.handle(failed_invocation(event, TIMED_OUT))
    assert harness.submitter.submitted == []
    assert not [key for key in harness.store.keys(STATE) if key.startswith("runs/fn/")]


def test_outputs_return_to_an_input_only_in_the_same_store(tmp_path: Path) -> None:
    harness, other = a_harness(tmp_path)
    config = harness.supervisor.config
    for provider, state in (("s3", RunOutcome.DONE), ("minio.lab", RunOutcome.FAILED)):
        # Of the inputs only that in MinIO: the output has its name, in either store.
        changed = replace(
            config,
            inputs=config.inputs[1:],
            outputs=(OutputRule(provider=provider, path="data/in/new"),),
        )
        supervisor = replace(harness.supervisor, config=changed)
        event = minio("in/x", bucket="data")
        event["Records"][0]["s3"]["object"]["sequencer"] = provider.encode().hex()  # type: ignore[index]
        (result,) = supervisor.handle(lambda_invocation(event, request=provider)).results
        assert result.state is state
        assert isinstance(result.error, OutputError) == (state is RunOutcome.FAILED)
    assert harness.store.keys()["in/new/x"] == b"in MinIO"
    assert "in/new/x" not in other.keys()  # noqa: SIM118 - a method of the store
