"""Invocation records that another function forged start nothing and record nothing.

Every function may invoke the failure handler with any record. ``fn`` is the victim: only its own
roles may write below ``runs/fn/``.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervisor.batch.failure_handler import MAX_RUNS
from supervisor.errors import SubmissionError, SubmissionThrottled
from supervisor.events import parser
from supervisor.execution.outputs import RECOVERED_KEY, SEQUENCER_KEY
from supervisor.invocation import ObjectEvent
from supervisor.model import ExecutionMode, InputRule, VersionPin
from supervisor.results import RunOutcome
from tests.fakes.object_store import Crash, MemoryStore, etag_of
from tests.fakes.supervisor_factory import (
    KILLED,
    NOW,
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
    from collections.abc import Callable
    from pathlib import Path

    from supervisor.errors import SupervisorError
    from supervisor.invocation import Invocation
    from supervisor.job_model import JobRequest
    from supervisor.model import ObjectRef, StoredObject
    from supervisor.results import InvocationResult

INPUT = b"input"
EVENT = notification("in/x", etag=etag_of(INPUT))
SCRIPT: dict[str, object] = {"script": "#!/bin/sh\necho stolen"}
OWN = "runs/scar-failure-handler/"


def victim(folder: Path, mode: ExecutionMode = ExecutionMode.BATCH) -> SupervisorHarness:
    harness = new_harness(folder, mode=mode)
    harness.store.put("in/x", INPUT)
    harness.store.put("secret/x", INPUT)
    return harness


def claimed(harness: SupervisorHarness, event: object, request: str = "req-1") -> None:
    """Let the function claim the run of an event; then its sandbox ends."""
    harness.store.crash_after = len(harness.store.history)
    with pytest.raises(Crash):
        harness.supervisor.handle(lambda_invocation(event, request=request))
    harness.store.crash_after = None


def records(harness: SupervisorHarness, prefix: str = "runs/fn/") -> dict[str, bytes]:
    return {k: v for k, v in harness.store.keys(STATE).items() if k.startswith(prefix)}


def send(harness: SupervisorHarness, invocation: Invocation) -> InvocationResult:
    return new_failure_handler(harness).handle(invocation)


def with_context(invocation: Invocation, **fields: object) -> Invocation:
    record = json.loads(invocation.event)
    record["requestContext"] |= fields
    return replace(invocation, event=json.dumps(record).encode())


def changed_event(**item: object) -> dict[str, Any]:
    event: dict[str, Any] = copy.deepcopy(EVENT)
    event["Records"][0]["s3"]["object"] |= item
    return event


def from_eventbridge(key: str) -> dict[str, object]:
    item = {"key": key, "etag": etag_of(INPUT), "sequencer": "00A1"}
    detail = {"bucket": {"name": "data"}, "object": item}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def manual(event: dict[str, Any]) -> dict[str, Any]:
    event["Records"][0]["s3"]["configurationId"] = "scar-run:abc"
    return event


NOT_CONFIRMED: dict[str, object] = {
    "a script": SCRIPT,
    "arguments": {"cmd_args": ["sh", "-c", "id"]},
    "a payload": {"a": 1},
    "text": "text",
    "an HTTP request": {"rawPath": "/", "requestContext": {"http": {}}, "body": "x"},
    "an event of no known kind": {"Records": [{"eventSource": "aws:kinesis"}]},
    "an object outside the inputs": notification("secret/x", etag=etag_of(INPUT)),
    "an object of another bucket": notification("in/x", etag=etag_of(INPUT), bucket="other"),
    "an object that does not exist": notification("in/none", etag=etag_of(INPUT)),
    "an object that was overwritten": notification("in/x", etag=etag_of(b"old")),
    "a version that was overwritten": changed_event(versionId="v1", eTag=etag_of(b"old")),
    "no ETag": notification("in/x"),
    "a sequencer that is text": notification("in/x", etag=etag_of(INPUT), sequencer="FF; rm"),
    "a version id that is text": changed_event(versionId="../x"),
    "a manual run": manual(changed_event()),
    "EventBridge outside the inputs": from_eventbridge("secret/x"),
    "SQS outside the inputs": {
        "Records": [{"eventSource": "aws:sqs", "body": json.dumps(notification("secret/x"))}]
    },
    "a huge event": {"pad": "x" * 5_000_000},
}


@pytest.mark.parametrize("name", NOT_CONFIRMED)
@pytest.mark.parametrize("mode", ExecutionMode)
def test_a_record_without_evidence_starts_nothing_and_records_nothing(
    tmp_path: Path, name: str, mode: ExecutionMode
) -> None:
    harness = victim(tmp_path, mode)
    result = send(harness, failed_invocation(NOT_CONFIRMED[name], TIMED_OUT))
    assert all(r.error is None for r in result.results)  # otherwise Lambda would try again
    assert harness.submitter.submitted == []
    assert records(harness) == {}
    own = records(harness, OWN)
    assert sorted(key.rpartition("/")[2] for key in own) == ["claim.json", "error.json"]
    assert all(len(value) < 2_000 for value in own.values())
    send(harness, failed_invocation(NOT_CONFIRMED[name], TIMED_OUT))
    assert records(harness, OWN) == own


ARNS = [
    "arn:aws:lambda:us-east-1:210987654321:function:fn",
    "arn:aws:lambda:eu-west-1:123456789012:function:fn",
    "arn:aws:lambda:us-east-1:123456789012:function:a/../fn",
    "arn:aws:lambda:us-east-1:123456789012:function:..",
    "arn:aws:lambda:us-east-1:123456789012:function:fn/2026-01-01",
    "arn:aws:lambda:us-east-1:123456789012:function:fn\n",
    "arn:aws:lambda:us-east-1:123456789012:function:",
    f"arn:aws:lambda:us-east-1:123456789012:function:{'f' * 65}",
    "arn:aws:lambda:us-east-1:123456789012:function:scar-failure-handler",
    "arn:aws:batch:us-east-1:123456789012:job-definition/fn",
    "fn",
    "",
]


@pytest.mark.parametrize("arn", ARNS)
def test_a_record_of_no_function_of_this_account_is_only_logged(tmp_path: Path, arn: str) -> None:
    harness = victim(tmp_path)
    claimed(harness, EVENT)
    before = harness.store.keys(STATE)
    sent = with_context(failed_invocation(EVENT, TIMED_OUT), functionArn=arn)
    handler = new_failure_handler(harness)
    before = harness.store.keys(STATE)
    assert handler.handle(sent).results == ()
    assert harness.store.keys(STATE) == before
    assert harness.submitter.submitted == []


@pytest.mark.parametrize("qualifier", ["", ":$LATEST", ":7", ":live"])
def test_a_version_or_alias_has_the_functions_records(tmp_path: Path, qualifier: str) -> None:
    harness = victim(tmp_path)
    claimed(harness, EVENT)
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:fn{qualifier}"
    (result,) = send(
        harness, with_context(failed_invocation(EVENT, TIMED_OUT), functionArn=arn)
    ).results
    assert result.state is RunOutcome.SUBMITTED


def test_the_request_of_another_run_does_not_confirm_an_event(tmp_path: Path) -> None:
    harness = victim(tmp_path)
    claimed(harness, {"a": 1})
    before = records(harness)
    for event in (SCRIPT, {"a": 2}, {"a": 1, "script": "id"}, notification("secret/x")):
        assert send(harness, failed_invocation(event, TIMED_OUT)).results[0].error is None
    assert harness.submitter.submitted == []
    assert records(harness) == before
    assert send(harness, failed_invocation({"a": 1}, TIMED_OUT)).results[0].job_id


def test_a_large_event_is_confirmed_by_its_digest(tmp_path: Path) -> None:
    harness = victim(tmp_path)
    event = {"pad": "x" * 70_000}
    claimed(harness, event)
    forged = {"pad": "x" * 69_999 + "y"}
    assert send(harness, failed_invocation(forged, TIMED_OUT)).results[0].job_id == ""
    assert harness.submitter.submitted == []
    # Lambda may spell the same document in another way.
    (result,) = send(harness, failed_invocation(dict(reversed(event.items())), TIMED_OUT)).results
    assert result.state is RunOutcome.SUBMITTED


def test_of_several_objects_only_the_functions_inputs_are_started(tmp_path: Path) -> None:
    harness = victim(tmp_path)
    event: dict[str, Any] = notification("in/x", "secret/x", etag=etag_of(INPUT))
    results = send(harness, failed_invocation(event, TIMED_OUT)).results
    assert [r.state for r in results] == [RunOutcome.SUBMITTED, RunOutcome.FAILED]
    assert len(harness.submitter.submitted) == 1


def test_an_event_of_too_many_objects_is_only_logged(tmp_path: Path) -> None:
    harness = victim(tmp_path)
    event = notification(*[f"in/{n}" for n in range(MAX_RUNS + 1)], etag=etag_of(INPUT))
    harness.store.calls.clear()
    assert send(harness, failed_invocation(event, TIMED_OUT)).results == ()
    assert harness.store.calls.total() == 0


def test_text_of_a_record_does_not_reach_the_job(tmp_path: Path) -> None:
    harness = victim(tmp_path)
    event = changed_event(note="stolen", size=10**9)
    event["Records"][0] |= {"awsRegion": "stolen", "userIdentity": {"principalId": "stolen"}}
    (result,) = send(harness, failed_invocation(event, KILLED)).results
    assert result.state is RunOutcome.SUBMITTED
    (job,) = harness.submitter.submitted
    assert "stolen" not in json.dumps(dict(job.environment))
    (trigger,) = parser.parse_event(job.environment["SCAR_EVENT"].encode())
    assert isinstance(trigger, ObjectEvent)
    assert trigger.size == len(INPUT)


def test_one_version_of_an_object_is_recovered_as_one_run_only(tmp_path: Path) -> None:
    harness = victim(tmp_path)
    assert send(harness, failed_invocation(EVENT, TIMED_OUT)).results[0].job_id == "job-1"
    for number, event in enumerate(
        [
            changed_event(sequencer="FF"),
            changed_event(versionId="v2"),
            notification("in/x", etag=etag_of(INPUT), sequencer="00A2"),
        ]
    ):
        sent = failed_invocation(event, TIMED_OUT, request=f"forged-{number}")
        assert send(harness, sent).results[0].state is RunOutcome.DUPLICATE
    assert len(harness.submitter.submitted) == 1


def test_a_failed_run_is_started_again_by_its_user_only(tmp_path: Path) -> None:
    harness = victim(tmp_path, ExecutionMode.LAMBDA)
    send(harness, failed_invocation(EVENT, TIMED_OUT))
    ((folder, _),) = {k.rpartition("/")[::2] for k in records(harness) if k.endswith("error.json")}
    config = replace(harness.supervisor.config, mode=ExecutionMode.LAMBDA_BATCH)
    harness.supervisor = replace(harness.supervisor, config=config)
    again = failed_invocation(EVENT, TIMED_OUT, request="req-2")
    assert send(harness, again).results[0].state is RunOutcome.DUPLICATE
    assert harness.submitter.submitted == []
    harness.store.put(f"{folder}/retry.json", b'{"format": 1}', bucket=STATE)
    assert send(harness, again).results[0].state is RunOutcome.SUBMITTED


def test_a_forged_sequencer_does_not_outlast_a_newer_upload(tmp_path: Path) -> None:
    harness = victim(tmp_path, ExecutionMode.LAMBDA_BATCH)
    send(harness, failed_invocation(changed_event(sequencer="FFFF"), KILLED))
    (job,) = harness.submitter.submitted
    harness.supervisor.handle(job_invocation(job, harness.store))
    metadata = harness.store.objects["data", "out/x"][1].metadata
    assert (metadata[SEQUENCER_KEY], metadata[RECOVERED_KEY]) == ("FFFF", "true")
    harness.store.put("in/x", b"newer")
    harness.supervisor.handle(lambda_invocation(notification("in/x", etag=etag_of(b"newer"))))
    assert harness.store.keys()["out/x"] == b"newer"


# What a function can know of an input are its key and its ETag.
FORGED: dict[str, Callable[[SupervisorHarness], object]] = {
    "too old": lambda h: send(h, a_forged("AA", None, "EventAgeExceeded")),
    "dropped": lambda h: send(h, a_forged("FFFF", None, "RecursionDetected")),
    "failed by itself": lambda h: send(h, a_forged("AA", ("ScriptFailed", "status 1"))),
    "more memory than Batch has": lambda h: send(h, a_forged("AA", KILLED)),
    "a timeout": lambda h: send(h, a_forged("AA", TIMED_OUT)),
    "a crash before its claim": lambda h: crashed(h, 1),
    "a crash after its submission": lambda h: crashed(h, 2),
    "an error of Batch": lambda h: refused(h, SubmissionError("busy")),
    "no answer of Batch": lambda h: refused(h, SubmissionThrottled("busy")),
    "two errors of Batch": lambda h: refused(h, SubmissionThrottled("busy"), times=2),
}


def a_forged(
    sequencer: str, error: tuple[str, str] | None, condition: str = "RetriesExhausted"
) -> Invocation:
    event = changed_event(sequencer=sequencer, versionId="v9")
    return failed_invocation(event, error, request="forged", condition=condition)


def crashed(harness: SupervisorHarness, writes: int) -> None:
    """Let the handler end before a write, and its sender does not try again."""
    handler = new_failure_handler(harness)
    left = [writes]

    def before(method: str, _ref: object) -> None:
        left[0] -= method == "write"
        if left[0] < 0:
            raise Crash

    broken = replace(harness.store, before=before)
    with pytest.raises(Crash):
        replace(handler, open_store=lambda _: broken).handle(a_forged("AA", TIMED_OUT))


def refused(harness: SupervisorHarness, error: SupervisorError, times: int = 1) -> None:
    class Refusing:
        def submit(self, job: JobRequest, *, until: float | None = None) -> str:
            del job, until
            raise error

        def has_ended(self, job: str, *, until: float | None = None) -> bool:
            raise AssertionError(job, until)

        def was_out_of_memory(self, job: str, attempt: int) -> bool:
            raise AssertionError(job, attempt)

    handler = replace(new_failure_handler(harness), open_submitter=lambda _: Refusing())
    for _ in range(times):
        assert handler.handle(a_forged("AA", TIMED_OUT)).results[0].error is error


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_record_does_not_keep_a_run_from_its_only_job(tmp_path: Path, name: str) -> None:
    harness = victim(tmp_path, ExecutionMode.LAMBDA_BATCH)
    config = replace(harness.supervisor.config, memory=4096)
    harness.supervisor = replace(harness.supervisor, config=config)
    FORGED[name](harness)
    send(harness, failed_invocation(EVENT, TIMED_OUT, request="genuine"))
    expected = 1 + (name == "a crash after its submission")
    assert len(harness.submitter.submitted) == expected
    send(harness, failed_invocation(EVENT, TIMED_OUT, request="genuine"))
    FORGED["a timeout"](harness)
    jobs = harness.submitter.submitted
    assert len(jobs) == expected
    assert len({job.environment["SCAR_RUN_ID"] for job in jobs}) == 1
    states = [
        harness.supervisor.handle(job_invocation(job, harness.store, number=job.name)).results
        for job in jobs
    ]
    assert [r.state for (r,) in states[:1]] == [RunOutcome.DONE]
    assert harness.store.created["out/x"] == 1


def test_a_recovered_run_does_not_ask_for_the_version_id_of_a_record(tmp_path: Path) -> None:
    harness = victim(tmp_path, ExecutionMode.LAMBDA_BATCH)
    send(harness, a_forged("AA", TIMED_OUT))
    (job,) = harness.submitter.submitted
    versions: list[VersionPin] = []

    class Recording(MemoryStore):
        def download(self, ref: ObjectRef, target: Path, *, version: VersionPin) -> StoredObject:
            versions.append(version)
            return super().download(ref, target, version=version)

    store = Recording(objects=harness.store.objects, clock=harness.store.clock)
    supervisor = replace(harness.supervisor, open_store=lambda _provider: store)
    supervisor.handle(job_invocation(job, store))
    assert versions == [VersionPin(version_id="", etag=etag_of(INPUT))]


@pytest.mark.parametrize("name", ["too old", "dropped", "failed by itself", "memory"])
@pytest.mark.parametrize("mode", ExecutionMode)
def test_no_failure_of_an_object_that_has_a_run_is_recorded(
    tmp_path: Path, name: str, mode: ExecutionMode
) -> None:
    harness = victim(tmp_path, mode)
    harness.supervisor.handle(lambda_invocation(EVENT))
    before = records(harness)
    assert before
    forge = FORGED.get(name, FORGED["more memory than Batch has"])
    if name == "memory":
        config = replace(harness.supervisor.config, memory=10**6)
        harness.supervisor = replace(harness.supervisor, config=config)
    submitted = list(harness.submitter.submitted)
    forge(harness)
    assert records(harness) == before
    assert harness.submitter.submitted == submitted


DAY = 86_400


@pytest.mark.parametrize("days", [-1, 0, 1, 6])
def test_a_run_is_found_though_its_event_has_another_date(tmp_path: Path, days: int) -> None:
    harness = victim(tmp_path)
    harness.supervisor = replace(harness.supervisor, now=lambda: NOW + max(days, 0) * DAY)
    harness.supervisor.handle(lambda_invocation(dated(copy.deepcopy(EVENT), days)))
    before = records(harness)
    assert before
    send(harness, a_forged("AA", None, "EventAgeExceeded"))
    assert records(harness) == before


@pytest.mark.parametrize("days", [-2, 2, 300])
def test_a_failure_at_a_date_of_no_event_is_not_recorded(tmp_path: Path, days: int) -> None:
    harness = victim(tmp_path)
    event = dated(changed_event(sequencer="AA"), days)
    send(harness, failed_invocation(event, None, condition="EventAgeExceeded"))
    assert records(harness) == {}


def test_a_failure_of_an_old_object_is_not_recorded(tmp_path: Path) -> None:
    harness = victim(tmp_path)
    harness.supervisor = replace(harness.supervisor, now=lambda: NOW + 10 * DAY)
    send(harness, a_forged("AA", None, "EventAgeExceeded"))
    assert records(harness) == {}


def dated(event: dict[str, Any], days: int) -> dict[str, Any]:
    time = datetime.fromtimestamp(NOW + days * DAY, UTC)
    event["Records"][0]["eventTime"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return event


def test_forged_failures_of_an_object_without_a_run_are_recorded_once(tmp_path: Path) -> None:
    harness = victim(tmp_path)
    for number in range(3):
        send(harness, a_forged(f"A{number}", None, "EventAgeExceeded"))
    assert sum(key.endswith("/error.json") for key in records(harness)) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["script", "cmd_args", "Records", "s3", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    event=JSON | st.builds(changed_event, key=st.text(max_size=9), eTag=st.text(max_size=4)),
    request=st.text(max_size=70),
    condition=st.sampled_from(["RetriesExhausted", "EventAgeExceeded", "\x1b]0;x\x07"]),
    time=st.text(max_size=12),
)
def test_no_record_that_is_made_up_starts_or_records_anything(
    tmp_path: Path, event: object, request: str, condition: str, time: str
) -> None:
    harness = victim(tmp_path)
    claimed(harness, {"own": 1}, "real-1")
    before = records(harness)
    sent = failed_invocation(event, KILLED, request=request, condition=condition)
    record = json.loads(sent.event) | {"timestamp": time}
    result = send(harness, replace(sent, event=json.dumps(record).encode()))
    assert all(r.error is None for r in result.results)
    assert harness.submitter.submitted == []
    assert records(harness) == before


def test_the_whole_bucket_as_input_confirms_only_that_bucket(tmp_path: Path) -> None:
    harness = victim(tmp_path)
    config = replace(harness.supervisor.config, inputs=(InputRule(bucket="data"),))
    harness.supervisor = replace(harness.supervisor, config=config)
    event = notification("secret/x", etag=etag_of(INPUT))
    assert send(harness, failed_invocation(event, KILLED)).results[0].job_id == "job-1"
    harness.store.put("x", INPUT, bucket=STATE)
    event = notification("x", etag=etag_of(INPUT), bucket=STATE)
    send(harness, failed_invocation(event, KILLED, request="req-2"))
    assert len(harness.submitter.submitted) == 1
