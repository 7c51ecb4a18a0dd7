"""Failed invocations: runs that Batch can help with are submitted, the others recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import (
    DeadlineExceeded,
    EventDiscarded,
    EventError,
    OutOfMemory,
    SubmissionError,
)
from supervisor.events import failed_event
from supervisor.job_model import BatchTarget
from supervisor.model import BucketEncryption, ExecutionMode
from supervisor.results import RunOutcome
from tests.fakes.object_store import Crash, etag_of
from tests.fakes.supervisor_factory import (
    KILLED,
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

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.job_model import JobRequest
    from supervisor.ports import ObjectStore

EVENT = notification("in/x", etag=etag_of(b"input"))
FAILED = ("ScriptFailed", "The script ended with status 1.")


def records_of(harness: SupervisorHarness) -> dict[str, dict[str, object]]:
    """Return the records of the function's only run, by name."""
    found = {k: v for k, v in harness.store.keys(STATE).items() if k.startswith("runs/fn/")}
    assert len({key.rpartition("/")[0] for key in found}) <= 1
    return {key.rpartition("/")[2].removesuffix(".json"): json.loads(v) for key, v in found.items()}


def died(folder: Path, mode: ExecutionMode = ExecutionMode.LAMBDA_BATCH) -> SupervisorHarness:
    """Return a harness whose function was killed after it had claimed its run."""
    harness = new_harness(folder, mode=mode)
    harness.store.put("in/x", b"input")
    harness.store.crash_after = 0
    with pytest.raises(Crash):
        harness.supervisor.handle(lambda_invocation(EVENT))
    harness.store.crash_after = None
    return harness


@pytest.mark.parametrize("answer", [TIMED_OUT, KILLED, ("Runtime.InvalidEntrypoint", "no such")])
def test_a_run_whose_sandbox_died_continues_in_batch_and_creates_its_output_once(
    tmp_path: Path, answer: tuple[str, str]
) -> None:
    harness = died(tmp_path)
    handler = new_failure_handler(harness)
    (result,) = handler.handle(failed_invocation(EVENT, answer)).results
    assert result.state is RunOutcome.SUBMITTED
    (job,) = harness.submitter.submitted
    assert (
        harness.supervisor.handle(job_invocation(job, harness.store)).results[0].state
        is RunOutcome.DONE
    )
    assert harness.store.keys()["out/x"] == b"input"
    assert records_of(harness).keys() == {"claim", "delegated", "attempt-1", "done"}
    assert harness.store.calls["write"] == 5
    assert handler.handle(failed_invocation(EVENT, answer)).results[0].state is RunOutcome.DUPLICATE
    assert len(harness.submitter.submitted) == 1


def test_records_are_written_with_the_function_s_encryption(tmp_path: Path) -> None:
    harness = died(tmp_path)
    sealed = (BucketEncryption(bucket=STATE, algorithm="aws:kms", key_id="k"),)
    config = replace(harness.supervisor.config, encryption=sealed)
    harness.supervisor = replace(harness.supervisor, config=config)
    stores: list[tuple[tuple[BucketEncryption, ...], list[str]]] = []

    def open_store(encryption: tuple[BucketEncryption, ...]) -> ObjectStore:
        methods: list[str] = []
        stores.append((encryption, methods))
        return replace(harness.store, before=lambda method, _ref: methods.append(method))

    handler = replace(new_failure_handler(harness), open_store=open_store)
    handler.handle(failed_invocation(EVENT, KILLED))
    assert harness.submitter.submitted
    written_with = {encryption for encryption, methods in stores if "write" in methods}
    assert written_with == {sealed}


def test_a_run_whose_sandbox_never_started_continues_without_a_claim(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.LAMBDA_BATCH)
    harness.store.put("in/x", b"input")
    new_failure_handler(harness).handle(
        failed_invocation(EVENT, ("Runtime.ExitError", "exit status 127"))
    )
    (job,) = harness.submitter.submitted
    assert (
        harness.supervisor.handle(job_invocation(job, harness.store)).results[0].state
        is RunOutcome.DONE
    )


def test_a_killed_run_gets_twice_the_memory_and_a_slow_one_does_not(tmp_path: Path) -> None:
    harness = died(tmp_path)
    batch = BatchTarget(queue="q", definition="fn", memory=512, larger=(("1", 1024), ("2", 4096)))
    config = replace(harness.supervisor.config, memory=1000, batch=batch)
    harness.supervisor = replace(harness.supervisor, config=config)
    new_failure_handler(harness).handle(failed_invocation(EVENT, KILLED))
    assert (harness.submitter.submitted[0].memory, harness.submitter.submitted[0].vcpus) == (
        4096,
        "2",
    )
    other = died(tmp_path / "other")
    new_failure_handler(other).handle(failed_invocation(EVENT, TIMED_OUT))
    assert other.submitter.submitted[0].memory == 0


def test_memory_that_batch_does_not_have_either_is_an_error(tmp_path: Path) -> None:
    harness = died(tmp_path)
    batch = BatchTarget(queue="q", definition="fn", memory=512)
    config = replace(harness.supervisor.config, memory=1000, batch=batch)
    harness.supervisor = replace(harness.supervisor, config=config)
    (result,) = new_failure_handler(harness).handle(failed_invocation(EVENT, KILLED)).results
    assert (result.state, result.error) == (RunOutcome.FAILED, None)
    assert "Batch cannot help" in str(records_of(harness)["error"]["remedy"])
    assert harness.submitter.submitted == []


def test_the_jobs_record_names_the_log_of_the_dead_sandbox(tmp_path: Path) -> None:
    harness = died(tmp_path)
    new_failure_handler(harness).handle(failed_invocation(EVENT, TIMED_OUT))
    note = records_of(harness)["delegated"]
    assert (note["log_group"], note["log_stream"]) == ("/aws/lambda/fn", "stream")
    assert note["kind"] == "DeadlineExceeded"
    assert "Task timed out" in str(note["problem"])


def test_a_function_of_lambda_alone_gets_an_error_with_its_event(tmp_path: Path) -> None:
    harness = died(tmp_path, ExecutionMode.LAMBDA)
    new_failure_handler(harness).handle(failed_invocation(EVENT, TIMED_OUT))
    found = records_of(harness)
    assert found["error"]["kind"] == "DeadlineExceeded"
    assert "in/x" in str(found["claim"]["event"])
    assert harness.submitter.submitted == []


def test_an_error_that_the_function_recorded_is_not_replaced(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.LAMBDA_BATCH, script="#!/bin/sh\nexit 3\n")
    harness.store.put("in/x", b"input")
    harness.supervisor.handle(lambda_invocation(EVENT))
    before = harness.store.keys(STATE)
    handler = new_failure_handler(harness)
    stored = harness.store.keys(STATE)
    writes = harness.store.calls["write"]
    handler.handle(failed_invocation(EVENT, FAILED))
    assert harness.store.keys(STATE) == stored
    assert before.items() <= stored.items()
    assert (harness.submitter.submitted, harness.store.calls["write"]) == ([], writes)


def test_an_event_too_old_or_dropped_is_recorded_and_never_submitted(tmp_path: Path) -> None:
    for condition in ("EventAgeExceeded", "RecursionDetected"):
        harness = new_harness(tmp_path / condition, mode=ExecutionMode.LAMBDA_BATCH)
        harness.store.put("in/x", b"input")
        new_failure_handler(harness).handle(failed_invocation(EVENT, None, condition=condition))
        assert harness.submitter.submitted == []
        found = records_of(harness)
        assert found["error"]["kind"] == "EventDiscarded"
        assert found["claim"]["event"]


def test_even_a_dropped_event_with_a_response_is_never_submitted(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.LAMBDA_BATCH)
    new_failure_handler(harness).handle(failed_invocation(EVENT, TIMED_OUT, condition="Dropped"))
    assert harness.submitter.submitted == []


def test_each_run_of_an_event_is_treated_by_itself(tmp_path: Path) -> None:
    """The first is done, the second failed by itself, in the third the sandbox was killed."""
    script = '#!/bin/sh\n. "$INPUT_FILE_PATH"\n'
    harness = new_harness(tmp_path, mode=ExecutionMode.LAMBDA_BATCH, script=script)
    harness.store.put("in/a", b"exit 0")
    harness.store.put("in/b", b"exit 3")
    harness.store.put("in/c", b"echo c > $TMP_OUTPUT_DIR/c")
    event = notification("in/a", "in/b", "in/c")

    def kill(method: str, ref: object) -> None:
        if method == "download" and str(ref).endswith("in/c"):
            raise Crash

    harness.store.before = kill
    with pytest.raises(Crash):
        harness.supervisor.handle(lambda_invocation(event))
    harness.store.before = lambda _method, _ref: None
    results = new_failure_handler(harness).handle(failed_invocation(event, KILLED)).results
    assert [r.state for r in results] == [
        RunOutcome.DUPLICATE,
        RunOutcome.DUPLICATE,
        RunOutcome.SUBMITTED,
    ]
    (job,) = harness.submitter.submitted
    harness.supervisor.handle(job_invocation(job, harness.store))
    assert harness.store.keys()["out/c"] == b"c\n"


def test_a_job_that_cannot_be_submitted_is_tried_again_by_the_next_call(tmp_path: Path) -> None:
    harness = died(tmp_path)
    handler = new_failure_handler(harness)

    class Refusing:
        def submit(self, job: JobRequest, *, until: float | None = None) -> str:
            del until
            raise SubmissionError(f"Cannot submit the job {job.name}: busy.")

        def has_ended(self, job: str, *, until: float | None = None) -> bool:
            del until
            raise AssertionError(job)

        def was_out_of_memory(self, job: str, attempt: int) -> bool:
            raise AssertionError(job, attempt)

    refused = replace(handler, open_submitter=lambda _target: Refusing())
    (result,) = refused.handle(failed_invocation(EVENT, TIMED_OUT)).results
    assert isinstance(result.error, SubmissionError)
    assert records_of(harness)["error"]["kind"] == "SubmissionError"
    (result,) = handler.handle(failed_invocation(EVENT, TIMED_OUT)).results
    assert result.state is RunOutcome.SUBMITTED


def test_a_run_of_another_owner_is_not_touched(tmp_path: Path) -> None:
    harness = died(tmp_path)
    handler = new_failure_handler(harness)
    (result,) = handler.handle(failed_invocation(EVENT, TIMED_OUT, request="req-2")).results
    assert result.state is RunOutcome.DUPLICATE
    assert harness.submitter.submitted == []


def test_a_direct_call_that_began_the_day_before_is_found(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.LAMBDA_BATCH, now=lambda: 1_789_940_000.0)
    harness.store.crash_after = 0
    with pytest.raises(Crash):
        harness.supervisor.handle(lambda_invocation({"a": 1}))
    harness.store.crash_after = None
    new_failure_handler(harness).handle(failed_invocation({"a": 1}, TIMED_OUT))
    assert records_of(harness).keys() == {"claim", "delegated"}


def test_a_function_that_was_removed_meanwhile_still_gets_its_error(tmp_path: Path) -> None:
    harness = died(tmp_path)
    handler = new_failure_handler(harness)
    del harness.store.objects[STATE, "functions/fn.json"]
    handler.handle(failed_invocation(EVENT, TIMED_OUT))
    assert records_of(harness)["error"]["kind"] == "DeadlineExceeded"


def test_a_function_of_a_newer_release_is_not_misread(tmp_path: Path) -> None:
    harness = died(tmp_path)
    handler = new_failure_handler(harness)
    harness.store.put("functions/fn.json", b'{"format": 2}', bucket=STATE)
    handler.handle(failed_invocation(EVENT, TIMED_OUT))
    error = records_of(harness)["error"]
    assert "another release" in str(error["problem"])
    assert harness.submitter.submitted == []


def test_a_large_event_that_was_claimed_is_stored_for_a_retry(tmp_path: Path) -> None:
    harness = new_harness(tmp_path)
    event = {"pad": "x" * 70_000}
    harness.store.crash_after = 0
    with pytest.raises(Crash):
        harness.supervisor.handle(lambda_invocation(event))
    harness.store.crash_after = None
    new_failure_handler(harness).handle(failed_invocation(event, TIMED_OUT))
    assert records_of(harness)["event"] == event
    assert records_of(harness)["error"]["kind"] == "DeadlineExceeded"


@pytest.mark.parametrize("record", [b"", b"[]", b"{}", b'{"requestContext": {}}', b'"x"'])
def test_an_invalid_invocation_record_is_rejected(record: bytes) -> None:
    with pytest.raises(EventError, match="not an invocation record"):
        failed_event.parse_invocation_record(record)


NUMBERS = ["1e999", "-1e999", "Infinity", "-Infinity", "NaN", "9" * 400, "9" * 5000, "1.5", "-1"]
NOT_COUNTS = [*NUMBERS, "true", "null", '"1"', "[]", "{}", "[" * 900 + "]" * 900, "[" * 100_000]


@pytest.mark.parametrize("value", NOT_COUNTS)
@pytest.mark.parametrize("place", ["count", "payload", "size", "request", "condition", "timestamp"])
def test_no_value_of_a_record_ends_the_handler(tmp_path: Path, value: str, place: str) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.LAMBDA_BATCH)
    sent = failed_invocation(notification("in/none"), TIMED_OUT)
    record = json.loads(sent.event)
    context = record["requestContext"]
    if place == "count":
        context["approximateInvokeCount"] = "@"
    elif place == "payload":
        record["requestPayload"] = "@"
    elif place == "size":
        record["requestPayload"]["Records"][0]["s3"]["object"]["size"] = "@"
    elif place == "timestamp":
        record["timestamp"] = "@"
    else:
        context["requestId" if place == "request" else place] = "@"
    event = json.dumps(record).replace('"@"', value).encode()
    result = new_failure_handler(harness).handle(replace(sent, event=event))
    assert all(r.error is None for r in result.results)
    assert (result.results == ()) or place != "count"
    assert harness.submitter.submitted == []


@pytest.mark.parametrize("value", NUMBERS)
@pytest.mark.parametrize("name", ["format", "lease", "attempt"])
def test_no_number_of_a_claim_ends_the_handler(tmp_path: Path, value: str, name: str) -> None:
    harness = died(tmp_path)
    ((key, text),) = [
        (k, v) for k, v in harness.store.keys(STATE).items() if k.endswith("/claim.json")
    ]
    claim = json.loads(text)
    (claim["owner"] if name == "attempt" else claim)[name] = "@"
    harness.store.put(key, json.dumps(claim).replace('"@"', value).encode(), bucket=STATE)
    sent = failed_invocation(EVENT, TIMED_OUT, request="req-2")
    (result,) = new_failure_handler(harness).handle(sent).results
    assert not isinstance(result.error, OverflowError)
    assert harness.submitter.submitted == []


def test_invocation_records_are_translated_to_the_supervisors_errors() -> None:
    def reason(answer: tuple[str, str] | None, condition: str = "RetriesExhausted") -> object:
        record = failed_invocation(EVENT, answer, condition=condition).event
        return failed_event.parse_invocation_record(record).to_error(512)

    assert isinstance(reason(TIMED_OUT), DeadlineExceeded)
    assert isinstance(
        reason(("", "2026-11-25T00:00:00Z x Task timed out after 3")), DeadlineExceeded
    )
    assert isinstance(reason(KILLED), OutOfMemory)
    assert isinstance(reason(("Runtime.OutOfMemory", "")), OutOfMemory)
    killed = reason(KILLED)
    assert isinstance(killed, OutOfMemory)
    assert "512 MB" in killed.problem
    quoted = ("StorageError", "Cannot read s3://b/in/Task timed out.log")
    for answer in (("Runtime.ExitError", "exit status 1"), FAILED, quoted, None):
        assert isinstance(reason(answer), EventDiscarded)
    assert "max_event_age" in str(reason(None, "EventAgeExceeded"))


STOPPED = "Lambda has detected your function being invoked in a recursive loop"


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("RecursiveInvocation", None),
        ("RecursionDetected", TIMED_OUT),
        ("RetriesExhausted", ("RecursiveInvocationException", STOPPED)),
        ("RetriesExhausted", ("Lambda.RecursiveInvocationException", STOPPED)),
        ("RetriesExhausted", ("", STOPPED)),
        ("RetriesExhausted", ("", f"{STOPPED}. Task timed out")),
    ],
)
def test_an_event_of_a_recursive_loop_is_recorded_as_such_and_never_submitted(
    tmp_path: Path, condition: str, answer: tuple[str, str] | None
) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.LAMBDA_BATCH)
    harness.store.put("in/x", b"input")
    failed = failed_invocation(EVENT, answer, condition=condition)
    new_failure_handler(harness).handle(failed)
    assert harness.submitter.submitted == []
    error = records_of(harness)["error"]
    assert error["kind"] == "EventDiscarded"
    assert "recursive loop" in str(error["problem"])
    assert "allow_loop" in str(error["remedy"])


def test_a_sandbox_that_died_is_not_taken_for_a_recursive_loop(tmp_path: Path) -> None:
    harness = died(tmp_path)
    quoted = ("Sandbox.Timedout", "Task timed out after 3.00 seconds: recursive loop")
    new_failure_handler(harness).handle(failed_invocation(EVENT, quoted))
    assert len(harness.submitter.submitted) == 1
