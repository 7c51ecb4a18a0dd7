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
from supervisor.errors import OutputError
from supervisor.invocation import RunOutcome
from supervisor.model import ExecutionMode, InputRule, OutputRule
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
)
from tests.unit.supervisor.events.test_event_stores import minio, request

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.ports import ObjectStore

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


@pytest.mark.parametrize("event", [EVENT, request(EVENT, "Bearer secret")])
def test_the_input_is_read_from_minio_and_recorded_so(tmp_path: Path, event: object) -> None:
    harness, _ = a_harness(tmp_path)
    handled = harness.supervisor.handle(lambda_invocation(event))
    (result,) = handled.results
    assert (result.state, result.output) == (RunOutcome.DONE, b"in MinIO")
    assert handled.is_api_request == ("body" in event)  # type: ignore[operator]
    recorded = claim(harness)
    assert recorded["input"] == {
        "provider": "minio.lab", "bucket": "data", "key": "in/x", "version": "", "etag": "",
        "sequencer": "00A1",
    }  # fmt: skip
    # `scar retry` sends MinIO's event again.
    assert json.loads(str(recorded["event"]))["Records"][0]["eventSource"] == "minio:s3"
    assert b"secret" not in b"".join(harness.store.keys(STATE).values())
    again = harness.supervisor.handle(lambda_invocation(EVENT, request="other")).results[0]
    assert again.state is RunOutcome.DUPLICATE


def test_a_webhook_without_the_token_starts_and_records_nothing(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path)
    answered = harness.supervisor.handle(lambda_invocation(request(EVENT, "Bearer wrong")))
    assert answered.results == ()
    assert answered.response is not None
    assert answered.response.status == 401
    assert harness.store.keys(STATE) == {}


def test_the_run_continues_in_a_job(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path, ExecutionMode.BATCH)
    harness.supervisor.handle(lambda_invocation(request(EVENT, "Bearer secret")))
    (job,) = harness.submitter.submitted
    (result,) = harness.supervisor.handle(job_invocation(job, harness.store)).results
    assert (result.state, result.output) == (RunOutcome.DONE, b"in MinIO")


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
