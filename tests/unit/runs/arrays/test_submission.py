"""Arrays are submitted once, whatever happens to the requests; and how many there are."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.requests.rules.batch import check_submit_job
from scar.errors import ScarError, UsageError
from scar.runs.arrays.array_plan import ChildResources, divide
from scar.runs.arrays.array_search import ArrayNotFoundError, find_array, is_array_name
from scar.runs.arrays.array_store import ArrayStore
from scar.runs.arrays.submission import (
    MAX_SUBMISSIONS,
    ArrayRequest,
    ArraySubmitter,
    SubmissionUnknownError,
    read_resources,
)
from scar.runs.ledger import RunLedger
from supervisor.batch import array_manifest
from supervisor.batch.job_request import JOB_VARIABLE
from supervisor.batch.resubmission import parse_run_job
from supervisor.invocation import RunJob
from supervisor.job_model import BatchTarget, ExitRetry, JobOptions, NodeGroup
from tests.fakes.s3_listing_client import ListedS3
from tests.fakes.supervisor_factory import notification

TARGET = BatchTarget(queue="scar-1", definition="fn", memory=512)
REQUEST = ArrayRequest(function="fn", target=TARGET, source="data/in", principal="arn:me")
EVENTS = [json.dumps(notification(f"in/{n}")) for n in range(5)]
TIMEOUT = ReadTimeoutError(endpoint_url="https://batch")
REFUSED = EndpointConnectionError(endpoint_url="https://batch")


def error(status: int, code: str) -> ClientError:
    response = {"Error": {"Code": code, "Message": code}}
    return ClientError(
        {**response, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "SubmitJob",
    )


@dataclass
class FlakyBatch:
    """SubmitJob that fails as ``failures`` say; ``accepts``: the job exists all the same."""

    failures: list[Exception] = field(default_factory=list)
    accepts: bool = False
    submitted: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, str] = field(default_factory=dict)
    lookups: int = 0
    queue: str = "scar-1"
    seen_after: int = 0  # lookups after which ListJobs has the job

    def submit_job(self, **parameters: Any) -> dict[str, str]:  # noqa: ANN401 as boto3 has it
        self.submitted.append(parameters)
        assert list(check_submit_job(parameters)) == []
        failure = self.failures.pop(0) if self.failures else None
        if failure is None or self.accepts:
            self.jobs[parameters["jobName"]] = f"job-{len(self.submitted)}"
        if failure is not None:
            raise failure
        return {"jobId": self.jobs[parameters["jobName"]]}

    def list_jobs(self, *, jobQueue: str, filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert jobQueue == self.queue
        self.lookups += 1
        (name,) = filters[0]["values"]
        found = self.jobs.get(name) if self.lookups > self.seen_after else None
        return {"jobSummaryList": [{"jobId": found}] if found else []}


def a_submitter(s3: ListedS3, batch: FlakyBatch) -> ArraySubmitter:
    store = ArrayStore(cast("Any", s3), "state")
    return ArraySubmitter(store, cast("Any", batch), sleep=lambda _: None, now=lambda: 1e9)


def test_an_array_is_one_request_to_batch_and_three_objects() -> None:
    s3, batch = ListedS3(), FlakyBatch()
    (array,) = a_submitter(s3, batch).submit(EVENTS, REQUEST)
    assert len(batch.submitted) == 1
    assert s3.calls == {"put": 3}
    (job,) = batch.submitted
    assert job["arrayProperties"] == {"size": 5}
    assert (job["jobQueue"], job["jobDefinition"]) == ("scar-1", "fn")
    store = ArrayStore(cast("Any", s3), "state")
    (listed,) = store.list_arrays("fn")
    assert (listed.job, listed.count, listed.path) == (array.job, 5, array.path)
    assert [event.decode() for event in store.read_events(listed)] == EVENTS
    facts = store.read_description(listed.path)
    assert (facts["source"], facts["by"], facts["count"]) == ("data/in", "arn:me", 5)
    # Nothing of it looks like a run.
    assert list(RunLedger(cast("Any", s3), "state").list_runs("fn")) == []
    assert RunLedger(cast("Any", s3), "state").list_days("fn") == ()


@pytest.mark.parametrize("failure", [TIMEOUT, error(503, "ServiceUnavailable")], ids=str)
@pytest.mark.parametrize("seen_after", [0, 2])
def test_a_job_whose_response_was_lost_is_found_by_its_name(
    failure: Exception, seen_after: int
) -> None:
    s3, batch = ListedS3(), FlakyBatch([failure], accepts=True, seen_after=seen_after)
    (array,) = a_submitter(s3, batch).submit(EVENTS, REQUEST)
    assert array.job == "job-1"
    assert len(batch.submitted) == 1


def test_a_request_that_was_lost_is_sent_again_after_a_look_for_the_job() -> None:
    s3, batch = ListedS3(), FlakyBatch([TIMEOUT])
    (array,) = a_submitter(s3, batch).submit(EVENTS, REQUEST)
    assert (array.job, len(batch.submitted), batch.lookups) == ("job-2", 2, 3)
    assert len({job["jobName"] for job in batch.submitted}) == 1


def test_no_answer_at_all_ends_with_an_error_and_no_job_record() -> None:
    s3, batch = ListedS3(), FlakyBatch([TIMEOUT] * 9)
    with pytest.raises(SubmissionUnknownError, match="did not answer SubmitJob"):
        list(a_submitter(s3, batch).submit(EVENTS, REQUEST))
    assert len(batch.submitted) == MAX_SUBMISSIONS
    assert list(ArrayStore(cast("Any", s3), "state").list_arrays("fn")) == []


@pytest.mark.parametrize("failure", [error(403, "AccessDeniedException"), REFUSED], ids=str)
def test_what_was_refused_is_not_sent_again(failure: Exception) -> None:
    s3, batch = ListedS3(), FlakyBatch([failure])
    with pytest.raises(ScarError, match="submit the array job"):
        list(a_submitter(s3, batch).submit(EVENTS, REQUEST))
    assert (len(batch.submitted), batch.lookups) == (1, 0)


def test_options_and_shares_are_those_of_single_jobs() -> None:
    target = replace(
        TARGET,
        share="lab",
        priority=7,
        queues={"default": "scar-1", "priority": "scar-1-p"},
        exit_rules=({"action": "EXIT", "onReason": "*"},),
    )
    options = JobOptions(vcpus="2", memory=640, timeout=60, attempts=3, queue="priority")
    batch, s3 = FlakyBatch(queue="scar-1-p"), ListedS3()
    list(a_submitter(s3, batch).submit(EVENTS, replace(REQUEST, target=target, options=options)))
    (job,) = batch.submitted
    needs = {r["type"]: r["value"] for r in job["containerOverrides"]["resourceRequirements"]}
    assert needs == {"VCPU": "2", "MEMORY": "640"}
    assert job["timeout"] == {"attemptDurationSeconds": 60}
    assert job["retryStrategy"] == {
        "attempts": 3,
        "evaluateOnExit": [{"action": "EXIT", "onReason": "*"}],
    }
    assert (job["shareIdentifier"], job["schedulingPriorityOverride"]) == ("lab", 7)
    assert job["jobQueue"] == "scar-1-p"
    store = ArrayStore(cast("Any", s3), "state")
    (array,) = store.list_arrays("fn")
    facts = store.read_description(array.path)
    assert facts["queue"] == "scar-1-p"
    assert facts["options"] == {
        "vcpus": "2",
        "memory": 640,
        "timeout": 60,
        "attempts": 3,
        "queue": "priority",
    }
    assert all(v["name"] != JOB_VARIABLE for v in job["containerOverrides"]["environment"])


def test_without_options_a_submission_is_as_small_as_it_was() -> None:
    batch = FlakyBatch()
    list(a_submitter(ListedS3(), batch).submit(EVENTS, REQUEST))
    (job,) = batch.submitted
    assert job.keys() == {
        "jobName",
        "jobQueue",
        "jobDefinition",
        "arrayProperties",
        "containerOverrides",
    }
    names = [one["name"] for one in job["containerOverrides"]["environment"]]
    assert names == ["SCAR_EVENT_URL", "SCAR_ARRAY_URL", "SCAR_ARRAY_WIDTH"]


def test_the_second_job_of_a_child_is_planned_from_its_options() -> None:
    target = replace(TARGET, retry=(ExitRetry(exit_code=137, factor=2.0),))
    batch = FlakyBatch()
    request = replace(REQUEST, target=target, options=JobOptions(memory=640))
    list(a_submitter(ListedS3(), batch).submit(EVENTS, request))
    (job,) = batch.submitted
    (text,) = [
        v["value"] for v in job["containerOverrides"]["environment"] if v["name"] == JOB_VARIABLE
    ]
    assert parse_run_job(text) == RunJob(options=JobOptions(memory=640))


def test_a_response_that_was_lost_is_looked_for_in_the_queue_of_the_submission() -> None:
    target = replace(TARGET, queues={"priority": "scar-1-p"})
    batch = FlakyBatch([TIMEOUT], accepts=True, queue="scar-1-p")
    request = replace(REQUEST, target=target, options=JobOptions(queue="priority"))
    (array,) = a_submitter(ListedS3(), batch).submit(EVENTS, request)
    assert (array.job, batch.lookups) == ("job-1", 1)


def test_a_multi_node_function_has_no_arrays() -> None:
    target = replace(TARGET, nodes=NodeGroup(count=2))
    batch = FlakyBatch()
    with pytest.raises(ScarError, match="multi-node"):
        list(a_submitter(ListedS3(), batch).submit(EVENTS, replace(REQUEST, target=target)))
    assert not batch.submitted


@given(st.integers(2, 45_000))
def test_arrays_are_few_and_never_of_one_child(number: int) -> None:
    events = [str(n) for n in range(number)]
    parts = list(divide(events))
    assert [event for part in parts for event in part] == events
    assert len(parts) == -(-number // array_manifest.MAX_CHILDREN)
    assert all(2 <= len(part) <= array_manifest.MAX_CHILDREN for part in parts)


def test_the_resources_are_those_of_the_newest_revision() -> None:
    class Definitions:
        def describe_job_definitions(self, **_: str) -> dict[str, Any]:
            def needs(memory: str) -> dict[str, Any]:
                values = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": memory}]
                return {"resourceRequirements": values}

            return {
                "jobDefinitions": [
                    {
                        "revision": n,
                        "containerProperties": needs(str(n * 512)),
                        "timeout": {"attemptDurationSeconds": n},
                        "platformCapabilities": ["FARGATE"],
                    }
                    for n in (1, 3, 2)
                ]
            }

    assert read_resources(cast("Any", Definitions()), "fn") == ChildResources(
        vcpus=0.25, memory=1536, gpus=0, timeout=3, is_fargate=True
    )


def test_an_array_is_found_by_its_id_its_start_and_its_job() -> None:
    s3, batch = ListedS3(), FlakyBatch()
    (array,) = a_submitter(s3, batch).submit(EVENTS, REQUEST)
    store = ArrayStore(cast("Any", s3), "state")
    for text in (array.name, array.name[:10], "job-1"):
        assert find_array(store, text, ["fn"])[0].job == "job-1"
    assert find_array(store, f"{array.name}:4", ["fn"])[1] == 4
    for text in (f"{array.name}:5", f"{array.name}:x", "array-", "array-zz"):
        with pytest.raises(ArrayNotFoundError):
            find_array(store, text, ["fn"])
    list(a_submitter(s3, batch).submit(EVENTS, REQUEST))
    with pytest.raises((UsageError, ArrayNotFoundError)):
        find_array(store, "array-", ["fn"])


def test_a_run_id_is_no_name_of_an_array() -> None:
    assert is_array_name("4ae4c1a4-0000-4000-8000-000000000000:3")
    assert not is_array_name("4ae4c1a40000400080004ae4c1a40000")
    assert not is_array_name("s3://data/array-1")


def test_a_damaged_manifest_is_an_error_that_names_the_array() -> None:
    s3, batch = ListedS3(), FlakyBatch()
    (array,) = a_submitter(s3, batch).submit(EVENTS, REQUEST)
    key = array.path.key(array_manifest.MANIFEST)
    body, _ = s3.objects[key]
    for damaged in (body[:-1], b"", body.replace(b"{", b"[")):
        s3.put(key, 0, damaged)
        with pytest.raises(ScarError, match=array.name):
            ArrayStore(cast("Any", s3), "state").read_events(array)
