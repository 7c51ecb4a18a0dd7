"""Events that were gathered in a queue: few submissions, and no event is lost."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.batch import array_manifest
from supervisor.batch.job_request import JOB_VARIABLE
from supervisor.batch.resubmission import parse_run_job
from supervisor.errors import StorageError, SubmissionError
from supervisor.events import response
from supervisor.events.queue_messages import parse_queue_messages
from supervisor.execution.gathered_events import MAX_DELIVERIES
from supervisor.job_model import BatchTarget, ExitRetry, JobCapacity, JobOptions, JobOverride
from supervisor.model import ExecutionMode, FunctionConfig
from supervisor.trace_ids import TRACE_VARIABLE
from tests.fakes.supervisor_factory import (
    STATE,
    PythonScript,
    SupervisorHarness,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from supervisor.job_model import JobRequest
    from supervisor.model import ObjectRef


CONFIG = FunctionConfig(name="fn", mode=ExecutionMode.BATCH, state_bucket=STATE)


def a_harness(folder: Path, size: int = 10_000) -> SupervisorHarness:
    harness = new_harness(folder, mode=ExecutionMode.BATCH, runner=PythonScript(lambda _task: 0))
    config = replace(harness.supervisor.config, array_size=size)
    return replace(harness, supervisor=replace(harness.supervisor, config=config))


def message(*keys: str, received: int = 1, number: str = "", body: str = "") -> dict[str, Any]:
    return {
        "messageId": number or str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(keys) + body)),
        "eventSource": "aws:sqs",
        "body": body or json.dumps(notification(*keys)),
        "attributes": {"ApproximateReceiveCount": str(received)},
    }


def handle(
    harness: SupervisorHarness, *messages: dict[str, Any], request: str = "req-1"
) -> list[str]:
    """Handle the messages; return the ids of those that are to be sent again."""
    invocation = lambda_invocation({"Records": messages}, request=request)
    result = harness.supervisor.handle(replace(invocation, trace="Root=1-2-3"))
    assert response.find_error(result) is None
    failures = json.loads(response.build_body(result, invocation))["batchItemFailures"]
    return [failure["itemIdentifier"] for failure in failures]


def children(harness: SupervisorHarness, job: JobRequest) -> list[str]:
    """Return the keys of the objects in the manifest of an array job."""
    url, width = (
        job.environment[name]
        for name in (array_manifest.URL_VARIABLE, array_manifest.WIDTH_VARIABLE)
    )
    body = harness.store.keys(STATE)[url.removeprefix(f"s3://{STATE}/")]
    events = array_manifest.parse_manifest(body, int(width))
    return [json.loads(event)["Records"][0]["s3"]["object"]["key"] for event in events]


def ended(harness: SupervisorHarness) -> set[str]:
    """Return the ids of runs that are recorded as failed."""
    keys = harness.store.keys(STATE)
    return {key.split("/")[-2] for key in keys if key.endswith("/error.json")}


def test_a_thousand_uploads_are_one_submission_and_three_writes(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    keys = [f"in/{number}" for number in range(1000)]
    assert handle(harness, *map(message, keys)) == []
    (job,) = harness.submitter.submitted
    assert job.array_size == 1000
    assert children(harness, job) == keys
    assert harness.store.calls == {"write": 3}


def test_the_children_belong_to_the_chain_of_the_invocation(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    handle(harness, message("in/a"), message("in/b"))
    assert harness.submitter.submitted[0].environment[TRACE_VARIABLE] == "Root=1-2-3"


def test_an_array_has_a_record_that_a_listing_shows(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    handle(harness, message("in/a"), message("in/b"))
    names = {key.rpartition("/")[2] for key in harness.store.keys(STATE)}
    assert names == {"manifest", "array.json", "job-job-1.2"}


def test_duplicates_in_one_event_are_one_child(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    handle(harness, message("in/a"), message("in/a", number="2"), message("in/b"))
    (job,) = harness.submitter.submitted
    assert children(harness, job) == ["in/a", "in/b"]


def test_a_single_event_is_an_ordinary_job_with_a_claim(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    assert handle(harness, message("in/a")) == []
    (job,) = harness.submitter.submitted
    assert job.array_size == 0
    assert "SCAR_RUN_ID" in job.environment
    # Delivered again: the claim says that it was submitted.
    assert handle(harness, message("in/a", received=2), request="req-2") == []
    assert len(harness.submitter.submitted) == 1


def test_an_array_has_at_most_so_many_children(tmp_path: Path) -> None:
    harness = a_harness(tmp_path, size=4)
    assert handle(harness, *(message(f"in/{number}") for number in range(9))) == []
    assert [job.array_size for job in harness.submitter.submitted] == [4, 4, 0]


BAM = JobOverride(options=JobOptions(memory=4000), suffix=(".bam",))


def with_overrides(harness: SupervisorHarness, *retry: ExitRetry) -> SupervisorHarness:
    config = harness.supervisor.config
    target = replace(
        config.batch or BatchTarget(queue="q", definition="fn"),
        memory=512,
        vcpus="1",
        capacity=JobCapacity(shapes=((4.0, 8000, 0),)),
        overrides=(BAM,),
        retry=retry,
    )
    supervisor = replace(harness.supervisor, config=replace(config, batch=target))
    return replace(harness, supervisor=supervisor)


def test_files_of_another_size_are_an_array_of_their_own(tmp_path: Path) -> None:
    harness = with_overrides(a_harness(tmp_path))
    keys = ["in/a.txt", "in/a.bam", "in/b.txt", "in/b.bam", "in/c.bam"]
    assert handle(harness, *map(message, keys)) == []
    small, large = sorted(harness.submitter.submitted, key=lambda job: job.array_size)
    assert (small.array_size, small.memory) == (2, 0)
    assert children(harness, small) == ["in/a.txt", "in/b.txt"]
    assert (large.array_size, large.memory) == (3, 4000)
    assert children(harness, large) == ["in/a.bam", "in/b.bam", "in/c.bam"]
    # `scar status` shows what the children of each array request.
    descriptions = [
        json.loads(body).get("options")
        for key, body in harness.store.keys(STATE).items()
        if key.endswith("/array.json")
    ]
    assert sorted(descriptions, key=str) == [None, {"memory": 4000}]


def test_the_only_file_of_a_size_is_an_ordinary_job_of_that_size(tmp_path: Path) -> None:
    harness = with_overrides(a_harness(tmp_path))
    assert handle(harness, *map(message, ["in/a.txt", "in/b.txt", "in/a.bam"])) == []
    array, single = sorted(harness.submitter.submitted, key=lambda job: -job.array_size)
    assert (array.array_size, array.memory) == (2, 0)
    assert (single.array_size, single.memory) == (0, 4000)


def test_a_child_with_another_size_can_be_continued_from_it(tmp_path: Path) -> None:
    rule = ExitRetry(exit_code=137, attempts=2, factor=2.0)
    harness = with_overrides(a_harness(tmp_path), rule)
    handle(harness, message("in/a.bam"), message("in/b.bam"))
    (job,) = harness.submitter.submitted
    assert parse_run_job(job.environment[JOB_VARIABLE]).options == JobOptions(memory=4000)


def test_the_test_event_of_s3_and_folders_start_nothing(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    test_event = message(body='{"Service": "Amazon S3", "Event": "s3:TestEvent"}')
    assert handle(harness, test_event, message("in/folder/")) == []
    assert harness.submitter.submitted == []


@pytest.mark.parametrize("received", [1, MAX_DELIVERIES, 900])
def test_throttled_events_are_always_sent_again(tmp_path: Path, received: int) -> None:
    harness = a_harness(tmp_path)
    harness.submitter.throttled = 1
    messages = [message(f"in/{number}", received=received) for number in range(3)]
    assert handle(harness, *messages) == [one["messageId"] for one in messages]
    assert ended(harness) == set()
    assert handle(harness, *messages, request="req-2") == []
    assert len(harness.submitter.submitted) == 1


def test_an_unanswered_submission_is_repeated(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    harness.submitter.lost = [True]
    messages = [message("in/a"), message("in/b")]
    assert len(handle(harness, *messages)) == 2
    assert handle(harness, *messages, request="req-2") == []
    assert [job.array_size for job in harness.submitter.submitted] == [2, 2]


class Refusing:
    """A submitter that Batch refuses."""

    def submit(self, job: JobRequest, *, until: float | None = None) -> str:
        raise SubmissionError(f"Cannot submit the job {job.name}.", remedy="Allow it.")

    def has_ended(self, job: str, *, until: float | None = None) -> bool:
        raise NotImplementedError

    def was_out_of_memory(self, job: str, attempt: int) -> bool:
        raise AssertionError(job, attempt)


def refused(folder: Path) -> SupervisorHarness:
    harness = a_harness(folder)
    return replace(harness, supervisor=replace(harness.supervisor, open_submitter=Refusing))


@pytest.mark.parametrize("count", [1, 3])
def test_refused_events_are_recorded_as_failed_after_some_deliveries(
    tmp_path: Path, count: int
) -> None:
    harness = refused(tmp_path)
    first = [message(f"in/{n}", received=MAX_DELIVERIES - 1) for n in range(count)]
    assert handle(harness, *first) == [one["messageId"] for one in first]
    last = [message(f"in/{n}", received=MAX_DELIVERIES) for n in range(count)]
    assert handle(harness, *last, request="req-2") == []
    assert len(ended(harness)) == count


def test_a_refused_array_is_marked_so_that_no_command_searches_for_its_job(tmp_path: Path) -> None:
    harness = refused(tmp_path)
    handle(harness, message("in/a"), message("in/b"))
    names = sorted(key.rpartition("/")[2] for _, key in harness.store.objects)
    assert names == ["array.json", "manifest", "not-submitted"]


def test_what_cannot_be_recorded_before_the_deadline_is_sent_again(tmp_path: Path) -> None:
    harness = refused(tmp_path)
    times = iter([*[harness.supervisor.now()] * 8, *[harness.supervisor.now() + 1000] * 100])
    supervisor = replace(harness.supervisor, now=lambda: next(times))
    harness = replace(harness, supervisor=supervisor)
    messages = [message(f"in/{n}", received=MAX_DELIVERIES) for n in range(20)]
    again = handle(harness, *messages)
    assert 0 < len(again) < 20
    assert len(ended(harness)) == 20 - len(again)


def test_a_message_that_cannot_be_read_is_recorded_and_stops_no_other(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    damaged = message(body="{", number="5a0f0a4e-0000-4000-8000-000000000001")
    assert handle(harness, damaged, message("in/a"), message("in/b")) == []
    assert harness.submitter.submitted[0].array_size == 2
    assert ended(harness) == {damaged["messageId"]}


def test_nothing_is_lost_while_the_state_bucket_cannot_be_written(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)

    def fail(method: str, ref: ObjectRef) -> None:
        raise StorageError(f"{method} {ref} failed.", remedy="Wait.")

    harness.store.before = fail
    messages = [message("in/a", received=9), message("in/b", received=9), message(body="{")]
    assert sorted(handle(harness, *messages)) == sorted(m["messageId"] for m in messages)


def test_a_job_whose_record_cannot_be_written_is_not_submitted_again(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)

    def fail(method: str, ref: ObjectRef) -> None:
        if "/job-" in ref.key:
            raise StorageError(f"{method} failed.", remedy="Wait.")

    harness.store.before = fail
    assert handle(harness, message("in/a"), message("in/b")) == []
    assert len(harness.submitter.submitted) == 1


def test_other_events_of_the_function_are_handled_as_before(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    result = harness.supervisor.handle(lambda_invocation(notification("in/a")))
    assert result.failed_messages is None
    assert len(result.results) == 1


def test_a_function_that_gathers_nothing_answers_as_before(tmp_path: Path) -> None:
    harness = a_harness(tmp_path, size=0)
    invocation = lambda_invocation({"Records": [message("in/a"), message("in/b")]})
    result = harness.supervisor.handle(invocation)
    assert result.failed_messages is None
    assert len(harness.submitter.submitted) == 2


def schedules() -> st.SearchStrategy[list[tuple[list[int], str]]]:
    """Deliveries of messages by their number, and what happens to each."""
    fates = st.sampled_from(["", "throttled", "lost", "unmade"])
    batches = st.lists(st.integers(0, 11), min_size=1, max_size=12)
    return st.lists(st.tuples(batches, fates), max_size=8)


@given(schedules(), st.integers(2, 12))
def test_every_event_is_submitted_or_sent_again(
    tmp_path_factory: pytest.TempPathFactory,
    deliveries: Sequence[tuple[Sequence[int], str]],
    size: int,
) -> None:
    harness = a_harness(tmp_path_factory.mktemp("run"), size)
    keys = [f"in/{number}" for number in range(12)]
    queue = {key: message(key) for key in keys}
    last = (list(range(12)), "")
    for number, (batch, fate) in enumerate([*deliveries, last]):
        harness.submitter.throttled = fate == "throttled"
        harness.submitter.lost = {"lost": [True], "unmade": [False]}.get(fate, [])
        sent = [queue[keys[n]] for n in batch if keys[n] in queue]
        again = handle(harness, *sent, request=f"req-{number}") if sent else []
        handled = {one["messageId"] for one in sent} - {*again}
        queue = {key: one for key, one in queue.items() if one["messageId"] not in handled}
    submitted = {
        key
        for job in harness.submitter.submitted
        for key in (
            children(harness, job)
            if job.array_size
            else [json.loads(job.environment["SCAR_EVENT"])["Records"][0]["s3"]["object"]["key"]]
        )
    }
    assert queue == {}
    assert submitted == set(keys)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
def test_any_event_is_parsed_or_is_no_sqs_event(raw: bytes) -> None:
    assert parse_queue_messages(raw, CONFIG) == () or b"aws:sqs" in raw


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    )
)
def test_any_body_is_parsed_or_has_a_problem(body: object) -> None:
    record = {"messageId": "m", "eventSource": "aws:sqs", "body": body}
    (parsed,) = parse_queue_messages(json.dumps({"Records": [record]}).encode(), CONFIG)
    assert parsed.id == "m"
    assert parsed.problem is not None or parsed.events == ()
