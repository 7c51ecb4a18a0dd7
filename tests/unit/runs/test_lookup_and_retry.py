"""Find, retry, cancel and count runs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from scar.errors import UsageError
from scar.runs import lookup
from scar.runs.batch_job import correct_run_state
from scar.runs.cancel import NotCancellableError, cancel_run
from scar.runs.history.repetitions import read_repetition
from scar.runs.invoke import InputObject
from scar.runs.ledger import RunLedger, UnreadableRecordError
from scar.runs.logs import FunctionNotFoundError
from scar.runs.progress import count_inputs
from scar.runs.retry import NotRetryableError, retry_run
from scar.runs.states import RunState
from supervisor.events.parser import parse_event
from supervisor.invocation import ObjectEvent
from supervisor.model import ObjectRef
from supervisor.runs import record_format
from tests.fakes.s3_listing_client import NOW, ListedS3
from tests.fakes.supervisor_factory import notification

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = "2026-09-21"


def a_ledger(s3: ListedS3) -> RunLedger:
    return RunLedger(s3, "state")  # type: ignore[arg-type]


def put_run(
    s3: ListedS3, key: str, *names: str, function: str = "fn", age: float = 100, tag: str = "1"
) -> str:
    """Arrange the records of a run on an object; return its id."""
    event = json.dumps(notification(key, etag=tag))
    (trigger,) = parse_event(event.encode())
    run = record_format.run_id(function, trigger, "r")
    owner = {"site": "lambda", "request": "r", "job": "", "attempt": 1}
    contents: dict[str, Any] = {
        "claim": {"owner": owner, **record_format.describe_trigger(trigger)},
        "delegated": {"owner": owner, "job": "j-1", "name": "x"},
    }
    for offset, name in enumerate(names):
        body = record_format.encode(contents.get(name, {"owner": owner}))
        s3.put(f"runs/{function}/{DAY}/{run}/{name}.json", age - offset, body)
    return run


def test_a_run_is_found_by_its_id_its_start_and_its_path() -> None:
    s3 = ListedS3()
    run = put_run(s3, "in/a", "claim")
    put_run(s3, "in/b", "claim")
    for text in (run, run[:8], f"fn/{DAY}/{run}"):
        assert lookup.find_run(a_ledger(s3), text).path.run_id == run


def test_a_run_that_is_not_there_is_named() -> None:
    with pytest.raises(lookup.RunNotFoundError, match="deadbeef"):
        lookup.find_run(a_ledger(ListedS3()), "deadbeef")


def test_a_start_that_several_runs_have_is_refused_with_their_names() -> None:
    s3 = ListedS3()
    first = put_run(s3, "in/a", "claim", tag="1")
    second = put_run(s3, "in/a", "claim", tag="2")
    with pytest.raises(UsageError) as raised:
        lookup.find_run(a_ledger(s3), first[:16])
    assert first in raised.value.problem
    assert second in raised.value.problem


def test_the_runs_on_a_file_are_found_in_all_functions_and_versions() -> None:
    s3 = ListedS3()
    old = put_run(s3, "in/a b", "claim", age=300, tag="1")
    new = put_run(s3, "in/a b", "claim", age=200, tag="2")
    other = put_run(s3, "in/a b", "claim", function="g", age=100)
    put_run(s3, "in/c", "claim")
    found = lookup.find_runs_of_input(a_ledger(s3), ObjectRef("s3", "data", "in/a b"))
    assert [run.path.run_id for run in found] == [old, new, other]


@pytest.mark.parametrize("url", ["http://b/k", "s3://b", "s3://b/", "b/k"])
def test_other_urls_than_those_of_objects_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not the URL of an object"):
        lookup.parse_s3_url(url)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://b/k", ObjectRef("s3", "b", "k")),
        ("minio.lab:b/in/a: b", ObjectRef("minio.lab", "b", "in/a: b")),
        ("minio:b/k", ObjectRef("minio", "b", "k")),
        ("array-0123456789ab:7", None),
        ("minio/2026-01-01/abc", None),
        ("b/k", None),
    ],
)
def test_objects_are_named_as_messages_name_them(text: str, expected: ObjectRef | None) -> None:
    assert lookup.parse_object(text) == expected


@pytest.mark.parametrize("text", ["minio.lab:b", "minio.lab:b/", "minio.lab:/k"])
def test_a_name_in_minio_without_bucket_or_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="does not name an object") as caught:
        lookup.parse_object(text)
    assert "minio.lab:bucket/folder/file" in caught.value.remedy


def test_keys_may_contain_what_urls_may_not() -> None:
    assert lookup.parse_s3_url("s3://b/a b?c#d%20/é") == ("b", "a b?c#d%20/é")
    # An object with content is a file, whatever its key ends with.
    assert lookup.parse_s3_url("s3://b/folder/") == ("b", "folder/")
    assert lookup.parse_s3_url("s3://b//a") == ("b", "/a")


def test_an_output_names_its_run_and_the_first_run_of_its_chain() -> None:
    s3 = ListedS3()
    s3.metadata["b/k"] = {"scar-run": f"fn/{DAY}/abc", "scar-root": f"g/{DAY}/def"}
    made_by, root = lookup.find_producers(s3, "b", "k")  # type: ignore[arg-type]
    assert (str(made_by), str(root)) == (f"fn/{DAY}/abc", f"g/{DAY}/def")
    assert lookup.find_producers(s3, "b", "absent") == (None, None)  # type: ignore[arg-type]


class SentEvents:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def __call__(self, function: str, event: dict[str, object]) -> str:
        self.events.append((function, event))
        return "request"


def test_a_retried_event_belongs_to_the_same_run() -> None:
    s3, sent = ListedS3(), SentEvents()
    run = put_run(s3, "in/a b+c", "claim", "error")
    ledger = a_ledger(s3)
    retry_run(ledger, lookup.find_run(ledger, run), sent)
    ((function, event),) = sent.events
    (trigger,) = parse_event(json.dumps(event).encode())
    assert (function, record_format.run_id("fn", trigger, "other")) == ("fn", run)
    assert lookup.find_run(ledger, run).state is RunState.WAITING


def test_a_run_whose_function_was_deleted_is_refused_and_stays_failed() -> None:
    def enqueue(function: str, event: dict[str, object]) -> str:
        raise FunctionNotFoundError(function)

    s3 = ListedS3()
    run = put_run(s3, "in/a", "claim", "error")
    ledger = a_ledger(s3)
    with pytest.raises(NotRetryableError, match="no longer exists"):
        retry_run(ledger, lookup.find_run(ledger, run), enqueue)
    assert lookup.find_run(ledger, run).state is RunState.FAILED


def test_a_run_whose_event_cannot_be_sent_is_not_waiting() -> None:
    def enqueue(function: str, event: dict[str, object]) -> str:
        raise KeyboardInterrupt

    s3 = ListedS3()
    run = put_run(s3, "in/a", "claim", "error")
    ledger = a_ledger(s3)
    with pytest.raises(KeyboardInterrupt):
        retry_run(ledger, lookup.find_run(ledger, run), enqueue)
    assert lookup.find_run(ledger, run).state is RunState.FAILED


def test_a_waiting_run_may_be_retried_by_its_id() -> None:
    s3, sent = ListedS3(), SentEvents()
    run = put_run(s3, "in/a", "claim", "error", "retry")
    ledger = a_ledger(s3)
    assert lookup.find_run(ledger, run).state is RunState.WAITING
    retry_run(ledger, lookup.find_run(ledger, run), sent)
    assert len(sent.events) == 1


@pytest.mark.parametrize("names", [("claim",), ("claim", "done"), ("claim", "delegated")])
def test_a_run_that_is_done_or_in_progress_cannot_be_retried(names: tuple[str, ...]) -> None:
    s3, sent = ListedS3(), SentEvents()
    run = put_run(s3, "in/a", *names)
    ledger = a_ledger(s3)
    with pytest.raises(NotRetryableError):
        retry_run(ledger, lookup.find_run(ledger, run), sent)
    assert sent.events == []


def test_a_run_whose_event_was_not_recorded_is_reported() -> None:
    s3, sent = ListedS3(), SentEvents()
    s3.put(f"runs/fn/{DAY}/{'a' * 32}/claim.json", 50, record_format.encode({"owner": {}}))
    s3.put(f"runs/fn/{DAY}/{'a' * 32}/error.json", 40)
    ledger = a_ledger(s3)
    with pytest.raises(NotRetryableError, match="was not recorded"):
        retry_run(ledger, lookup.find_run(ledger, "a" * 32), sent)
    assert lookup.find_run(ledger, "a" * 32).state is RunState.FAILED


def test_a_large_event_recorded_beside_the_claim_is_retried() -> None:
    s3, sent = ListedS3(), SentEvents()
    for name, body in (("claim", record_format.encode({"owner": {}})), ("event", b'{"pad": "x"}')):
        s3.put(f"runs/fn/{DAY}/{'a' * 32}/{name}.json", 50, body)
    s3.put(f"runs/fn/{DAY}/{'a' * 32}/error.json", 40)
    ledger = a_ledger(s3)
    retry_run(ledger, lookup.find_run(ledger, "a" * 32), sent)
    assert sent.events == [("fn", {"pad": "x"})]


def test_records_of_a_newer_release_are_refused() -> None:
    s3 = ListedS3()
    key = f"runs/fn/{DAY}/{'a' * 32}/claim.json"
    s3.put(key, 5, b'{"format": 99}')
    ledger = a_ledger(s3)
    with pytest.raises(UnreadableRecordError, match="format 99"):
        ledger.read_record(lookup.find_run(ledger, "a" * 32).path, "claim")


class Batch:
    def __init__(self) -> None:
        self.ended: list[str] = []

    def terminate_job(self, *, jobId: str, reason: str) -> None:  # noqa: N803
        assert reason
        self.ended.append(jobId)


class OneJobBatch:
    """A Batch client with one job; ``meanwhile`` is called before it responds."""

    def __init__(self, status: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.status, self.meanwhile = status, meanwhile

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        self.meanwhile()
        return {"jobs": [{"jobId": jobs[0], "status": self.status}] if self.status else []}


@pytest.mark.parametrize(
    ("names", "status", "state"),
    [
        (("delegated", "claim", "attempt-1"), "FAILED", RunState.LOST),
        (("delegated", "claim", "attempt-1"), "RUNNING", RunState.RUNNING),
        (("delegated", "claim", "attempt-1"), "", RunState.LOST),
        (("claim", "delegated"), "SUCCEEDED", RunState.LOST),
        (("claim", "delegated"), "RUNNABLE", RunState.QUEUED),
        (("delegated", "claim", "attempt-1", "error"), "RUNNABLE", RunState.QUEUED),
        (("delegated", "claim", "attempt-1", "error"), "FAILED", RunState.FAILED),
        (("delegated", "claim", "attempt-1", "done"), "FAILED", RunState.DONE),
        (("delegated", "claim", "error", "cancelled", "done"), "RUNNABLE", RunState.FAILED),
        (("claim",), "FAILED", RunState.LAMBDA),
    ],
)
def test_the_state_of_a_run_is_corrected_by_its_job(
    names: tuple[str, ...], status: str, state: RunState
) -> None:
    s3 = ListedS3()
    ledger, run = a_ledger(s3), put_run(s3, "in/a", *names)
    found = correct_run_state(ledger, OneJobBatch(status), lookup.find_run(ledger, run))  # type: ignore[arg-type]
    assert found.state is state


def test_a_run_that_lost_its_host_is_queued_while_batch_retries_its_job() -> None:
    s3 = ListedS3()
    run = put_run(s3, "in/a", "delegated", "claim", "attempt-1", age=5000)
    ledger = a_ledger(s3)
    listed = lookup.find_run(ledger, run)
    assert listed.state is RunState.LOST
    assert correct_run_state(ledger, OneJobBatch("RUNNABLE"), listed).state is RunState.QUEUED  # type: ignore[arg-type]
    assert correct_run_state(ledger, OneJobBatch("FAILED"), listed).state is RunState.LOST  # type: ignore[arg-type]


def test_a_run_whose_job_ended_after_the_listing_is_listed_again() -> None:
    s3 = ListedS3()
    ledger, run = a_ledger(s3), put_run(s3, "in/a", "delegated", "claim", "attempt-1")
    batch = OneJobBatch("SUCCEEDED", lambda: put_run(s3, "in/a", "done"))
    found = correct_run_state(ledger, batch, lookup.find_run(ledger, run))  # type: ignore[arg-type]
    assert found.state is RunState.DONE


def test_a_cancelled_queued_job_is_a_failure_and_can_be_retried() -> None:
    s3, batch, sent = ListedS3(), Batch(), SentEvents()
    run = put_run(s3, "in/a", "claim", "delegated")
    ledger = a_ledger(s3)
    assert cancel_run(ledger, batch, lookup.find_run(ledger, run)) == "j-1"  # type: ignore[arg-type]
    assert batch.ended == ["j-1"]
    found = lookup.find_run(ledger, run)
    assert found.state is RunState.FAILED
    s3.now += 1
    retry_run(ledger, found, sent)


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        (("claim",), "function's timeout"),
        (("claim", "done"), "nothing to cancel"),
        (("claim", "error"), "nothing to cancel"),
        (("claim", "error", "repeated"), "repeated as another run"),
    ],
)
def test_a_run_that_cannot_be_cancelled_says_what_ends_it(
    names: tuple[str, ...], remedy: str
) -> None:
    s3, batch = ListedS3(), Batch()
    run = put_run(s3, "in/a", *names)
    ledger = a_ledger(s3)
    with pytest.raises(NotCancellableError) as caught:
        cancel_run(ledger, batch, lookup.find_run(ledger, run))  # type: ignore[arg-type]
    assert remedy in caught.value.remedy
    assert batch.ended == []


@pytest.mark.parametrize("names", [("claim", "error", "retry"), ("claim", "waiting")])
def test_a_waiting_run_is_cancelled_and_can_be_retried(names: tuple[str, ...]) -> None:
    s3, batch, sent = ListedS3(), Batch(), SentEvents()
    run = put_run(s3, "in/a", *names)
    ledger = a_ledger(s3)
    assert cancel_run(ledger, batch, lookup.find_run(ledger, run)) == ""  # type: ignore[arg-type]
    assert batch.ended == []
    found = lookup.find_run(ledger, run)
    assert found.state is RunState.FAILED
    assert ledger.read_record(found.path, "error") is not None
    s3.now += 1
    retry_run(ledger, found, sent)
    assert lookup.find_run(ledger, run).state is RunState.WAITING


def test_a_cancelled_run_whose_event_cannot_be_sent_stays_cancelled() -> None:
    def enqueue(function: str, event: dict[str, object]) -> str:
        raise FunctionNotFoundError(function)

    s3 = ListedS3()
    run = put_run(s3, "in/a", "claim", "error", "retry")
    ledger = a_ledger(s3)
    cancel_run(ledger, Batch(), lookup.find_run(ledger, run))  # type: ignore[arg-type]
    s3.now += 1
    with pytest.raises(NotRetryableError):
        retry_run(ledger, lookup.find_run(ledger, run), enqueue)
    found = lookup.find_run(ledger, run)
    assert found.state is RunState.FAILED
    assert {"cancelled", "done"} <= set(found.record_times)


def test_a_waiting_run_that_ends_before_it_is_cancelled_is_done() -> None:
    s3 = ListedS3()
    run = put_run(s3, "in/a", "claim", "error", "retry")
    ledger = a_ledger(s3)
    found = lookup.find_run(ledger, run)
    put_run(s3, "in/a", "done")
    with pytest.raises(NotCancellableError, match="ended meanwhile"):
        cancel_run(ledger, Batch(), found)  # type: ignore[arg-type]
    assert lookup.find_run(ledger, run).state is RunState.DONE


def test_a_running_job_whose_submission_was_not_recorded_is_cancelled_by_its_claim() -> None:
    s3, batch = ListedS3(), Batch()
    owner = {"site": "batch", "request": "r", "job": "j-9", "attempt": 1}
    s3.put(f"runs/fn/{DAY}/{'a' * 32}/claim.json", 50, record_format.encode({"owner": owner}))
    s3.put(f"runs/fn/{DAY}/{'a' * 32}/attempt-1.json", 50)
    s3.put(f"runs/fn/{DAY}/{'a' * 32}/delegated.json", 900, record_format.encode({"job": "j-1"}))
    ledger = a_ledger(s3)
    assert cancel_run(ledger, batch, lookup.find_run(ledger, "a" * 32)) == "j-9"  # type: ignore[arg-type]


def put_direct_call(s3: ListedS3, *names: str, event: str = '{"a": 1}') -> str:
    run = "5c9d84bd-0000-4000-8000-000000000000"
    owner = {"site": "lambda", "request": run, "job": "", "attempt": 1}
    for offset, name in enumerate(names):
        body = record_format.encode({"owner": owner, "event": event})
        s3.put(f"runs/fn/{DAY}/{run}/{name}.json", 100 - offset, body)
    return run


@pytest.mark.parametrize("names", [("claim", "error"), ("claim", "waiting")])
def test_a_repeated_direct_call_has_ended_and_names_the_new_run(names: tuple[str, ...]) -> None:
    s3, sent = ListedS3(), SentEvents()
    run, ledger = put_direct_call(s3, *names), a_ledger(s3)
    assert retry_run(ledger, lookup.find_run(ledger, run), sent).repeated_as == "request"
    found = lookup.find_run(ledger, run)
    assert found.state is RunState.REPEATED
    assert read_repetition(ledger, found) == "request"
    assert "retry" not in found.record_times
    with pytest.raises(NotRetryableError) as caught:
        retry_run(ledger, found, sent)
    assert "repeated as request" in caught.value.remedy
    assert len(sent.events) == 1


def test_a_direct_call_whose_event_cannot_be_sent_stays_failed() -> None:
    def enqueue(function: str, event: dict[str, object]) -> str:
        raise KeyboardInterrupt

    s3 = ListedS3()
    run, ledger = put_direct_call(s3, "claim", "error"), a_ledger(s3)
    with pytest.raises(KeyboardInterrupt):
        retry_run(ledger, lookup.find_run(ledger, run), enqueue)
    assert lookup.find_run(ledger, run).state is RunState.FAILED


def an_input(key: str, age: float) -> InputObject:
    modified = datetime.fromtimestamp(NOW - age, UTC)
    return InputObject(bucket="data", key=key, size=1, etag="1", modified=modified)


def test_progress_is_finished_when_the_run_of_every_file_has_ended() -> None:
    s3 = ListedS3()
    put_run(s3, "in/a", "claim", "done", age=50)
    put_run(s3, "in/b", "claim", age=50)
    found = count_inputs(a_ledger(s3), {"fn": [an_input("in/a", 60), an_input("in/b", 60)]})
    assert not found.is_finished
    put_run(s3, "in/b", "claim", "error", age=50)
    found = count_inputs(a_ledger(s3), {"fn": [an_input("in/a", 60), an_input("in/b", 60)]})
    assert (found.is_finished, found.failure_count) == (True, 1)


def test_retried_runs_count_as_waiting() -> None:
    s3 = ListedS3()
    put_run(s3, "in/a", "claim", "error", "retry", age=50)
    found = count_inputs(a_ledger(s3), {"fn": [an_input("in/a", 60), an_input("in/b", 10)]})
    assert found.summary == "2 waiting"


def test_an_unsubmitted_run_is_waited_for_and_its_reason_shown() -> None:
    s3 = ListedS3()
    put_run(s3, "in/a", "claim", "waiting", age=50)
    found = count_inputs(a_ledger(s3), {"fn": [an_input("in/a", 60)]})
    assert (found.is_finished, found.failure_count) == (False, 0)
    assert found.summary == ("1 waiting (1 not submitted to AWS Batch yet; next attempt by Lambda)")


def test_an_unsubmitted_run_can_be_retried_by_name() -> None:
    s3, sent = ListedS3(), SentEvents()
    run = put_run(s3, "in/a", "claim", "waiting", age=50)
    ledger = a_ledger(s3)
    retry_run(ledger, lookup.find_run(ledger, run), sent)
    assert lookup.find_run(ledger, run).state is RunState.WAITING


def test_many_runs_are_found_by_name_in_order() -> None:
    s3 = ListedS3()
    names = [put_run(s3, f"in/{number}", "claim") for number in range(40)]
    found = lookup.find_runs(a_ledger(s3), names)
    assert [run.path.run_id for run in found] == names


def test_a_file_newer_than_its_last_run_waits_for_the_next() -> None:
    s3 = ListedS3()
    put_run(s3, "in/a", "claim", "done", age=50)
    found = count_inputs(a_ledger(s3), {"fn": [an_input("in/a", 10)]})
    assert (found.is_finished, found.waiting) == (False, 1)


def test_an_old_file_without_a_run_counts_as_never_started() -> None:
    s3 = ListedS3()
    put_run(s3, "in/a", "claim", "done", age=50)
    found = count_inputs(a_ledger(s3), {"fn": [an_input("in/a", 60), an_input("in/old", 5000)]})
    assert (found.is_finished, found.never_started, found.failure_count) == (True, 1, 1)


def test_a_run_of_another_store_keeps_its_id_and_its_event_when_it_is_retried() -> None:
    s3, sent = ListedS3(), SentEvents()
    event = notification("in/a")
    event["Records"][0]["eventSource"] = "minio:s3"  # type: ignore[index]
    (trigger,) = parse_event(json.dumps(event).encode())
    assert isinstance(trigger, ObjectEvent)
    # As the function has resolved it.
    trigger = replace(trigger, source=replace(trigger.source, provider="minio.lab"))
    run = record_format.run_id("fn", trigger, "r")
    owner = {"site": "lambda", "request": "r", "job": "", "attempt": 1}
    claim = {"owner": owner, **record_format.describe_trigger(trigger)}
    records: dict[str, dict[str, object]] = {"claim": claim, "error": {"owner": owner}}
    for name, record in records.items():
        s3.put(f"runs/fn/{DAY}/{run}/{name}.json", 100, record_format.encode(record))
    retried = retry_run(a_ledger(s3), lookup.find_run(a_ledger(s3), run), sent)
    assert retried.repeated_as == ""
    assert sent.events == [("fn", event)]
    assert str(record_format.parse_input(claim)).startswith("minio")
